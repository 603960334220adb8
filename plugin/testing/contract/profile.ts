import type { RecordedStatement } from './recorded.ts'
import { locksOf, shapeOf } from './sql-text.ts'

// The library asks the catalogue about a table once in the life of a process.
const ofCatalogue = /^select catalogue$|\bdata_bridge_facts$/i

/** How often a request begins transactions, reads and writes in and outside of them, and locks rows. */
export function profileOf(statements: readonly RecordedStatement[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const statement of statements) {
    for (const key of keysOf(statement)) counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

function keysOf({ kind, text, summary, isInTransaction }: RecordedStatement): string[] {
  if (kind === 'control') return ofCatalogue.test(summary) ? [] : [controlOf(text)]
  const locks = locksOf(text)
  if (kind === 'write') return ['writes', ...locks]
  return [isInTransaction ? 'reads in a transaction' : 'reads', ...locks]
}

/** BEGIN with its modes; the others without the names of their savepoints. */
function controlOf(text: string): string {
  const shape = shapeOf(text).toLowerCase()
  return /^(?:rollback to|release|savepoint)\b/.exec(shape)?.[0] ?? shape
}
