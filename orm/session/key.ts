import { DataBridgeError, describe } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { encodeColumn, requireValue } from '../schema/values.ts'
import { listed } from '../util/messages.ts'

/** The texts of a key that the program gave: a value, or of a composite key an object with all of its columns. */
export function keyTexts(table: TableMetadata, key: unknown): readonly string[] {
  const { primaryKey } = table
  if (primaryKey.length === 1) return [textOf(table, primaryKey[0], key)]
  const names = primaryKey.map(({ property }) => property)
  const isObject = typeof key === 'object' && key !== null && !Array.isArray(key)
  const given = isObject ? Object.keys(key) : []
  if (given.length !== names.length || !names.every((name) => given.includes(name))) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_ENTITY',
      `the key of ${table.entityName} expected an object with ${listed(names)}; came ` +
        (isObject ? `one with ${listed(given)}` : describe(key)),
    )
  }
  return primaryKey.map((column) =>
    textOf(table, column, (key as Record<string, unknown>)[column.property]),
  )
}

function textOf(
  table: TableMetadata,
  column: TableMetadata['primaryKey'][0],
  value: unknown,
): string {
  requireValue(table, column, value)
  return encodeColumn(column, value) as string
}
