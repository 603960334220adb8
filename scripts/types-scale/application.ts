/*
 * An application: a ring of tables that refer to each other, and functions that use each of them.
 */

/** `node scripts/types-scale.ts 1000` measures a ring of 1000 tables. */
export const tableCount = Number(process.argv[2] ?? 200)

export function tableName(index: number): string {
  return `Table${String((index + tableCount) % tableCount).padStart(4, '0')}`
}

export const tableNames: readonly string[] = Array.from({ length: tableCount }, (_, index) =>
  tableName(index),
)

/** Every fourth table has a key of two columns. The other tables have these columns too, but they may be null. */
export function hasTwoKeys(index: number): boolean {
  return index % 4 === 1
}

export function tableSource(index: number): string {
  const [own, next, previous, far] = [0, 1, -1, 7].map((step) => tableName(index + step))
  const hasTwo = hasTwoKeys(index)
  const part = `integer().${hasTwo ? 'primaryKey' : 'nullable'}()`
  const refersToItself = index % 3 === 0
  return `
import {
  belongsTo, boolean, hasMany, hasOne, integer, jsonb, keyOf, manyToMany, table, text, timestamptz,
} from 'fastify-data-bridge/orm'
${[next, previous, far].map((name) => `import { ${name} } from './${name}.js'`).join('\n')}

export class ${own} extends table('${own?.toLowerCase()}', {
  id: integer()${hasTwo ? '.unique()' : '.primaryKey()'}.generated(),
  orderId: ${part},
  no: ${part},
  name: text(),
  email: text().unique(),
  score: integer().default(0),
  active: boolean().default(true),
  settings: jsonb<{ theme: 'dark' | 'light'; of${index}: number }>().nullable(),
  createdAt: timestamptz().defaultNow(),
  nextId: integer().references(() => keyOf(${next}, ['id'])),
  next: () => belongsTo(${next}, 'nextId'),
  previous: () => hasMany(${previous}, 'nextId'),
  farId: integer().nullable().references(() => ${far}),
  far: () => belongsTo(${far}, 'farId'),
  line: () => belongsTo(${next}, ['orderId', 'no']),
  lines: () => hasMany(${previous}, ['orderId', 'no']),
  only: () => hasOne(${previous}, 'farId'),
  many: () => manyToMany(${far}, { through: ${next}, from: 'nextId' }),${
    refersToItself
      ? `
  parentId: integer().nullable().references(() => ${own}),
  parent: () => belongsTo(${own}, 'parentId'),
  children: () => hasMany(${own}, 'parentId'),`
      : ''
  }
}, {
  schema: 'ring',
  unique: [['orderId', 'no'], ['name', 'email']],
  indexes: [['createdAt', 'id']],
  checks: { score_positive: (row) => row.score.gte(0) },
  foreignKeys: [{ columns: ['orderId', 'no'], references: () => keyOf(${next}, ['orderId', 'no']) }],
}) {
  get label() { return \`\${this.name} #\${this.id}\` }
}
`
}

// Each required reference can be a key or an entity. The number of combinations must not explode.
export function hubSource(): string {
  const targets = Array.from({ length: 14 }, (_, index) => tableName(index))
  const references = targets.map(
    (name, index) => `
  key${index}: integer().references(() => ${name}),
  one${index}: () => belongsTo(${name}, 'key${index}'),`,
  )
  const values = targets.map((_, index) => (index % 2 === 0 ? `key${index}: 1` : `one${index}`))
  const entities = targets.map((name, index) => `one${index}: ${name}`)
  return `
import { belongsTo, integer, table } from 'fastify-data-bridge/orm'
${targets.map((name) => `import { ${name} } from './${name}.js'`).join('\n')}

export class Hub extends table('hubs', {
  id: integer().primaryKey().generated(),${references.join('')}
}) {}

export function makeHub(${entities.join(', ')}) {
  return new Hub({ ${values.join(', ')} })
}
`
}

export function usersSource(): string {
  return `
import { and, avg, count, max, or, selectinload, type Session } from 'fastify-data-bridge/orm'
${tableNames.map((name) => `import { ${name} } from './${name}.js'`).join('\n')}
${tableNames.map((_, index) => userSource(index)).join('')}`
}

