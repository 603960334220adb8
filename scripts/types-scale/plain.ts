/*
 * The same application without the library's types: interfaces of the same shape, written by hand. Compiling it shows
 * how fast the machine is.
 */
import { tableName, tableNames, usedTables } from './application.ts'

export function plainTableSource(index: number): string {
  const [own, next, previous, far] = [0, 1, -1, 7].map((step) => tableName(index + step))
  return `
import { type Relation } from 'fastify-data-bridge/orm'
${[next, previous, far].map((name) => `import { type ${name} } from './${name}.js'`).join('\n')}

interface Values {
  name: string
  email: string
  settings: { theme: 'dark' | 'light'; of${index}: number } | null
  farId: number | null
}

export interface ${own} extends Values {
  id: number
  score: number
  active: boolean
  createdAt: Date
  nextId: number
  next: Relation<${next}>
  previous: Relation<${previous}[]>
  far: Relation<${far} | null>
  readonly label: string
}

export type New${own} = Partial<Values> & Pick<Values, 'name' | 'email'> &
  ({ nextId: number; next?: undefined } | { next: ${next}; nextId?: undefined })
`
}

export function plainUsersSource(): string {
  return `
${tableNames.map((name) => `import { type New${name}, type ${name} } from './${name}.js'`).join('\n')}
${usedTables.map(plainUserSource).join('')}`
}

function plainUserSource(index: number): string {
  const [own, next, far] = [0, 1, 7].map((step) => tableName(index + step))
  return `
export async function use${own}(rows: ${own}[], others: ${next}[], add: (row: New${own}) => void) {
  const first = rows
    .filter((row) => (row.score > 18 && row.email.startsWith('a')) || row.score === row.nextId)
    .toSorted((a, b) => a.name.localeCompare(b.name) || b.id - a.id)
    .slice(0, 10)[0]
  const loaded = first?.previous.value[0]?.previous.value[0]?.next.value.label
  const next: ${next} | undefined = await first?.next
  const far: ${far} | null | undefined = await first?.far
  const totals = rows.map((row) => ({ nextId: row.nextId, mean: row.score / rows.length }))
  add({ name: 'x', email: 'y', nextId: 1, settings: { theme: 'dark', of${index}: 1 } })
  if (next !== undefined) add({ name: 'x', email: 'y', next, farId: far?.id ?? null })
  const own: ${own} | undefined = rows.find((row) => row.id === 1)
  const other: ${next} | undefined = others.find((row) => row.active)
  return [loaded, totals, own?.settings?.of${index}, other?.label] as const
}
`
}
