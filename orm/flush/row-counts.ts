import type { TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { severalRowsError, staleError } from './write-errors.ts'
import type { Written } from './writing.ts'

/**
 * The row that came back for each entity. Checks that each entity has exactly one row: a sum would not show
 * one entity with two rows and another one without a row.
 *
 * @param mayBeGone whether the flush itself may have deleted some rows, by `on delete cascade` in a cycle
 */
export function rowsByPlace(
  verb: 'UPDATE' | 'DELETE',
  table: TableMetadata,
  count: number,
  { rows, rowCount }: Written,
  mayBeGone: boolean = false,
): readonly Row[] {
  if (count === 1) {
    if (rowCount > 1) throw severalRowsError(verb, table)
    if (rowCount === 0 && !mayBeGone) throw staleError(verb, table, 1)
    return rows
  }
  const found: Row[] = Array.from({ length: count })
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
