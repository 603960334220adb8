import { expect } from 'vitest'
import {
  and,
  type AnyEntityClass,
  type ColumnRef,
  type Database,
  type Expression,
  joinedload,
  type Loader,
  type Order,
  selectinload,
  type ToMany,
} from '../../../orm/index.ts'
import { relationHandle } from '../../../orm/entity/relation-handle.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'

/** The labels of what a relation leads to: a list, one, or null. */
export type Labels = readonly string[] | string | null

interface ToOne {
  readonly label: Expression<unknown>
}

interface Labelled {
  readonly label: string
}

type Value = readonly Labelled[] | Labelled | null

type AnyLoader = Loader<never, Labelled>

/** What `select` reads behind a relation of each row, in the order of their keys: a label, or a count. */
export async function selected(
  database: Database,
  entity: AnyEntityClass,
  name: string,
): Promise<unknown[]> {
  const isOne = tableOf(entity).relation(name).cardinality === 'one'
  const rows = await database.run((session) =>
    session
      .find(entity)
      .orderBy((row) => byKey(entity, row))
      .select((row) => {
        const relation = (row as Readonly<Record<string, ToOne & ToMany<unknown>>>)[name]
        return { value: (isOne ? relation?.label : relation?.count()) as Expression<unknown> }
      })
      .toList(),
  )
  return rows.map(({ value }) => value)
}

/**
 * What a relation gives for each row of an entity, in the order of their keys: lazily, for peers, eagerly,
 * with a filter, joined, and a list also with limits. All of them have to say the same.
 *
 * @param isJoined whether both columns have one type: PostgreSQL compares columns of two types by other rules than a key
 */
export async function bothWays(
  database: Database,
  entity: AnyEntityClass,
  name: string,
  isJoined: boolean = true,
): Promise<Labels[]> {
  const lazy = await labels(database, entity, name)
  expect(await labels(database, entity, name, 'peers')).toEqual(lazy)
  const loader: AnyLoader = selectinload<never, Labelled>((entity as never)[name])
  expect(await labels(database, entity, name, loader)).toEqual(lazy)
  const all = () => and()
  expect(await labels(database, entity, name, loader.filter(all))).toEqual(lazy)
  const joined: AnyLoader = joinedload<never, Labelled>((entity as never)[name])
  if (isJoined) expect(await labels(database, entity, name, joined)).toEqual(lazy)
  if (tableOf(entity).relation(name).cardinality === 'one') return lazy
  const pairs = lazy.map((list) => list?.slice(0, 2))
  if (isJoined) expect(await labels(database, entity, name, joined.limit(2))).toEqual(pairs)
  for (const limit of [1, 2, 100]) {
    const firsts = lazy.map((list) => list?.slice(0, limit))
    expect(await labels(database, entity, name, loader.limit(limit))).toEqual(firsts)
    expect(await labels(database, entity, name, loader.filter(all).limit(limit))).toEqual(firsts)
  }
  return lazy
}

async function labels(
  database: Database,
  entity: AnyEntityClass,
  name: string,
  by: AnyLoader | 'select' | 'peers' = 'select',
): Promise<Labels[]> {
  const isLazy = by === 'select' || by === 'peers'
  const session = database.session({ nPlusOne: 'off', ...(isLazy && { lazy: by }) })
  try {
    const owners = session.find(entity).orderBy((row) => byKey(entity, row))
    const found = await (isLazy ? owners : owners.options(by as never)).toList()
    const result: Labels[] = []
    for (const owner of found) {
      const relation = relationHandle(owner, name)
      const value = (isLazy ? await relation : relation.value) as Value
      result.push(labelsOf(value))
    }
    if (by !== 'select') expect(session.stats.queryCount).toBeLessThanOrEqual(2)
    return result
  } finally {
    await session.close()
  }
}

/** What {@link selected} gives of a relation. */
export function countOrLabel(labels: Labels): number | string | null {
  return labels === null || typeof labels === 'string' ? labels : labels.length
}

function byKey(entity: AnyEntityClass, row: object): Order[] {
  const columns = row as Readonly<Record<string, ColumnRef<unknown>>>
  return tableOf(entity).primaryKey.map(({ property }) =>
    (columns[property] as ColumnRef<unknown>).asc(),
  )
}

function labelsOf(value: Value): Labels {
  if (value === null || 'label' in value) return value?.label ?? null
  return value.map(({ label }) => label)
}
