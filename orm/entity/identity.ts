import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { ColumnPair } from '../schema/relation-metadata.ts'
import { isUnchanged, keptOf, textOfKept } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { stateOf } from './entity-state.ts'
import { valueOf } from './property.ts'

/** A key of one column as it is kept, or the joined text of several. */
export type Identity = Primitive

/** Joins the texts of columns to one text. Different lists never give the same text. */
export function joinTexts(texts: readonly string[]): string {
  if (texts.length === 1) return texts[0] as string
  // With their lengths, so that ('a', 'b,c') and ('a,b', 'c') differ.
  return texts.map((text) => `${text.length}:${text}`).join('')
}

/** The identity of a key: of one column what is kept, of several a text that no other key has. */
export function identityOfKey(columns: readonly ColumnMetadata[], key: Row): Identity {
  return columns.length === 1
    ? (key[0] as Primitive)
    : joinTexts(columns.map((column, index) => textOfKept(column, key[index] as Primitive) ?? ''))
}

/** The identity of a row: its primary key. */
export function identityOf({ primaryKey }: TableMetadata, row: Row): Identity {
  return primaryKey.length === 1
    ? (row[primaryKey[0].position] as Primitive)
    : identityOfKey(
        primaryKey,
        primaryKey.map(({ position }) => row[position] as Primitive),
      )
}

/** The primary key of a stored entity, as the database holds it. */
export function storedKey(entity: object): Row {
  const { table, snapshot } = stateOf(entity)
  return table.primaryKey.map(({ position }) => snapshot?.[position] as Primitive)
}

/** The identity of a stored entity: its primary key in the database. */
export function storedIdentity(entity: object): Identity {
  const { table, snapshot } = stateOf(entity)
  return identityOf(table, snapshot ?? [])
}

/**
 * What is kept of a property. If the property is unchanged, it is that of the row, since a Date has no
 * microseconds. `undefined`: the property has no value yet.
 */
function keptNow(entity: object, column: ColumnMetadata): Primitive | undefined {
  const value = valueOf(entity, column)
  if (value === undefined) return undefined
  const stored = stateOf(entity).snapshot?.[column.position] ?? null
  return stored !== null && isUnchanged(column, value, stored) ? stored : keptOf(column, value)
}

/** PostgreSQL's text of a property. `undefined`: the property has no value yet. */
export function textOf(entity: object, column: ColumnMetadata): string | null | undefined {
  const kept = keptNow(entity, column)
  return kept === undefined ? undefined : textOfKept(column, kept)
}

/** What is kept of several columns: `null` if one of them is NULL, `undefined` if one has no value yet. */
export function keyNow(entity: object, columns: readonly ColumnMetadata[]): Row | null | undefined {
  const [only] = columns
  if (columns.length === 1 && only !== undefined) {
    const kept = keptNow(entity, only)
    return kept === null || kept === undefined ? kept : [kept]
  }
  const key = columns.map((column) => keptNow(entity, column))
  if (key.includes(undefined)) return undefined
  return key.includes(null) ? null : (key as Row)
}

/** The texts of a key, in the order of its columns. */
export function textsOfKey(columns: readonly ColumnMetadata[], key: Row): readonly string[] {
  return columns.map((column, index) => textOfKept(column, key[index] as Primitive) as string)
}

/**
 * What the column at the other end of a foreign key keeps of the same value. Columns of one kind may keep
 * it in several forms: then the text decides.
 */
export function keptThere([here, there]: ColumnPair, kept: Primitive): Primitive {
  const [from, to] = [here.type.keep, there.type.keep]
  if (from.form === to.form || kept === null) return kept
  try {
    return to.fromText(from.toText(kept))
  } catch {
    return from.toText(kept) // not a value of the other type, so equal to none
  }
}
