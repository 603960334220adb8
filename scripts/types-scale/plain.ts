/*
 * The same application without the library's types: interfaces of the same shape, written by hand. Compiling it shows
 * how fast the machine is.
 */
import { hasTwoKeys, tableName, tableNames } from './application.ts'

export function plainTableSource(index: number): string {
  const [own, next, previous, far] = [0, 1, -1, 7].map((step) => tableName(index + step))
  const orNull = hasTwoKeys(index) ? '' : ' | null'
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
  orderId: number${orNull}
  no: number${orNull}
  line: Relation<${next}${orNull}>
  lines: Relation<${previous}[]>
  only: Relation<${previous} | null>
  many: Relation<${far}[]>
  readonly label: string
}

export type New${own} = Partial<Values> & Pick<Values, 'name' | 'email'> &
  ({ nextId: number; next?: undefined } | { next: ${next}; nextId?: undefined })
`
}

export function plainUsersSource(): string {
  return `
${tableNames.map((name) => `import { type New${name}, type ${name} } from './${name}.js'`).join('\n')}
${tableNames.map((_, index) => plainUserSource(index)).join('')}`
}

function plainUserSource(index: number): string {
  const [own, next, far] = [0, 1, 7].map((step) => tableName(index + step))
  return `
export async function use${own}(rows: ${own}[], add: (row: New${own}) => void) {
  const first = rows
    .filter((row) => (row.score > 18 && row.email.startsWith('a')) || row.score === row.nextId)
    .toSorted((a, b) => a.name.localeCompare(b.name) || b.id - a.id)
    .slice(0, 10)[0]
  const loaded = first?.previous.value[0]?.previous.value[0]?.label
  const next: ${next} | undefined = await first?.next
  const far: ${far} | null | undefined = await first?.far
  const plain = rows.map((row) => ({
    id: row.id,
    next: row.next.value.name,
    far: row.next.value.far.value?.name ?? null,
    previous: row.previous.value.filter((each) => each.many.value.some((far) => far.next.value.name === 'z')).length,
  }))
  const totals = rows.map((row) => ({ nextId: row.nextId, mean: row.score / rows.length }))
  add({ name: 'x', email: 'y', nextId: 1, settings: { theme: 'dark', of${index}: 1 } })
  if (next !== undefined) add({ name: 'x', email: 'y', next, farId: far?.id ?? null })
  const own: ${own} | undefined = rows.find((row) => row.id === 1)
  return [loaded, plain, totals, own?.settings?.of${index}] as const
}
`
}
