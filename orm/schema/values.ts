import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnType } from './column-type.ts'
import type { ColumnMetadata, TableMetadata } from './metadata.ts'
import type { Primitive, Row } from './wire-form.ts'
import { hasDocuments } from './types/json.ts'
import { sameTree } from './types/json-tree.ts'
import { UnreadableError, UnwritableError } from './types/unreadable.ts'

/** The JavaScript value of PostgreSQL's text. */
export function decodeColumn(column: ColumnMetadata, text: string | null): unknown {
  if (text === null) return null
  try {
    return column.type.decode(text)
  } catch (cause) {
    throw unreadableError(column, cause)
  }
}

/**
 * The JavaScript value of what a snapshot keeps.
 *
 * @param row the whole row, in the order of the table's columns: an error then names its key
 */
export function valueOfKept(
  column: ColumnMetadata,
  kept: Primitive,
  table?: TableMetadata,
  row?: Row,
): unknown {
  if (kept === null) return null
  try {
    return column.type.keep.toValue(kept)
  } catch (cause) {
    throw unreadableError(column, cause, table, row)
  }
}

/** PostgreSQL's text of what a snapshot keeps. */
export function textOfKept({ type }: ColumnMetadata, kept: Primitive): string | null {
  return kept === null ? null : type.keep.toText(kept)
}

/** The sum of a column of numbers from PostgreSQL's text of it. */
export function decodeSum(column: ColumnMetadata, text: string | null): unknown {
  if (text === null) return null
  try {
    return column.type.decodeSum?.(text)
  } catch (cause) {
    throw unreadableError(column, cause)
  }
}

/** What reading a value has thrown, as an error that names the column and, where the row is given, its key. */
export function unreadableError(
  column: ColumnMetadata,
  cause: unknown,
  table?: TableMetadata,
  row?: Row,
): DataBridgeError {
  if (cause instanceof DataBridgeError) return cause
  const problem =
    cause instanceof UnreadableError ? cause.message : `could not be decoded as ${column.type.sql}`
  const place = table === undefined || row === undefined ? '' : placeOf(table, row)
  // The declaration has to be corrected, or the row.
  const safeMessage = `the column ${column.name} ${problem}${place}`
  const facts = { cause, table: table?.fullName, column: column.name, safeMessage }
  return new DataBridgeError('DATA_BRIDGE_ERR_STATEMENT', safeMessage, facts)
}

/** A row in a message: `in the row of User with id the string "5"`. Empty if its key was not read. */
function placeOf(table: TableMetadata, row: Row): string {
  if (table.primaryKey.some(({ position }) => row[position] === undefined)) return ''
  const keys = table.primaryKey.map((column) => `${column.property} ${keyText(column, row)}`)
  return ` (in the row of ${table.entityName} with ${keys.join(' and ')})`
}

// As a described string, which spans leave out.
function keyText(column: ColumnMetadata, row: Row): string {
  return column.hidden
    ? '(hidden)'
    : describe(textOfKept(column, row[column.position] as Primitive))
}

/** PostgreSQL's text of a value that was checked. */
export function encodeColumn(column: ColumnMetadata, value: unknown): string | null {
  if (value === null) return null
  try {
    return column.type.encode(value as never)
  } catch (cause) {
    throw unwritableError(column, cause)
  }
}

/** What a snapshot keeps of a value that was checked, if PostgreSQL stores it as it is. */
export function keptOf(column: ColumnMetadata, value: unknown): Primitive {
  if (value === null) return null
  try {
    return column.type.keep.fromValue(value as never)
  } catch (cause) {
    throw unwritableError(column, cause)
  }
}

/**
 * The same of a value that differs from the stored one. What a JavaScript value cannot hold, such as a
 * large number in JSON, is kept from the stored text where nobody touched it.
 */
export function keptChange(column: ColumnMetadata, value: unknown, stored: Primitive): Primitive {
  const { type } = column
  if (value === null || stored === null || type.encodeChange === undefined)
    return keptOf(column, value)
  try {
    return type.keep.fromText(type.encodeChange(value as never, type.keep.toText(stored)))
  } catch (cause) {
    throw unwritableError(column, cause)
  }
}

function unwritableError(column: ColumnMetadata, cause: unknown): DataBridgeError {
  if (cause instanceof DataBridgeError) return cause
  const facts = { cause, column: column.name }
  if (cause instanceof UnwritableError)
    return new DataBridgeError(cause.code, `the column ${column.name} ${cause.message}`, facts)
  return new DataBridgeError(
    cause instanceof TypeError ? 'DATA_BRIDGE_ERR_TYPE' : 'DATA_BRIDGE_ERR_INVALID_VALUE',
    `the column ${column.name} could not be encoded as ${column.type.sql}`,
    facts,
  )
}

/**
 * Refuses a value that the column cannot hold. One of another JavaScript type is a mistake of the
 * program (500); one that is out of range or malformed comes from the data (400).
 */
export function requireValue(table: TableMetadata, column: ColumnMetadata, value: unknown): void {
  const { type, nullable, hidden, deferred, property } = column
  if (value === null ? nullable : type.accepts(value)) return
  const isTyped = value === null || type.isType(value)
  const expected = `${isTyped ? type.expected : type.jsType}${nullable ? ', or null' : ''}`
  const got = hidden && value !== null && value !== undefined ? hiddenValue(value) : describe(value)
  const hint = deferred && value === undefined ? '; it is deferred, and undefer() loads it' : ''
  throw new DataBridgeError(
    isTyped ? 'DATA_BRIDGE_ERR_INVALID_VALUE' : 'DATA_BRIDGE_ERR_TYPE',
    `${table.entityName}.${property} expected ${expected}, got ${got}${hint}`,
    { table: table.fullName, column: column.name },
  )
}

function hiddenValue(value: unknown): string {
  return `a ${typeof value} (not shown, since the column is hidden)`
}

/** Whether a value is still equal to what the snapshot keeps; `undefined` of a deferred column that was not read. */
export function isUnchanged(
  column: ColumnMetadata,
  value: unknown,
  kept: Primitive | undefined,
): boolean {
  if (kept === null || kept === undefined) return value === kept
  try {
    return column.type.keep.isSame(value, kept)
  } catch (cause) {
    throw unreadableError(column, cause)
  }
}

/**
 * The value to hold after a write gave `kept` back: the database may have changed what was sent
 * (`numeric(10,2)`, `real`, `char(3)`). An object that is equal to it stays the same object.
 */
export function readBack(
  column: ColumnMetadata,
  value: unknown,
  kept: Primitive,
  table?: TableMetadata,
  row?: Row,
): unknown {
  const { keep } = column.type
  if (keep.how === 'date' && kept !== null && keep.isSame(value, kept)) return value
  const stored = valueOfKept(column, kept, table, row)
  const areObjects = isObject(value) && isObject(stored)
  return areObjects && isSameObject(column.type, value, stored) ? value : stored
}

// By texts where that is possible: what a class holds privately is seen by nothing else.
function isSameObject(type: ColumnType, value: object, stored: object): boolean {
  return hasDocuments(type)
    ? sameTree(value, stored)
    : type.encode(value as never) === type.encode(stored as never)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** The default value. Each call gives a new object: entities must not share one that the program may change. */
export function defaultValue(column: ColumnMetadata): unknown {
  const { default: given, type } = column
  if (given?.kind !== 'value') return undefined
  const { value } = given
  return isObject(value) ? type.decode(type.encode(value as never)) : value
}
