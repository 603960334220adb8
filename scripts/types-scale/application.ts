/*
 * An application: a ring of tables that refer to each other, and functions that use them.
 */

export const tableCount = 200
export const userCount = 100

export function tableName(index: number): string {
  return `Table${String((index + tableCount) % tableCount).padStart(3, '0')}`
}

export const tableNames: readonly string[] = Array.from({ length: tableCount }, (_, index) =>
  tableName(index),
)

/** The tables that the functions use, one for each function. */
export const usedTables: readonly number[] = Array.from(
  { length: userCount },
  (_, user) => user * Math.floor(tableCount / userCount),
)

export function tableSource(index: number): string {
  const [own, next, previous, far] = [0, 1, -1, 7].map((step) => tableName(index + step))
  const refersToItself = index % 3 === 0
  return `
import { belongsTo, boolean, hasMany, integer, jsonb, table, text, timestamptz } from 'fastify-data-bridge/orm'
${[next, previous, far].map((name) => `import { ${name} } from './${name}.js'`).join('\n')}

export class ${own} extends table('${own?.toLowerCase()}', {
  id: integer().primaryKey().generated(),
  name: text(),
  email: text().unique(),
  score: integer().default(0),
  active: boolean().default(true),
  settings: jsonb<{ theme: 'dark' | 'light'; of${index}: number }>().nullable(),
  createdAt: timestamptz().defaultNow(),
  nextId: integer().references(() => ${next}),
  next: () => belongsTo(${next}, 'nextId'),
  previous: () => hasMany(${previous}, 'nextId'),
  farId: integer().nullable().references(() => ${far}),
  far: () => belongsTo(${far}, 'farId'),${
    refersToItself
      ? `
  parentId: integer().nullable().references(() => ${own}),
  parent: () => belongsTo(${own}, 'parentId'),
  children: () => hasMany(${own}, 'parentId'),`
      : ''
  }
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
${usedTables.map(userSource).join('')}`
}

function userSource(index: number): string {
  const [own, next, far, one, two] = [0, 1, 7, -1, -2].map((step) => tableName(index + step))
  return `
export async function use${own}(session: Session) {
  const rows: ${own}[] = await session.find(${own})
    .filter({ active: true, name: ['a', 'b'], farId: null })
    .filter((row) => or(and(row.score.gt(18), row.email.ilike('%a')), row.score.eq(row.nextId)))
    .orderBy((row) => [row.name.asc(), row.id.desc()])
    .options(
      selectinload(${own}.previous).options(selectinload(${one}.previous).options(selectinload(${two}.next))),
      selectinload(${own}.far),
    )
    .limit(10)
    .toList()
  const loaded = rows[0]?.previous.value[0]?.previous.value[0]?.next.value.label
  const next: ${next} | undefined = await rows[0]?.next
  const far: ${far} | null | undefined = await rows[0]?.far
  const totals: { nextId: number; rows: number; mean: number | null; best: number | null }[] = await session.find(${own})
    .groupBy((row) => row.nextId)
    .aggregate((row) => ({ nextId: row.nextId, rows: count(), mean: avg(row.score), best: max(row.score) }))
  session.add(new ${own}({ name: 'x', email: 'y', nextId: 1, settings: { theme: 'dark', of${index}: 1 } }))
  if (next !== undefined) session.add(new ${own}({ name: 'x', email: 'y', score: 1, next, far: far ?? null }))
  const own: ${own} | null = await ${own}.get(1)
  const other: ${next} = await session.find(${next}).filter((row) => row.active.eq(true)).one()
  return [loaded, totals, own?.settings?.of${index}, other.label] as const
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
    `next.previous.then((rows): ${next}[] => rows)`,
    `${own}.get(null)`,
  ]
  return `
import { type Query, selectinload } from 'fastify-data-bridge/orm'
import { ${own} } from './${own}.js'
import { ${next} } from './${next}.js'

export function mistakes(own: Query<typeof ${own}>, next: ${next}) {
${mistakes.map((mistake) => `  // @ts-expect-error\n  void ${mistake}\n`).join('')}}
`
}
