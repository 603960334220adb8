import type { Row } from '../schema/wire-form.ts'
import { combinedWrites, partOfRow } from '../sql/combined-writes.ts'
import type { Statement } from '../sql/statement.ts'
import { absorbAll } from './batch-reader.ts'
import type { Batch } from './writing.ts'

/** Several writes as one statement. PostgreSQL checks the foreign keys between their rows when all of them are written. */
export function together(parts: readonly [Batch, ...Batch[]]): Batch {
  const [first] = parts
  if (parts.length === 1) return first
  let statements: readonly Statement[] = []
  const combined = (writes: readonly Statement[]): Statement => {
    statements = writes
    return combinedWrites(first.table, writes)
  }
  return {
    verb: first.verb,
    table: first.table,
    entities: parts.flatMap(({ entities }) => entities),
    parts,
    statement: () => combined(parts.map((part) => part.statement())),
    guarded() {
      // The guard of another verb is a WITH that changes rows, which cannot be inside of another one.
      if (first.verb !== 'INSERT') return undefined
      const guarded = parts.flatMap((part) => part.guarded() ?? [])
      return guarded.length === parts.length ? combined(guarded) : undefined
    },
    absorb({ rows, isGuarded }) {
      const rowsOf: Row[][] = parts.map(() => [])
      for (const each of rows) {
        const { part, row } = partOfRow(each, statements)
        rowsOf[part]?.push(row)
      }
      absorbAll(
        parts.map((part, index) => ({
          absorb: () => {
            const own = rowsOf[index] ?? []
            part.absorb({ rows: own, rowCount: own.length, isGuarded })
          },
        })),
      )
    },
  }
}
