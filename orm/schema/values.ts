import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnType } from './column-type.ts'
import type { ColumnMetadata, TableMetadata } from './metadata.ts'
import { hasDocuments } from './types/json.ts'
import { sameTree } from './types/json-tree.ts'
import { UnreadableError, UnwritableError } from './types/unreadable.ts'

type Texts = readonly (string | null)[]

/**
 * The JavaScript value of PostgreSQL's text.
 *
 * @param row the texts of the whole row, in the order of the table's columns: an error then names its key
 */
export function decodeColumn(
  column: ColumnMetadata,
  text: string | null,
  table?: TableMetadata,
  row?: Texts,
): unknown {
  if (text === null) return null
  try {
    return column.type.decode(text)
  } catch (cause) {
    throw unreadableError(column, cause, table, row)
  }
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

/** What a type's `decode` has thrown, as an error that names the column and, where the row is given, its key. */
function unreadableError(
  column: ColumnMetadata,
  cause: unknown,
  table?: TableMetadata,
  row?: Texts,
): DataBridgeError {
  if (cause instanceof DataBridgeError) return cause
  const problem =
    cause instanceof UnreadableError ? cause.message : `could not be decoded as ${column.type.sql}`
  const place = table === undefined || row === undefined ? '' : ` (${rowName(table, row)})`
  // The declaration has to be corrected, or the row.
  const safeMessage = `the column ${column.name} ${problem}${place}`
  const facts = { cause, table: table?.fullName, column: column.name, safeMessage }
  return new DataBridgeError('DATA_BRIDGE_ERR_STATEMENT', safeMessage, facts)
}

/** A row in a message: `User with id the number 5`. */
function rowName(table: TableMetadata, row: Texts): string {
  const keys = table.primaryKey.map((column) => `${column.property} ${keyText(column, row)}`)
  return `in the row of ${table.entityName} with ${keys.join(' and ')}`
}

// As a described string, which spans leave out. The key itself may be what cannot be decoded.
function keyText({ hidden, position }: ColumnMetadata, row: Texts): string {
  return hidden ? '(hidden)' : describe(row[position] ?? null)
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

/**
 * PostgreSQL's text of a value that was checked and differs from the stored text. What a JavaScript
 * value cannot hold, such as a large number in JSON, is kept from the stored text where nobody touched it.
 */
export function encodeChange(
  column: ColumnMetadata,
  value: unknown,
  stored: string | null,
): string | null {
  if (value === null || stored === null || column.type.encodeChange === undefined)
    return encodeColumn(column, value)
  try {
    return column.type.encodeChange(value as never, stored)
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
  const { type, nullable, hidden, property } = column
  if (value === null ? nullable : type.accepts(value)) return
  const isTyped = value === null || type.isType(value)
  const expected = `${isTyped ? type.expected : type.jsType}${nullable ? ', or null' : ''}`
  const got = hidden && value !== null && value !== undefined ? hiddenValue(value) : describe(value)
  throw new DataBridgeError(
    isTyped ? 'DATA_BRIDGE_ERR_INVALID_VALUE' : 'DATA_BRIDGE_ERR_TYPE',
    `${table.entityName}.${property} expected ${expected}, got ${got}`,
    { table: table.fullName, column: column.name },
  )
}

function hiddenValue(value: unknown): string {
  return `a ${typeof value} (not shown, since the column is hidden)`
}

/** Whether a value is still equal to the text of the snapshot. */
export function isUnchanged(column: ColumnMetadata, value: unknown, text: string | null): boolean {
  if (text === null) return value === null
  try {
    return column.type.isSame(value, text)
  } catch (cause) {
    throw unreadableError(column, cause)
  }
}

/**
 * The value to hold after a write gave `text` back: the database may have changed what was sent
 * (`numeric(10,2)`, `real`, `char(3)`). An object that is equal to it stays the same object.
 */
export function readBack(
  column: ColumnMetadata,
  value: unknown,
  text: string | null,
  table?: TableMetadata,
  row?: Texts,
): unknown {
  const stored = decodeColumn(column, text, table, row)
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
