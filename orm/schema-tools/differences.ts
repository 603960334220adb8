import type { ColumnMetadata } from '../schema/metadata.ts'
import { isSameSet } from './column-lists.ts'
import type { Catalogue, ExistingColumn, ExistingTable } from './catalogue.ts'
import { canReferTo, findColumn, findForeignKey, findTable, hasDeclaredType } from './compare.ts'
import type { TableDefinition } from './definition.ts'
import type { PlacedEnumeration } from './declared-types.ts'

/** How the database differs from a definition, in the places that createSchema() does not change. */
export function differencesOf(
  definition: TableDefinition,
  definitions: readonly TableDefinition[],
  catalogue: Catalogue,
): string[] {
  const existing = findTable(catalogue, definition)
  const foreignKeys = foreignKeyDifferences(definition, existing, definitions, catalogue)
  if (existing === undefined) return foreignKeys
  const columns = definition.columns.flatMap((column) =>
    columnDifferences(column, findColumn(existing, column.name), existing, catalogue),
  )
  if (!existing.isTable) return columns
  return [
    ...columns,
    ...undeclaredColumns(definition, existing),
    ...primaryKeyDifferences(definition, existing),
    ...foreignKeys,
  ]
}

function columnDifferences(
  column: ColumnMetadata,
  existing: ExistingColumn | undefined,
  { isTable }: ExistingTable,
  catalogue: Catalogue,
): string[] {
  const { name, type } = column
  if (existing === undefined) return [`column ${name}: expected ${type.sql}, found no such column`]
  if (!hasDeclaredType(catalogue, column, existing))
    return [`column ${name}: expected ${type.sql}, found ${existing.type}`]
  // PostgreSQL does not know which columns of a view are NOT NULL, nor what fills them.
  if (!isTable) return []
  const differences: string[] = []
  // An identity column is always NOT NULL.
  const isFilled = column.generated && existing.isFilled
  if (column.nullable && !existing.isNullable && !isFilled)
    differences.push(`column ${name}: expected that it allows NULL, found NOT NULL`)
  if (!column.nullable && existing.isNullable)
    differences.push(`column ${name}: expected NOT NULL, found that it allows NULL`)
  const isLeftToDatabase = column.generated || column.default?.kind === 'sql'
  if (isLeftToDatabase && !existing.isFilled)
    differences.push(`column ${name}: expected a default or a generated value, found neither`)
  return differences
}

function undeclaredColumns({ columns }: TableDefinition, existing: ExistingTable): string[] {
  return existing.columns
    .filter(
      ({ name, isNullable, isFilled }) =>
        !isNullable && !isFilled && !columns.some((column) => column.name === name),
    )
    .map(
      ({ name, type }) =>
        `column ${name}: expected no such column, or one with a default, found ${type} NOT NULL without a default, so inserts fail`,
    )
}

function primaryKeyDifferences({ primaryKey }: TableDefinition, existing: ExistingTable): string[] {
  const found = existing.indexes.find(({ isPrimary }) => isPrimary)
  if (found !== undefined && isSameSet(found.columns, primaryKey)) return []
  return [
    `primary key: expected (${primaryKey.join(', ')}), found ${found === undefined ? 'none' : `(${found.columns.join(', ')})`}`,
  ]
}

function foreignKeyDifferences(
  definition: TableDefinition,
  existing: ExistingTable | undefined,
  definitions: readonly TableDefinition[],
  catalogue: Catalogue,
): string[] {
  return definition.foreignKeys.flatMap((key) => {
    const where = `foreign key (${key.columns.join(', ')})`
    const found = existing && findForeignKey(existing, key)
    if (found?.onDelete === key.onDelete) return []
    if (found !== undefined)
      return [`${where}: expected on delete ${key.onDelete}, found on delete ${found.onDelete}`]
    if (canReferTo(catalogue, definitions, definition, key)) return []
    const { target, targetColumns } = key
    return [
      `${where}: expected that ${target.schema}.${target.name} has a primary key or a unique constraint of its types ` +
        `on (${targetColumns.join(', ')}), found none, so the foreign key is not created`,
    ]
  })
}

/** The values that an enum type lacks. */
export function missingValues({ schema, type }: PlacedEnumeration, catalogue: Catalogue): string[] {
  const existing = catalogue.enumerations.find(
    (other) => other.schema === schema && other.name === type.name,
  )
  if (existing === undefined) return []
  return type.values.filter((value) => !existing.values.includes(value))
}
