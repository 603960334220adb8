import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { encodeColumn, requireValue } from '../schema/values.ts'
import type { KeyPart, KeyParts } from '../sql/key-statements.ts'
import { listed } from '../util/messages.ts'

/** The parts of a key from the program: a value, or for a composite key an object with all of its columns. */
export function keyParts(table: TableMetadata, key: unknown): KeyParts {
  const { primaryKey } = table
  const [only] = primaryKey
  if (primaryKey.length === 1) return [partOf(table, only, key)]
  const given = requireParts(table, key)
  return primaryKey.map((column) => partOf(table, column, given[column.property]))
}

/** The parts of several keys. */
export function keyList(table: TableMetadata, keys: unknown): readonly KeyParts[] {
  if (Array.isArray(keys)) return keys.map((key) => keyParts(table, key))
  throw keyError(table, 'an array of keys', describe(keys))
}

/** The texts of a key for the identity map; undefined if a part is an interval. */
export function exactTexts(key: KeyParts): readonly string[] | undefined {
  return key.every((part) => typeof part === 'string') ? key : undefined
}

function requireParts(table: TableMetadata, key: unknown): Readonly<Record<string, unknown>> {
  const names = table.primaryKey.map(({ property }) => property)
  const expected = `an object with ${listed(names)}`
  if (typeof key !== 'object' || key === null || Array.isArray(key))
    throw keyError(table, expected, describe(key))
  const parts: Readonly<Record<string, unknown>> = { ...key }
  const given = Object.keys(parts)
  if (given.length !== names.length || !names.every((name) => given.includes(name)))
    throw keyError(
      table,
      expected,
      given.length === 0 ? 'an empty object' : `one with ${listed(given)}`,
    )
  const unset = names.find((name) => parts[name] === undefined)
  if (unset !== undefined) throw keyError(table, expected, `one whose ${unset} is undefined`)
  return parts
}

function partOf(table: TableMetadata, column: ColumnMetadata, value: unknown): KeyPart {
  // No row has such a key: the program has asked by a foreign key that is not set.
  if (value === null) throw nullError(table, column)
  requireValue(table, column, value)
  return column.type.rangeOf?.(value as never) ?? (encodeColumn(column, value) as string)
}

function nullError(table: TableMetadata, { property, type }: ColumnMetadata): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TYPE',
    `the key ${table.entityName}.${property} expected ${type.jsType}, got null`,
  )
}

function keyError(table: TableMetadata, expected: string, got: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_ENTITY',
    `the key of ${table.entityName} expected ${expected}, got ${got}`,
  )
}
