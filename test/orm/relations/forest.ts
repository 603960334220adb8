import fc from 'fast-check'
import {
  type AnyEntityClass,
  belongsTo,
  hasMany,
  hasOne,
  integer,
  joinedload,
  keyOf,
  type Loader,
  type LoaderOf,
  manyToMany,
  selectinload,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { relationHandle } from '../../../orm/entity/relation-handle.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import type { TestDatabase } from '../../support/database.ts'

/** A row with a composite key that refers to rows of the same table. */
export class Tree extends table(
  'trees',
  {
    area: text().primaryKey(),
    no: integer().primaryKey(),
    rank: integer().nullable(),
    parentArea: text().nullable(),
    parentNo: integer().nullable(),
    parent: () => belongsTo(Tree, ['parentArea', 'parentNo']),
    children: () => hasMany(Tree, ['parentArea', 'parentNo']),
    notes: () => hasMany(Note, ['area', 'treeNo']),
    labels: () => manyToMany(Label, { through: Link }),
    cover: () => hasOne(Cover, ['area', 'treeNo']),
  },
  { foreignKeys: [{ columns: ['parentArea', 'parentNo'], references: () => keyOf(Tree) }] },
) {}

class Note extends table(
  'notes',
  {
    id: integer().primaryKey(),
    rank: integer().nullable(),
    at: timestamptz().nullable(),
    area: text().nullable(),
    treeNo: integer().nullable(),
    replyToId: integer()
      .nullable()
      .references(() => Note),
    tree: () => belongsTo(Tree, ['area', 'treeNo']),
    replyTo: () => belongsTo(Note, 'replyToId'),
    replies: () => hasMany(Note, 'replyToId'),
  },
  { foreignKeys: [{ columns: ['area', 'treeNo'], references: () => keyOf(Tree) }] },
) {}

/** An owner may have several: the first counts. */
class Cover extends table(
  'covers',
  {
    id: integer().primaryKey(),
    rank: integer().nullable(),
    area: text(),
    treeNo: integer(),
    tree: () => belongsTo(Tree, ['area', 'treeNo']),
  },
  { foreignKeys: [{ columns: ['area', 'treeNo'], references: () => keyOf(Tree) }] },
) {}

class Label extends table('labels', {
  name: text().primaryKey(),
  rank: integer().nullable(),
  trees: () => manyToMany(Tree, { through: Link }),
}) {}

/** May link two rows several times. */
class Link extends table(
  'links',
  {
    id: integer().primaryKey(),
    area: text(),
    treeNo: integer(),
    labelName: text().references(() => Label),
  },
  { foreignKeys: [{ columns: ['area', 'treeNo'], references: () => keyOf(Tree) }] },
) {}

export const forest = [Tree, Note, Cover, Label, Link] as const

// --- rows

const areas = ['a', 'a,b', ''] as const
const rank = fc.option(fc.integer({ min: 0, max: 3 }))
const place = fc.nat(5)

/** Rows of all tables, which refer to each other by their places. */
export const rowsOfForest = fc
  .record({
    trees: fc.uniqueArray(
      fc.record({
        area: fc.constantFrom(...areas),
        no: fc.integer({ min: 1, max: 3 }),
        rank,
        parent: fc.option(place),
      }),
      { maxLength: 6, selector: ({ area, no }) => `${area}/${no}` },
    ),
    notes: fc.array(fc.record({ rank, tree: fc.option(place), replyTo: fc.option(place) }), {
      maxLength: 8,
    }),
    covers: fc.array(fc.record({ rank, tree: place }), { maxLength: 4 }),
    labels: fc.array(fc.record({ rank }), { maxLength: 3 }),
    links: fc.array(fc.record({ tree: place, label: place }), { maxLength: 8 }),
  })
  .map(({ trees, notes, covers, labels, links }) => {
    const at = <T>(list: readonly T[], index: number | null): T | undefined =>
      index === null || list.length === 0 ? undefined : list[index % list.length]
    const id = (index: number): number => index + 1
    const names = labels.map((_, index) => `label ${index}`)
    return {
      trees: trees.map(({ area, no, rank: of, parent }) => {
        const above = at(trees, parent)
        return { area, no, rank: of, parent_area: above?.area, parent_no: above?.no }
      }),
      notes: notes.map(({ rank: of, tree, replyTo }, index) => {
        const under = at(trees, tree)
        const reply = replyTo === null ? null : id(replyTo % notes.length)
        const time = `2024-02-29T12:00:00.00000${index}Z`
        return {
          id: id(index),
          rank: of,
          at: index % 2 === 0 ? time : null,
          reply_to_id: reply,
          area: under?.area,
          tree_no: under?.no,
        }
      }),
      covers:
        trees.length === 0
          ? []
          : covers.map(({ rank: of, tree }, index) => {
              const under = at(trees, tree)
              return { id: id(index), rank: of, area: under?.area, tree_no: under?.no }
            }),
      labels: labels.map(({ rank: of }, index) => ({ name: names[index], rank: of })),
      links:
        trees.length === 0 || labels.length === 0
          ? []
          : links.map(({ tree, label }, index) => {
              const under = at(trees, tree)
              return {
                id: id(index),
                area: under?.area,
                tree_no: under?.no,
                label_name: at(names, label),
              }
            }),
    }
  })

type Rows = typeof rowsOfForest extends fc.Arbitrary<infer T> ? T : never

export async function storeForest({ query, truncate }: TestDatabase, rows: Rows): Promise<void> {
  await truncate()
  const inserts = ['trees', 'notes', 'covers', 'labels', 'links'].map(
    (name) =>
      `${name} as (insert into ${name} select * from json_populate_recordset(null::${name}, $1->'${name}'))`,
  )
  await query(`with ${inserts.join(', ')} select`.replaceAll('$1', '$1::json'), [
    JSON.stringify(rows),
  ])
}

// --- loaders

interface Choice {
  readonly least: number | null
  readonly isDescending: boolean
  readonly limit: number | null
}

/** Which rows each loader chooses, by the name of its relation. */
export type Choices = Readonly<Record<string, Choice>>

/** Loaders of an entity: the names of its relations, each with its strategy and the loaders below. */
export type Loads = readonly {
  readonly name: string
  readonly isJoined: boolean
  readonly below: Loads
}[]

const relationsOf: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  Tree: [
    ['parent', 'Tree'],
    ['children', 'Tree'],
    ['notes', 'Note'],
    ['labels', 'Label'],
    ['cover', 'Cover'],
  ],
  Note: [
    ['tree', 'Tree'],
    ['replyTo', 'Note'],
    ['replies', 'Note'],
  ],
  Cover: [['tree', 'Tree']],
  Label: [['trees', 'Tree']],
}

