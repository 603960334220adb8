import type { OnDelete } from '../schema/column.ts'
import { declarationOf } from '../schema/link-table.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { quoteTable } from '../sql/identifier.ts'
import { inlineSql } from '../sql/inline.ts'
import { isSameList } from '../util/lists.ts'
import { startsWith } from './column-lists.ts'
import { takeName } from './names.ts'

/** A table by its names. */
export interface TableName {
  /** The PostgreSQL schema that it is in, whether the declaration names it or not. */
  readonly schema: string
  readonly name: string
  /** The quoted name, as the declaration gives it. */
  readonly sql: string
}

/** What is declared about a table, with the names of the database. */
export interface TableDefinition extends TableName {
  /** What declares it, for messages: an entity, or the relations that name it. */
  readonly declaredBy: string
  readonly columns: readonly ColumnMetadata[]
  readonly primaryKey: readonly string[]
  /** Without the primary key. */
  readonly unique: readonly (readonly string[])[]
  /** Includes indexes for foreign keys, without those that a unique or primary key replaces. */
  readonly indexes: readonly (readonly string[])[]
  readonly checks: readonly CheckDefinition[]
  readonly foreignKeys: readonly ForeignKeyDefinition[]
  readonly comment: string | undefined
  /** Whether xmin is the version of its rows, so that it has to be a table. */
  readonly hasXmin: boolean
}

export interface CheckDefinition {
  readonly name: string
  /** Those that the condition reads. */
  readonly columns: readonly string[]
  readonly sql: string
}

export interface ForeignKeyDefinition {
  readonly columns: readonly string[]
  readonly target: TableName
  readonly targetEntity: string
  readonly targetColumns: readonly string[]
  readonly onDelete: OnDelete
}

/** @param currentSchema where tables are that name no schema */
export function defineFrom(table: TableMetadata, currentSchema: string): TableDefinition {
  const primaryKey = names(table.primaryKey)
  const foreignKeys = table.foreignKeys.map((key) => ({
    columns: names(key.columns),
    target: tableName(key.target, currentSchema),
    targetEntity: key.target.entityName,
    targetColumns: names(key.targetColumns),
    onDelete: key.onDelete,
  }))
  const unique = uniqueKeys(table, primaryKey)
  return {
    ...tableName(table, currentSchema),
    declaredBy: declarationOf(table),
    columns: table.columns,
    primaryKey,
    unique,
    indexes: indexes(table, [primaryKey, ...unique], foreignKeys),
    checks: checks(table),
    foreignKeys,
    comment: table.settings.comment,
    hasXmin: table.hasXmin,
  }
}

export function tableName(table: TableMetadata, currentSchema: string): TableName {
  return { schema: table.schema ?? currentSchema, name: table.name, sql: quoteTable(table) }
}

function uniqueKeys(table: TableMetadata, primaryKey: readonly string[]): string[][] {
  const single = table.columns.filter(({ unique }) => unique).map(({ name }) => [name])
  return [...single, ...table.settings.unique.map(names)].filter(
    (key, index, all) =>
      !isSameList(key, primaryKey) && all.findIndex((other) => isSameList(other, key)) === index,
  )
}

function indexes(
  table: TableMetadata,
  keys: readonly (readonly string[])[],
  foreignKeys: readonly ForeignKeyDefinition[],
): string[][] {
  const made: string[][] = []
  for (const columns of table.settings.indexes.map(names)) {
    if ([...keys, ...made].some((other) => isSameList(other, columns))) continue
    made.push(columns)
  }
  for (const { columns } of foreignKeys) {
    if ([...keys, ...made].some((other) => startsWith(other, columns))) continue
    made.push([...columns])
  }
  return made
}

function checks(table: TableMetadata): CheckDefinition[] {
  const taken = new Set(table.settings.checks.flatMap(({ name }) => name ?? []))
  return table.settings.checks.map(({ name, condition }, index) => {
    const used = new Set<string>()
    const build = (row: never): unknown => condition(recording(row, table, used))
    const sql = inlineSql(table, build, `${table.entityName}: checks[${name ?? index}]`)
    const columns = [...used]
    // PostgreSQL puts the column into the name where there is only one.
    const inName = columns.length === 1 ? columns : []
    return { name: name ?? takeName(taken, table.name, inName, 'check'), columns, sql }
  })
}

/** The row of a callback, which notes the columns that are read of it. */
function recording(row: never, table: TableMetadata, used: Set<string>): never {
  return new Proxy<object>(row, {
    get(target, property) {
      const column = typeof property === 'string' ? table.columnOf.get(property) : undefined
      if (column !== undefined) used.add(column.name)
      return Reflect.get(target, property) as unknown
    },
  }) as never
}

function names(columns: readonly ColumnMetadata[]): string[] {
  return columns.map(({ name }) => name)
}
