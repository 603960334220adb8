import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { encodeColumn, isUnchanged } from '../schema/values.ts'
import type { RawRow } from './entity-state.ts'
import { stateOf } from './entity-state.ts'
import { valueOf } from './property.ts'

/** The texts of several columns as one value: itself where there is one, and never the same for other texts. */
export function joinTexts(texts: readonly string[]): string {
  if (texts.length === 1) return texts[0] as string
  // With their lengths, so that ('a', 'b,c') and ('a,b', 'c') differ.
  return texts.map((text) => `${text.length}:${text}`).join('')
}

/** What a row of a table is known by: its primary key as PostgreSQL sent it. */
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

/** What a stored entity is known by: the key as the database holds it. */
export function storedIdentity(entity: object): string {
  const { table, snapshot } = stateOf(entity)
  return identityOf(table, snapshot ?? [])
}

/**
 * PostgreSQL's text of a property: as it was read where it is unchanged, since a Date has no
 * microseconds. `null` and `undefined` are told apart: the second has no value yet.
 */
export function textOf(entity: object, column: ColumnMetadata): string | null | undefined {
  const value = valueOf(entity, column)
  if (value === undefined) return undefined
  const stored = stateOf(entity).snapshot?.[column.position] ?? null
  return stored !== null && isUnchanged(column, value, stored)
    ? stored
    : encodeColumn(column, value)
}

/** The texts of several columns: `null` where one of them is NULL, `undefined` where one has no value yet. */
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
