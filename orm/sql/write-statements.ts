import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { arrayLiteral } from './array-literal.ts'
import { quote } from './identifier.ts'
import { type Statement, statementsOf } from './statement.ts'

/** A value of a column as PostgreSQL's text. */
export type EncodedRow = readonly (string | null)[]

/**
 * Inserts rows that all give the same columns; the rows come back whole, in the same order. Many
 * rows are one statement whose text does not depend on how many there are.
 */
export function insertRows(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  rows: readonly EncodedRow[],
): Statement {
  const isOne = rows.length === 1
  const shape = `insert${isOne ? 1 : ''}|${positions(columns)}`
  const compiled = statementsOf(table).get(shape, () =>
    isOne ? insertOneText(table, columns) : insertManyText(table, columns),
  )
  return {
    ...compiled,
    parameters: isOne ? (rows[0] as EncodedRow) : columnArrays(columns.length, rows),
    kind: 'write',
    summary: `INSERT ${table.name}`,
  }
}

function insertOneText(table: TableMetadata, columns: readonly ColumnMetadata[]): string {
  const values = columns.map((_, index) => `$${index + 1}`).join(', ')
  return `insert into ${quote(table.name)} (${names(columns)}) values (${values}) returning ${names(table.columns)}`
}

function insertManyText(table: TableMetadata, columns: readonly ColumnMetadata[]): string {
  const place = quote(freeName('#', columns))
  // The ordinality makes identities be given in the order of the rows, in which they come back.
  return (
    `insert into ${quote(table.name)} (${names(columns)}) select ${names(columns)} from ` +
    `unnest(${arrays(columns)}) with ordinality as given (${names(columns)}, ${place}) order by ${place} ` +
    `returning ${names(table.columns)}`
  )
}

function freeName(wanted: string, columns: readonly ColumnMetadata[]): string {
  return columns.some(({ name }) => name === wanted) ? freeName(`${wanted}#`, columns) : wanted
}

/** Inserts rows that leave every column to PostgreSQL; there is nothing to unnest, so the text has each row. */
export function insertDefaults(table: TableMetadata, count: number): Statement {
  const values = Array.from({ length: count }, () => '(default)').join(', ')
  const { name } = table.primaryKey
  return {
    text: `insert into ${quote(table.name)} (${quote(name)}) values ${values} returning ${names(table.columns)}`,
    parameters: [],
    kind: 'write',
    summary: `INSERT ${table.name}`,
  }
}

/** What one entity changed: texts for the changed columns, in the order of the batch's columns; undefined is unchanged. */
export interface ChangedRow {
  readonly key: string
  readonly values: readonly (string | null | undefined)[]
}

/**
 * Updates rows by their key, each with changes of its own, in one statement. A column that only some
 * of the rows change has a flag, so that the others keep what the database holds. The keys and the
 * changed columns come back.
 */
export function updateRows(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  rows: readonly ChangedRow[],
): Statement {
  const isOne = rows.length === 1
  const partial = columns.map((_, index) => rows.some((row) => row.values[index] === undefined))
  const shape = `update${isOne ? 1 : ''}|${positions(columns)}|${partial.map(Number).join('')}`
  const compiled = statementsOf(table).get(shape, () =>
    isOne ? updateOneText(table, columns) : updateManyText(table, columns, partial),
  )
  return {
    ...compiled,
    parameters: isOne
      ? updateOneParameters(rows[0] as ChangedRow)
      : updateParameters(partial, rows),
    kind: 'write',
    summary: `UPDATE ${table.name}`,
  }
}

function updateOneText(table: TableMetadata, columns: readonly ColumnMetadata[]): string {
  const sets = columns.map(({ name }, index) => `${quote(name)} = $${index + 2}`).join(', ')
  return (
    `update ${quote(table.name)} set ${sets} where ${quote(table.primaryKey.name)} = $1 ` +
    `returning ${names([table.primaryKey, ...columns])}`
  )
}

function updateManyText(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  partial: readonly boolean[],
): string {
  const { primaryKey } = table
  const given = [`${quote('#key')}`]
  const casts = [`$1::${primaryKey.type.cast}[]`]
  const sets = columns.map((column, index) => {
    const name = quote(column.name)
    const value = quote(`#${index}`)
    given.push(value)
    casts.push(`$${casts.length + 1}::${column.type.cast}[]`)
    if (partial[index] !== true) return `${name} = given.${value}`
    const flag = quote(`#set${index}`)
    given.push(flag)
    casts.push(`$${casts.length + 1}::boolean[]`)
    return `${name} = case when given.${flag} then given.${value} else target.${name} end`
  })
  const returning = [primaryKey, ...columns].map(({ name }) => `target.${quote(name)}`).join(', ')
  return (
    `update ${quote(table.name)} as target set ${sets.join(', ')} ` +
    `from unnest(${casts.join(', ')}) as given (${given.join(', ')}) ` +
    `where target.${quote(primaryKey.name)} = given.${quote('#key')} returning ${returning}`
  )
}

function updateOneParameters(row: ChangedRow): readonly (string | null)[] {
  return [row.key, ...row.values.map((value) => value ?? null)]
}

function updateParameters(
  partial: readonly boolean[],
  rows: readonly ChangedRow[],
): readonly string[] {
  const parameters = [arrayLiteral(rows.map(({ key }) => key))]
  partial.forEach((isPartial, index) => {
    parameters.push(arrayLiteral(rows.map(({ values }) => values[index] ?? null)))
    if (isPartial)
      parameters.push(
        arrayLiteral(rows.map(({ values }) => (values[index] === undefined ? 'f' : 't'))),
      )
  })
  return parameters
}

/** Deletes rows by their keys. */
export function deleteRows(table: TableMetadata, keys: readonly string[]): Statement {
  const compiled = statementsOf(table).get(
    'delete',
    () => `delete from ${quote(table.name)} where ${quote(table.primaryKey.name)} = any($1)`,
  )
  return {
    ...compiled,
    parameters: [arrayLiteral(keys)],
    kind: 'write',
    summary: `DELETE ${table.name}`,
  }
}

function positions(columns: readonly ColumnMetadata[]): string {
  return columns.map(({ position }) => position).join(',')
}

function names(columns: readonly ColumnMetadata[]): string {
  return columns.map(({ name }) => quote(name)).join(', ')
}

function arrays(columns: readonly ColumnMetadata[]): string {
  return columns.map(({ type }, index) => `$${index + 1}::${type.cast}[]`).join(', ')
}

function columnArrays(width: number, rows: readonly EncodedRow[]): readonly string[] {
  return Array.from({ length: width }, (_, index) =>
    arrayLiteral(rows.map((row) => row[index] ?? null)),
  )
}
