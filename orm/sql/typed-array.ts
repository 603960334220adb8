import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { quote, quoteTable } from './identifier.ts'

/**
 * The SQL around a parameter that makes it an array of the column's real type: a column that is declared as
 * `text()` may be citext. The sub-query only supplies the type. It never runs.
 */
export function aroundTypedArray(
  table: TableMetadata,
  { name, type }: ColumnMetadata,
): readonly [before: string, after: string] {
  // PostgreSQL has no arrays of arrays: these travel as texts.
  if (type.itemCast !== '') return ['', `::${type.arrayCast}`]
  const item = `typed.${quote(name)}`
  // `nullif` gives the base type of a domain, since a key may violate the constraint of the domain.
  return [
    'coalesce(',
    `, array(select nullif(${item}, ${item}) from ${quoteTable(table)} as typed where false))`,
  ]
}
