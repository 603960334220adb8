import { isSameSet, startsWith } from './column-lists.ts'
import type { Catalogue, ExistingColumn, ExistingForeignKey, ExistingTable } from './catalogue.ts'
import type { ForeignKeyDefinition, TableDefinition, TableName } from './definition.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { isSameList } from '../util/lists.ts'

/*
 * Whether the database has what a definition says. Constraints and indexes are compared by what they
 * do, so that those of a migration count, whatever their names.
 */

export function findTable(
  { tables }: Pick<Catalogue, 'tables'>,
  { schema, name }: Pick<TableName, 'schema' | 'name'>,
): ExistingTable | undefined {
  return tables.find((table) => table.schema === schema && table.name === name)
}

export function findColumn(table: ExistingTable, name: string): ExistingColumn | undefined {
  return table.columns.find((column) => column.name === name)
}

/** Whether a column holds what its declaration says. Lengths, precisions and other modifiers do not matter. */
export function hasDeclaredType(
  { families }: Catalogue,
  declared: ColumnMetadata,
  existing: ExistingColumn,
): boolean {
  return families.get(declared.type.cast) === existing.family
}

/** Whether the columns are there, as the definition says. */
export function hasColumns(
  catalogue: Catalogue,
  table: ExistingTable,
  definition: TableDefinition,
  names: readonly string[],
): boolean {
  return names.every((name) => {
    const declared = definition.columns.find((column) => column.name === name)
    const existing = findColumn(table, name)
    return (
      declared !== undefined &&
      existing !== undefined &&
      hasDeclaredType(catalogue, declared, existing)
    )
  })
}

export function hasUnique(table: ExistingTable, columns: readonly string[]): boolean {
  return table.indexes.some((index) => index.isUnique && isSameSet(index.columns, columns))
}

export function hasIndex(table: ExistingTable, columns: readonly string[]): boolean {
  return table.indexes.some((index) => isSameList(index.columns, columns))
}

/** Whether an index finds the rows by these columns. */
export function servesColumns(table: ExistingTable, columns: readonly string[]): boolean {
  return table.indexes.some((index) => startsWith(index.columns, columns))
}

export function findForeignKey(
  table: ExistingTable,
  { columns, target, targetColumns }: ForeignKeyDefinition,
): ExistingForeignKey | undefined {
  const pairs = pairsOf(columns, targetColumns)
  return table.foreignKeys.find(
    (key) =>
      key.schema === target.schema &&
      key.table === target.name &&
      isSameSet(pairsOf(key.columns, key.targetColumns), pairs),
  )
}

function pairsOf(columns: readonly string[], targetColumns: readonly string[]): string[] {
  return columns.map((column, index) => JSON.stringify([column, targetColumns[index]]))
}

/** Whether a foreign key can refer to its target when createSchema() has made what it makes. */
export function canReferTo(
  catalogue: Catalogue,
  definitions: readonly TableDefinition[],
  definition: TableDefinition,
  key: ForeignKeyDefinition,
): boolean {
  const { target, targetColumns } = key
  const isKey = (keys: readonly (readonly string[])[]): boolean =>
    keys.some((columns) => isSameSet(columns, targetColumns))
  const declared = definitions.find(
    ({ schema, name }) => schema === target.schema && name === target.name,
  )
  const existing = findTable(catalogue, target)
  if (existing === undefined) {
    return declared !== undefined && isKey([declared.primaryKey, ...declared.unique])
  }
  // A missing unique constraint is created, a missing primary key is not.
  const isUnique = hasUnique(existing, targetColumns)
    ? hasImmediateKey(existing, targetColumns)
    : existing.isTable && declared !== undefined && isKey(declared.unique)
  return isUnique && hasTypesOf(catalogue, definition, key, existing)
}

/** PostgreSQL lets no foreign key refer to a deferrable key. */
function hasImmediateKey({ indexes }: ExistingTable, columns: readonly string[]): boolean {
  return indexes.some(
    (index) => index.isUnique && index.isImmediate && isSameSet(index.columns, columns),
  )
}

/** Whether the columns that a foreign key refers to exist and have the types of its columns. */
function hasTypesOf(
  catalogue: Catalogue,
  definition: TableDefinition,
  { columns, targetColumns }: ForeignKeyDefinition,
  target: ExistingTable,
): boolean {
  return columns.every((name, index) => {
    const column = definition.columns.find((each) => each.name === name)
    const other = findColumn(target, targetColumns[index] as string)
    return column !== undefined && other !== undefined && hasDeclaredType(catalogue, column, other)
  })
}
