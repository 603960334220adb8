import { DataBridgeError, describe } from '../errors.ts'
import { listed } from '../util/messages.ts'
import type { OnDelete } from './column.ts'
import type { ColumnMetadata, TableMetadata } from './metadata.ts'
import { KeyOf } from './relation.ts'
import { isEntityClass, tableOf } from './table-of.ts'
import { schemaError } from './schema-error.ts'

/** Columns that refer to a row of a table, by its primary key or by other columns that are unique. */
export interface ForeignKeyMetadata {
  readonly columns: readonly ColumnMetadata[]
  readonly target: TableMetadata
  readonly targetColumns: readonly ColumnMetadata[]
  readonly onDelete: OnDelete
}

export function resolveForeignKeys(table: TableMetadata): readonly ForeignKeyMetadata[] {
  const single = table.columns.flatMap((column) =>
    column.references === undefined
      ? []
      : [resolve(table, [column], column.references, column.onDelete)],
  )
  const several = table.settings.foreignKeys.map(({ columns, references, onDelete }) =>
    resolve(table, columns, references, onDelete),
  )
  return Object.freeze([...single, ...several])
}

function resolve(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  thunk: () => unknown,
  onDelete: OnDelete,
): ForeignKeyMetadata {
  const where = `${table.entityName}.${columns.map(({ property }) => property).join(', ')}`
  const given = resolveThunk(where, thunk)
  const target = declaredTable(where, given instanceof KeyOf ? given.target : given)
  const targetColumns =
    given instanceof KeyOf && given.columns !== undefined
      ? columnsNamed(where, target, given.columns)
      : target.primaryKey
  requirePairs(where, table, columns, target, targetColumns)
  return Object.freeze({ columns, target, targetColumns, onDelete })
}

/** The columns of a table by the names of their properties. */
function columnsNamed(
  where: string,
  table: TableMetadata,
  properties: readonly string[],
): readonly ColumnMetadata[] {
  return properties.map((property) => {
    const column = table.columnOf.get(property)
    if (column !== undefined) return column
    throw schemaError(
      `${where} names ${property}, which is not a column of ${table.entityName}; it has ${listed([...table.columnOf.keys()])}`,
    )
  })
}

/** Refuses a foreign key that has more or fewer columns than it refers to, or columns of other types. */
export function requirePairs(
  where: string,
  holder: TableMetadata,
  columns: readonly ColumnMetadata[],
  target: TableMetadata,
  targetColumns: readonly ColumnMetadata[],
): void {
  if (columns.length !== targetColumns.length) {
    throw schemaError(
      `${where} expected ${targetColumns.length} column${targetColumns.length === 1 ? '' : 's'}, since it refers to ` +
        `${target.entityName} by ${named(targetColumns)}, got ${named(columns)} of ${holder.entityName}`,
    )
  }
  refuseDeferred(where, holder, columns)
  refuseDeferred(where, target, targetColumns)
  columns.forEach((column, index) => {
    const other = targetColumns[index] as ColumnMetadata
    // Keys are compared by their values in JavaScript too.
    if (column.type.kind === other.type.kind) return
    throw schemaError(
      `${where}: ${holder.entityName}.${column.property} holds ${column.type.expected}, and refers to ` +
        `${target.entityName}.${other.property}, which holds ${other.type.expected}; declare both alike`,
    )
  })
}

/** Relations need the values of both sides. */
function refuseDeferred(
  where: string,
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
): void {
  const deferred = columns.find((column) => column.deferred)
  if (deferred === undefined) return
  throw schemaError(
    `${where} uses ${table.entityName}.${deferred.property}, which is deferred: its value may not be loaded; remove deferred()`,
  )
}

function named(columns: readonly ColumnMetadata[]): string {
  return listed(columns.map(({ property }) => property))
}

export function resolveThunk(where: string, thunk: () => unknown): unknown {
  try {
    return thunk()
  } catch (cause) {
    if (cause instanceof DataBridgeError) {
      throw new DataBridgeError(cause.code, `${where}: ${cause.message}`, { cause })
    }
    throw schemaError(
      `${where} refers to an entity that is not declared (yet): ${cause instanceof Error ? cause.message : describe(cause)}`,
      { cause },
    )
  }
}

export function declaredTable(where: string, target: unknown): TableMetadata {
  if (isEntityClass(target)) return tableOf(target)
  throw schemaError(
    `${where} expected an entity class, one that extends table(…), got ${describe(target)}`,
  )
}