/** Two-level references, loaders with a filter, a select. Every tenth table is used in all other ways too. */
function userSource(index: number): string {
  const [own, next, one] = [0, 1, -1].map((step) => tableName(index + step))
  return `
export async function use${own}(session: Session) {
  const rows: ${own}[] = await session.find(${own})
    .filter({ active: true, name: ['a', 'b'], farId: null })
    .filter((row) => and(
      row.next.name.eq('a'),
      row.next.far.score.gt(row.score),
      row.line.next.name.ilike('a%'),
      row.previous.any((each) => each.name.ilike('x')),
    ))
    .orderBy((row) => [row.next.next.name.asc(), row.previous.count().desc(), row.id.desc()])
    .options(
      selectinload(${own}.previous)
        .filter((each) => each.next.score.gt(3))
        .orderBy((each) => each.id.desc())
        .limit(3)
        .options(selectinload(${one}.previous)),
    )
    .limit(10)
    .toList()
  const loaded = rows[0]?.previous.value[0]?.previous.value[0]?.label
  const next: ${next} | undefined = await rows[0]?.next
  const plain: { id: number; next: string; far: string | null; previous: number }[] = await session.find(${own})
    .select((row) => ({ id: row.id, next: row.next.name, far: row.next.far.name, previous: row.previous.count() }))
    .toList()
  return [loaded, next, plain] as const
}
${index % 10 === 0 ? otherUses(index) : ''}`
}

function otherUses(index: number): string {
  const [own, next, far] = [0, 1, 7].map((step) => tableName(index + step))
  const hasTwo = hasTwoKeys(index)
  const key = hasTwo ? '{ orderId: 1, no: 2 }' : '1'
  const values = `name: 'x', email: 'y'${hasTwo ? ', orderId: 1, no: 2' : ''}`
  return `
export async function useAllOf${own}(session: Session, next: ${next}, far: ${far}) {
  const rows: ${own}[] = await session.find(${own})
    .filter((row) => or(and(row.score.gt(18), row.email.ilike('%a')), row.score.eq(row.nextId)))
    .filter((row) => and(
      row.previous.any((each) => each.many.any((other) => other.next.name.eq('z'))),
      row.far.has((other) => other.next.active.eq(true)),
    ))
    .options(selectinload(${own}.far), selectinload(${own}.lines))
    .toList()
  const other: ${far} | null | undefined = await rows[0]?.far
  const totals: { nextId: number; rows: number; mean: number | null; best: number | null }[] = await session.find(${own})
    .groupBy((row) => row.nextId)
    .aggregate((row) => ({ nextId: row.nextId, rows: count(), mean: avg(row.score), best: max(row.score) }))
  session.add(new ${own}({ ${values}, nextId: 1, settings: { theme: 'dark', of${index}: 1 } }))
  session.add(new ${own}({ ${values}, score: 1, next, far }))
  const own: ${own} | null = await ${own}.get(${key})
  return [other, totals, own?.settings?.of${index}] as const
}
`
}

// Each line proves that the checker works: if it finds no mistake, the comment itself is an error.
export function mistakesSource(): string {
  const [own, next] = [tableName(0), tableName(1)]
  const mistakes = [
    `new ${own}({ name: 'x', nextId: 1 })`,
    `new ${own}({ name: 'x', email: 'y' })`,
    `new ${own}({ name: 'x', email: 'y', nextId: 1, next })`,
    `new ${own}({ name: 'x', email: 'y', nextId: 1, nope: 1 })`,
    `new ${own}({ name: 'x', email: 'y', nextId: '1' })`,
    `own.filter({ nope: 1 })`,
    `own.filter({ score: 'a' })`,
    `own.filter((row) => row.nope.eq(1))`,
    `own.filter((row) => row.score.gt('a'))`,
    `own.options(selectinload(${next}.previous))`,
    `own.options(selectinload(${own}.next).options(selectinload(${own}.next)))`,
    `own.aggregate((row) => ({ score: row.score })).then((rows): string[] => rows.map((row) => row.score))`,
    `own.filter((row) => row.next.far.nope.eq(1))`,
    `own.filter((row) => row.next.far.score.gt('a'))`,
    `own.filter((row) => row.previous.any((each) => each.many.any((far) => far.nope.eq(1))))`,
    `own.filter((row) => row.previous.name.eq('a'))`,
    `own.select((row) => ({ next: row.next }))`,
    `own.select((row) => ({ far: row.next.far.name })).toList().then((rows): string[] => rows.map((row) => row.far))`,
    `selectinload(${own}.previous).filter((each) => each.nope.eq(1))`,
    `next.previous.then((rows): ${next}[] => rows)`,
    `${own}.get(null)`,
    `${own}.get('1')`,
    `${next}.get(1)`,
    `${next}.get({ orderId: 1 })`,
  ]
  return `
import { type Query, selectinload } from 'fastify-data-bridge/orm'
import { ${own} } from './${own}.js'
import { ${next} } from './${next}.js'

export function mistakes(own: Query<typeof ${own}>, next: ${next}) {
${mistakes.map((mistake) => `  // @ts-expect-error\n  void ${mistake}\n`).join('')}}
`
}
