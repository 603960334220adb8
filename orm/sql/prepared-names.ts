import { hash } from 'node:crypto'

// In bytes. A connection of PostgreSQL 18 takes 26 KB for a row by key, 0.1 MB for fifty conditions, 0.5 MB for
// twenty sub-queries, 1.1 MB for a thousand conditions: parse trees, plans, and names for each table of the statement.
const bytesOfTable = 24_000
const bytesOfCharacter = 50
const mostBytes = 20_000_000

// One statement gets at most this part of what is left, so that a few large ones cannot take the place of all others.
const largestPart = 1 / 25

/**
 * The names of prepared statements. Connections keep them as long as they live, so the memory that the server
 * needs for them is limited, as an estimate.
 */
export class PreparedNames {
  readonly #given = new Map<string, string>()
  #left: number

  constructor(bytes: number = mostBytes) {
    this.#left = bytes
  }

  /** The name of a text, always the same; undefined if the text is too large for what is left. */
  of(text: string): string | undefined {
    const given = this.#given.get(text)
    if (given !== undefined) return given
    const most = this.#left * largestPart
    if (text.length * bytesOfCharacter > most) return undefined
    const bytes = bytesOf(text)
    if (bytes > most) return undefined
    this.#left -= bytes
    const name = `data_bridge_${hash('sha1', text).slice(0, 24)}`
    this.#given.set(text, name)
    return name
  }
}

/** An estimate of the memory that a connection of the server needs for a prepared text. */
function bytesOf(text: string): number {
  // Each table and sub-query of a statement has an alias, except the one table of an INSERT and of a write by key.
  const tables = Math.max(1, text.split(' as ').length - 1)
  return tables * bytesOfTable + text.length * bytesOfCharacter
}
