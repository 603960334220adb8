import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from './metadata.ts'

/** The JavaScript value of PostgreSQL's text. */
export function decodeColumn(column: ColumnMetadata, text: string | null): unknown {
  if (text === null) return null
  try {
    return column.type.decode(text)
  } catch (cause) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_STATEMENT',
      `the column ${column.name} holds ${cause instanceof RangeError ? cause.message : `what is no ${column.type.sql}`}`,
      { cause, column: column.name },
    )
  }
}

/** PostgreSQL's text of a value that was checked. */
export function encodeColumn(column: ColumnMetadata, value: unknown): string | null {
  return value === null ? null : column.type.encode(value as never)
}

/** Refuses a value that the column cannot hold. */
export function requireValue(table: TableMetadata, column: ColumnMetadata, value: unknown): void {
  if (value === null ? column.nullable : column.type.accepts(value)) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_INVALID_VALUE',
    `${table.entityName}.${column.property} expected ${column.type.expected}${column.nullable ? ' or null' : ''}; came ${column.hidden ? `a ${typeof value} (not shown, since the column is hidden)` : describe(value)}`,
    { column: column.name },
  )
}

/** Whether a value is still what the snapshot's text says. */
export function isUnchanged(column: ColumnMetadata, value: unknown, text: string | null): boolean {
  return text === null ? value === null : column.type.isSame(value, text)
}
