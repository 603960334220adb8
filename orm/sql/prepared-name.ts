import { hash } from 'node:crypto'

// In bytes. A connection of PostgreSQL 18 takes 26 KB for a row by key, 0.1 MB for fifty conditions, 0.5 MB for
// twenty sub-queries, 1.1 MB for a thousand conditions: parse trees, plans, and names for each table of the statement.
const bytesOfTable = 24_000
const bytesOfCharacter = 50
const mostBytes = 800_000

/** An estimate of the memory that a connection of the server needs for a prepared text. */
export function preparedBytes(text: string): number {
  // Each table and sub-query of a statement has an alias, except the one table of an INSERT and of a write by key.
  const names = text.split(' as ').length - 1
  const ofColumns = text.match(/"t\d\w*"\."(?:[^"]|"")+" as /g)?.length ?? 0
  const tables = Math.max(1, names - ofColumns)
  return tables * bytesOfTable + text.length * bytesOfCharacter
}

/**
 * The name under which a text is prepared: always the same, and never that of another text, since clients of a
 * pooler share what is prepared. Undefined if the text is too large to be kept by the server.
 */
export function preparedName(text: string): string | undefined {
  if (text.length * bytesOfCharacter > mostBytes || preparedBytes(text) > mostBytes)
    return undefined
  return `data_bridge_${hash('sha1', text).slice(0, 24)}`
}
