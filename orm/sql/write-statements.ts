import type { ColumnType } from '../schema/column-type.ts'
import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { arrayLiteral } from './array-literal.ts'
import { quote, quoteTable } from './identifier.ts'
import { type Compiled, type Statement, statementsOf } from './statement.ts'

function writing(verb: string, table: TableMetadata, text: string): Compiled {
  return { text, kind: 'write', summary: `${verb} ${table.fullName}`, tables: [table] }
}

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
    writing(
      'INSERT',
      table,
      isOne ? insertOneText(table, columns) : insertManyText(table, columns),
    ),
  )
  return {
    ...compiled,
    parameters: isOne ? (rows[0] as EncodedRow) : columnArrays(columns.length, rows),
  }
}

function insertOneText(table: TableMetadata, columns: readonly ColumnMetadata[]): string {
  const values = columns.map((_, index) => `$${index + 1}`).join(', ')
  return `insert into ${quoteTable(table)} (${names(columns)}) values (${values}) returning ${names(table.columns)}`
}

function insertManyText(table: TableMetadata, columns: readonly ColumnMetadata[]): string {
  const place = quote(freeName('#', columns))
  const items = columns.map(({ name, type }) => quote(name) + type.itemCast).join(', ')
  // The ordinality makes identities be given in the order of the rows, in which they come back.
  return (
    `insert into ${quoteTable(table)} (${names(columns)}) select ${items} from ` +
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
  const [{ name }] = table.primaryKey
  const text = `insert into ${quoteTable(table)} (${quote(name)}) values ${values} returning ${names(table.columns)}`
  return { ...writing('INSERT', table, text), parameters: [] }
}

/** What one entity changed: texts for the changed columns, in the order of the batch's columns; undefined is unchanged. */
export interface ChangedRow {
  /** The texts of the primary key, in the order of its columns. */
  readonly key: readonly string[]
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
    writing(
      'UPDATE',
      table,
      isOne ? updateOneText(table, columns) : updateManyText(table, columns, partial),
    ),
  )
  return {
    ...compiled,
    parameters: isOne
      ? updateOneParameters(rows[0] as ChangedRow)
      : updateParameters(partial, rows),
  }
}

function updateOneText(table: TableMetadata, columns: readonly ColumnMetadata[]): string {
  const { primaryKey } = table
  const first = primaryKey.length + 1
  const sets = columns.map(({ name }, index) => `${quote(name)} = $${index + first}`).join(', ')
  const key = primaryKey.map(({ name }, index) => `${quote(name)} = $${index + 1}`).join(' and ')
  return (
    `update ${quoteTable(table)} set ${sets} where ${key} ` +
    `returning ${names([...primaryKey, ...columns])}`
  )
}

function updateManyText(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  partial: readonly boolean[],
): string {
  const { primaryKey } = table
  const given = new GivenArrays()
  const key = primaryKey.map((column) => `target.${quote(column.name)} = ${given.add(column.type)}`)
  const sets = columns.map((column, index) => {
    const name = quote(column.name)
    const value = given.add(column.type)
    if (partial[index] !== true) return `${name} = ${value}`
    return `${name} = case when ${given.add(flagType)} then ${value} else target.${name} end`
  })
  const returning = [...primaryKey, ...columns]
    .map(({ name }) => `target.${quote(name)}`)
    .join(', ')
  return (
    `update ${quoteTable(table)} as target set ${sets.join(', ')} from ${given.text} ` +
    `where ${key.join(' and ')} returning ${returning}`
  )
}

const flagType = { arrayCast: 'boolean[]', itemCast: '' }

/** Parameters that are arrays with an item for each row: `unnest($1::integer[], …) as given ("#0", …)`. */
class GivenArrays {
  readonly #casts: string[] = []

  /** @returns the item of the row */
  add({ arrayCast, itemCast }: Pick<ColumnType, 'arrayCast' | 'itemCast'>): string {
    this.#casts.push(arrayCast)
    return `given.${this.#name(this.#casts.length - 1)}${itemCast}`
  }

  get text(): string {
    const arrays = this.#casts.map((cast, index) => `$${index + 1}::${cast}`)
    const columns = this.#casts.map((_, index) => this.#name(index))
    return `unnest(${arrays.join(', ')}) as given (${columns.join(', ')})`
  }

  #name(index: number): string {
    return quote(`#${index}`)
  }
}

function updateOneParameters(row: ChangedRow): readonly (string | null)[] {
  return [...row.key, ...row.values.map((value) => value ?? null)]
}

function updateParameters(
  partial: readonly boolean[],
  rows: readonly ChangedRow[],
): readonly string[] {
  const width = rows[0]?.key.length ?? 0
  const parameters = keyArrays(
    width,
    rows.map(({ key }) => key),
  )
  partial.forEach((isPartial, index) => {
    parameters.push(arrayLiteral(rows.map(({ values }) => values[index] ?? null)))
    if (isPartial)
      parameters.push(
        arrayLiteral(rows.map(({ values }) => (values[index] === undefined ? 'f' : 't'))),
      )
  })
  return parameters
}

function keyArrays(width: number, keys: readonly (readonly string[])[]): string[] {
  return Array.from({ length: width }, (_, index) =>
    arrayLiteral(keys.map((key) => key[index] as string)),
  )
}

/** Deletes rows by their keys. */
export function deleteRows(table: TableMetadata, keys: readonly (readonly string[])[]): Statement {
  const compiled = statementsOf(table).get('delete', () =>
    writing('DELETE', table, deleteText(table)),
  )
  return {
    ...compiled,
    parameters: keyArrays(table.primaryKey.length, keys),
  }
}

function deleteText(table: TableMetadata): string {
  const { primaryKey } = table
  const [only] = primaryKey
  if (primaryKey.length === 1)
    return `delete from ${quoteTable(table)} where ${quote(only.name)} = any($1)`
  const given = new GivenArrays()
  const key = primaryKey.map((column) => `target.${quote(column.name)} = ${given.add(column.type)}`)
  return `delete from ${quoteTable(table)} as target using ${given.text} where ${key.join(' and ')}`
}

function positions(columns: readonly ColumnMetadata[]): string {
  return columns.map(({ position }) => position).join(',')
}

function names(columns: readonly ColumnMetadata[]): string {
  return columns.map(({ name }) => quote(name)).join(', ')
}

function arrays(columns: readonly ColumnMetadata[]): string {
  return columns.map(({ type }, index) => `$${index + 1}::${type.arrayCast}`).join(', ')
}

function columnArrays(width: number, rows: readonly EncodedRow[]): readonly string[] {
  return Array.from({ length: width }, (_, index) =>
    arrayLiteral(rows.map((row) => row[index] ?? null)),
  )
}
