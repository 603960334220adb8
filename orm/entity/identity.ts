import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { encodeColumn, isUnchanged } from '../schema/values.ts'
import type { RawRow } from './entity-state.ts'
import { stateOf } from './entity-state.ts'
import { valueOf } from './property.ts'

/** Joins the texts of columns to one text. Different lists never give the same text. */
export function joinTexts(texts: readonly string[]): string {
  if (texts.length === 1) return texts[0] as string
  // With their lengths, so that ('a', 'b,c') and ('a,b', 'c') differ.
  return texts.map((text) => `${text.length}:${text}`).join('')
}

/** The identity of a row: its primary key as PostgreSQL sent it. */
export function identityOf(table: TableMetadata, row: RawRow): string {
  const { primaryKey } = table
  if (primaryKey.length === 1) return row[primaryKey[0].position] as string
  return joinTexts(primaryKey.map(({ position }) => row[position] as string))
}

/** The texts of a stored entity's primary key, as the database holds them. */
export function storedKey(entity: object): readonly string[] {
  const { table, snapshot } = stateOf(entity)
  return table.primaryKey.map(({ position }) => snapshot?.[position] as string)
}

/** The identity of a stored entity: its primary key in the database. */
export function storedIdentity(entity: object): string {
  const { table, snapshot } = stateOf(entity)
  return identityOf(table, snapshot ?? [])
}

/**
 * PostgreSQL's text of a property. If the property is unchanged, it is the text that was read, since a
 * Date has no microseconds. `undefined`: the property has no value yet.
 */
export function textOf(entity: object, column: ColumnMetadata): string | null | undefined {
  const value = valueOf(entity, column)
  if (value === undefined) return undefined
  const stored = stateOf(entity).snapshot?.[column.position] ?? null
  return stored !== null && isUnchanged(column, value, stored)
    ? stored
    : encodeColumn(column, value)
}

/** The texts of several columns: `null` if one of them is NULL, `undefined` if one has no value yet. */
export function textsOf(
  entity: object,
  columns: readonly ColumnMetadata[],
): readonly string[] | null | undefined {
  const [only] = columns
  if (columns.length === 1 && only !== undefined) {
    const text = textOf(entity, only)
    return typeof text === 'string' ? [text] : text
  }
  const texts = columns.map((column) => textOf(entity, column))
  if (texts.includes(undefined)) return undefined
  return texts.includes(null) ? null : (texts as string[])
}
