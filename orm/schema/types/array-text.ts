import { UnreadableError } from './unreadable.ts'

const plain = /^[\w.:+-]+$/
const deepest = 6
const [quote, comma, backslash, open, close] = [34, 44, 92, 123, 125]

// Of PostgreSQL itself, and of PostGIS.
const withoutCommas = /(^|\.)"?(box|geometry|geography)"?$/i

/** Whether commas separate the items of the arrays of a type. */
export function hasCommas(cast: string): boolean {
  return !withoutCommas.test(cast)
}

/** The texts of an array, or of one with several dimensions. */
export type ArrayItems = readonly (string | null | ArrayItems)[]

/** PostgreSQL's text of an array: `{1,NULL,"a b"}`, `{{1,2},{3,4}}`. */
export function arrayLiteral(items: ArrayItems): string {
  return `{${items.map(writeItem).join(',')}}`
}

function writeItem(item: ArrayItems[number]): string {
  if (item === null) return 'NULL'
  if (typeof item !== 'string') return arrayLiteral(item)
  if (plain.test(item) && item.toLowerCase() !== 'null') return item
  return `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

interface Cursor {
  readonly text: string
  at: number
}

/** Reads PostgreSQL's text of an array. Ignores explicit bounds, `[2:3]={1,2}`. */
export function readArray(text: string): ArrayItems {
  const cursor = { text, at: text.startsWith('[') ? text.indexOf('=') + 1 : 0 }
  const items = readItems(cursor, 1)
  if (cursor.at !== text.length) throw noArray()
  return items
}

function readItems(cursor: Cursor, depth: number): ArrayItems {
  const { text } = cursor
  if (text.charCodeAt(cursor.at) !== open || depth > deepest) throw noArray()
  cursor.at += 1
  const items: (string | null | ArrayItems)[] = []
  if (text.charCodeAt(cursor.at) === close) {
    cursor.at += 1
    return items
  }
  for (;;) {
    items.push(readItem(cursor, depth))
    const code = text.charCodeAt(cursor.at)
    cursor.at += 1
    if (code === close) return items
    if (code !== comma) throw noArray()
  }
}

function readItem(cursor: Cursor, depth: number): ArrayItems[number] {
  const code = cursor.text.charCodeAt(cursor.at)
  if (code === open) return readItems(cursor, depth + 1)
  return code === quote ? readQuoted(cursor) : readPlain(cursor)
}

function readQuoted(cursor: Cursor): string {
  const { text } = cursor
  const start = cursor.at + 1
  let end = start
  while (end < text.length && text.charCodeAt(end) !== quote)
    end += text.charCodeAt(end) === backslash ? 2 : 1
  if (end >= text.length) throw noArray()
  cursor.at = end + 1
  const quoted = text.slice(start, end)
  return quoted.includes('\\') ? quoted.replace(/\\([^])/g, '$1') : quoted
}

function readPlain(cursor: Cursor): string | null {
  const { text } = cursor
  const start = cursor.at
  let end = start
  for (; end < text.length; end += 1) {
    const code = text.charCodeAt(end)
    if (code === comma || code === close) break
  }
  cursor.at = end
  const item = text.slice(start, end)
  if (item === '') throw noArray()
  return item === 'NULL' ? null : item
}

function noArray(): UnreadableError {
  return new UnreadableError('is declared as an array, but holds something else in the database')
}