const allNames = Object.entries(relationsOf).flatMap(([owner, relations]) =>
  relations.map(([name]) => `${owner}.${name}`),
)

export const choices: fc.Arbitrary<Choices> = fc.record(
  Object.fromEntries(
    allNames.map((name) => [
      name,
      fc.record({
        least: fc.option(fc.integer({ min: 0, max: 2 }), { freq: 2 }),
        isDescending: fc.boolean(),
        limit: fc.option(fc.integer({ min: 0, max: 2 }), { freq: 2 }),
      }),
    ]),
  ),
)

/** Loaders of an entity, up to three levels deep. */
export function loadsOf(entity: string, depth = 3): fc.Arbitrary<Loads> {
  if (depth === 0) return fc.constant([])
  const each = (relationsOf[entity] ?? []).map(([name, target]) =>
    fc.record({
      name: fc.constant(name),
      isJoined: fc.boolean(),
      below: fc.oneof(fc.constant([]), loadsOf(target, depth - 1)),
    }),
  )
  return fc
    .tuple(...each.map((one) => fc.option(one)))
    .map((some) => some.filter((one) => one !== null))
}

type AnyLoader = Loader<string, Tree>

/** @param chosen for each depth; the last one also for those below, so that loaders of one list do not contradict */
export function loadersOf(
  entity: AnyEntityClass,
  loads: Loads,
  chosen: readonly Choices[],
  isJoined: (given: boolean) => boolean,
): LoaderOf<never>[] {
  const [choice = {}, ...rest] = chosen
  return loads.map(({ name, isJoined: given, below }) => {
    const relation = tableOf(entity).relation(name)
    const make = isJoined(given) ? joinedload : selectinload
    let loader: AnyLoader = make<string, Tree>((entity as never)[name])
    const { least, isDescending, limit } = choice[`${entity.name}.${name}`] as Choice
    if (least !== null) loader = loader.filter((row) => row.rank.gte(least))
    if (relation.cardinality === 'many') {
      const keys = relation.target.primaryKey.map(({ property }) => property as 'area')
      if (isDescending)
        loader = loader.orderBy((row) => [
          row.rank.desc().nullsLast(),
          ...keys.map((key) => row[key].desc()),
        ])
      if (limit !== null) loader = loader.limit(limit)
    }
    const nested = loadersOf(
      relation.target.entity,
      below,
      rest.length === 0 ? chosen : rest,
      isJoined,
    )
    return loader.options(...(nested as never[])) as never
  })
}

/** What was loaded, as plain values. Each entity has a number, so that the same one is the same number. */
export function graphOf(found: readonly object[], entity: AnyEntityClass, loads: Loads): unknown {
  const numbers = new Map<object, number>()
  const visit = (each: object, of: AnyEntityClass, below: Loads): unknown => {
    if (!numbers.has(each)) numbers.set(each, numbers.size)
    const relations = below.map(({ name, below: next }) => {
      const { target } = tableOf(of).relation(name)
      const handle = relationHandle(each, name)
      // Another loader has chosen rows that this one is not below.
      if (!handle.isLoaded) return [name]
      const { value } = handle
      const inner = (one: object): unknown => visit(one, target.entity, next)
      if (value === null) return [name, null]
      return [name, Array.isArray(value) ? value.map(inner) : inner(value as object)]
    })
    return [numbers.get(each), { ...each }, relations]
  }
  return found.map((each) => visit(each, entity, loads))
}
