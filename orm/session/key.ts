import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { type Identity, identityOfKey, joinTexts, textsOfKey } from '../entity/identity.ts'
import { keptOf, requireValue, textOfKept } from '../schema/values.ts'
import type { KeyParts } from '../sql/key-statements.ts'
import { listed } from '../util/messages.ts'

/** A key from the program. */
export interface GivenKey {
  readonly parts: KeyParts
  /** The identity of its row; undefined if a part is an interval. */
  readonly identity: Identity | undefined
  /** Equal for equal keys. */
  readonly flight: Identity
}

/** A value, or for a composite key an object with all of its columns. */
export function givenKey(table: TableMetadata, key: unknown): GivenKey {
  const { primaryKey } = table
  const [only] = primaryKey
  if (primaryKey.length === 1) return keyOfOne(only, valueOfKey(table, only, key))
  const given = requireParts(table, key)
  return keyOf(
    primaryKey,
    primaryKey.map((column) => valueOfKey(table, column, given[column.property])),
  )
}

/** Several keys. */
export function givenKeys(table: TableMetadata, keys: unknown): readonly GivenKey[] {
  if (Array.isArray(keys)) return keys.map((key) => givenKey(table, key))
  throw keyError(table, 'an array of keys', describe(keys))
}

function keyOfOne(column: ColumnMetadata, value: unknown): GivenKey {
  const range = column.type.rangeOf?.(value as never)
  if (range !== undefined) return { parts: [range], identity: undefined, flight: joinTexts(range) }
  const kept = keptOf(column, value)
  return { parts: [textOfKept(column, kept) as string], identity: kept, flight: kept }
}

function keyOf(columns: readonly ColumnMetadata[], values: readonly unknown[]): GivenKey {
  const ranges = columns.map(({ type }, index) => type.rangeOf?.(values[index] as never))
  const kept = columns.map((column, index) => keptOf(column, values[index]))
  const texts = textsOfKey(columns, kept)
  const parts = texts.map((text, index) => ranges[index] ?? text)
  const hasRange = ranges.some((range) => range !== undefined)
  const identity = hasRange ? undefined : identityOfKey(columns, kept)
  return { parts, identity, flight: identity ?? joinTexts(parts.flat()) }
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

function valueOfKey(table: TableMetadata, column: ColumnMetadata, value: unknown): unknown {
  // No row has such a key: the program has asked by a foreign key that is not set.
  if (value === null) throw nullError(table, column)
  requireValue(table, column, value)
  return value
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
