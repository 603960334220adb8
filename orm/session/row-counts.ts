import type { RawResult } from '../driver/connection.ts'
import type { RawRow } from '../entity/entity-state.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { severalRowsError, staleError } from './write-errors.ts'

/**
 * What came back of each entity that was written, where each has exactly one row. Counted one by one:
 * a sum would hide one entity with two rows beside one with none.
 *
 * @param mayBeGone whether the flush itself may have removed some, by rows that refer to each other in a circle
 */
export function rowsByPlace(
  verb: 'UPDATE' | 'DELETE',
  table: TableMetadata,
  count: number,
  { rows, rowCount }: Pick<RawResult, 'rows' | 'rowCount'>,
  mayBeGone: boolean = false,
): readonly RawRow[] {
  if (count === 1) {
    if (rowCount > 1) throw severalRowsError(verb, table)
    if (rowCount === 0 && !mayBeGone) throw staleError(verb, table, 1)
    return rows
  }
  const found: RawRow[] = Array.from({ length: count })
  let missing = count
  for (const row of rows) {
    const index = Number(row[0]) - 1
    if (found[index] !== undefined) throw severalRowsError(verb, table)
    found[index] = row.slice(1)
    missing -= 1
  }
  if (missing > 0 && !mayBeGone) throw staleError(verb, table, missing)
  return found
}
