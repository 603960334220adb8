import type { ColumnMetadata } from '../schema/metadata.ts'
import { arrayFormat } from '../schema/types/binary-array.ts'
import type { TableFacts } from '../sql/table-facts.ts'

/**
 * Whether reading a value of the column cannot fail: the database has the declared type, and the library reads
 * its every value. If it could fail, that would be known only after the COMMIT.
 */
export function isSafelyRead(column: ColumnMetadata, facts: TableFacts): boolean {
  const { arrayCast, itemCast } = facts.castsOf(column)
  return itemCast === '' && arrayFormat(column.type.keep.binary, arrayCast) !== undefined
}

/**
 * Whether taking over what was sent cannot fail either: an entity gets the value that the column reads of it, and a
 * custom column reads it with code of the application.
 */
export function areSafelyKept(columns: readonly ColumnMetadata[]): boolean {
  return columns.every(({ type }) => type.isCustom !== true)
}
