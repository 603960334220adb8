import type { GeneratorValue } from 'fast-check'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { and, joinedload, not, or, selectinload, type Session } from '../../../orm/index.ts'
import { relationHandle } from '../../../orm/entity/relation-handle.ts'
import { testDatabase } from '../../support/database.ts'
import { conditionOf } from '../sql/model/conditions.ts'
import { type Both, Drawing, type Refs, type Scope } from '../sql/model/operands.ts'
import {
  entities,
  follow,
  modelOf,
  randomWorld,
  type Row,
  store,
  type World,
} from '../sql/model/tables.ts'

const { query, database } = await testDatabase()
await query(`create type mood as enum ('wild', 'calm', 'sad')`)
await database.createSchema(entities)

/** Draws conditions on the columns of one row alone. */
class OwnColumns extends Drawing {
  override way([scope]: readonly Scope[]) {
    const { table } = scope as Scope
    return {
      table,
      write: ([refs]: readonly Refs[]) => refs as Refs,
      read: ([row]: readonly Row[]) => row,
    }
  }
}

type Filters = Readonly<Record<string, Both>>

/** Filters of some of the tables. */
function drawFilters(gen: GeneratorValue): Filters {
  const draw = new OwnColumns(gen, {})
  const filters: Record<string, Both> = {}
  for (const table of ['Person', 'Post', 'Tag', 'Place', 'Profile', 'PostTag']) {
    if (draw.chance(3)) continue
    const [one, other] = [0, 1].map(() => conditionOf(draw, [{ table }], 0)) as [Both, Both]
    // Most rows stay.
    filters[table] = {
      write: (refs) => or(not(one.write(refs)), other.write(refs)),
      holds: (env) => {
        const [first, second] = [one.holds(env), other.holds(env)]
        if (first === false || second === true) return true
        return first === null || second === null ? null : false
      },
    }
  }
  return filters
}

const shown = (world: World, filters: Filters): World =>
  Object.fromEntries(
    Object.entries(world).map(([table, rows]) => [
      table,
      rows.filter((row) => filters[table] === undefined || filters[table].holds([row]) === true),
    ]),
  )

const keyOf = (table: string, row: object): string =>
  modelOf(table)
    .key.map((name) => {
      const value = (row as Entity)[name] as { readonly value: unknown } | string | number
      return String(typeof value === 'object' ? value.value : value)
    })
    .join()

function narrow(session: Session, filters: Filters): void {
  for (const [table, { write }] of Object.entries(filters))
    session.addFilter(modelOf(table).entity as never, (row: Refs) => write([row]))
}

type Entity = Readonly<Record<string, unknown>>

/** What the relations of entities lead to, by the keys of all. Awaits what no loader has loaded. */
async function graphOf(table: string, entities_: readonly object[]): Promise<unknown> {
  const graph: Record<string, unknown> = {}
  for (const entity of entities_) {
    const { relations } = modelOf(table)
    const related: Record<string, string[]> = {}
    for (const [name, { target }] of Object.entries(relations)) {
      const found = [await (relationHandle(entity, name) as PromiseLike<Entity | null>)].flat()
      related[name] = found.flatMap((one) => (one === null ? [] : keyOf(target, one))).sort()
    }
    graph[keyOf(table, entity)] = related
  }
  return graph
}

/** The same of rows. */
function expectedGraph(world: World, table: string, rows: readonly Row[]): unknown {
  const relatedOf = (row: Row) =>
    Object.entries(modelOf(table).relations).map(([name, { target }]) => [
      name,
      follow(world, table, name, row)
        .map((one) => keyOf(target, one))
        .sort(),
    ])
  return Object.fromEntries(
    rows.map((row) => [keyOf(table, row), Object.fromEntries(relatedOf(row))]),
  )
}

it(
  'rows that default filters hide are as if they were not there',
  { timeout: 240_000 },
  async () => {
    let [found, hidden] = [0, 0]
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (gen) => {
        const whole = randomWorld(gen)
        await store(whole, query)
        const filters = drawFilters(gen)
        const world = shown(whole, filters)
        const draw = new Drawing(gen, world)
        for (let time = 0; time < 6; time += 1) {
          const table = draw.pick('Person', 'Post', 'Tag', 'Place', 'Profile')
          const { entity, key, relations } = modelOf(table)
          const condition = conditionOf(draw, [{ table }], 4)
          const value = draw.count([{ table }], (scopes) => conditionOf(draw, scopes, 2), and)
          const all = whole[table] ?? []
          const visible = world[table] ?? []
          const rows = visible.filter((row) => condition.holds([row]) === true)
          found += rows.length
          hidden += all.length - visible.length

          await using session = database.session({ lazy: draw.pick('select', 'peers') })
          narrow(session, filters)
          const asked = session.find(entity).filter((row: Refs) => condition.write([row]))
          const loaders = Object.keys(relations)
            .filter(() => draw.chance(2))
            .map((name) => draw.pick(selectinload, joinedload)((entity as never)[name]))
          const given: readonly object[] = await asked.options(...(loaders as never[])).toList()
          expect(await graphOf(table, given)).toEqual(expectedGraph(world, table, rows))
          expect(await asked.count()).toBe(rows.length)
          const select = (row: Refs): object => ({
            ...keyRefs(key, row),
            value: value.write([row]),
          })
          const selected = (await asked.select(select as never).toList()) as Entity[]
          expect(new Map(selected.map((each) => [keyOf(table, each), each['value']]))).toEqual(
            new Map(rows.map((row) => [keyOf(table, row), value.read([row])?.value ?? null])),
          )

          await using other = database.session()
          narrow(other, filters)
          const keys = all.map((row) => givenKey(key, row))
          const got: readonly object[] = await other.getMany(entity, keys as never)
          expect(got.map((each) => keyOf(table, each))).toEqual(
            visible.map((row) => keyOf(table, row)),
          )
        }
      }),
      { numRuns: 60 },
    )
    expect(found).toBeGreaterThan(100)
    expect(hidden).toBeGreaterThan(100)
  },
)

function givenKey(key: readonly string[], row: Row): unknown {
  if (key.length === 1) return row['id']?.value
  return Object.fromEntries(key.map((name) => [name, row[name]?.value]))
}

function keyRefs(key: readonly string[], row: Refs): Readonly<Record<string, unknown>> {
  return Object.fromEntries(key.map((name) => [name, row[name]]))
}
