import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Row, RowDecoder } from '../schema/wire-form.ts'
import { arrayParameter } from './array-parameter.ts'
import { quote } from './identifier.ts'
import type { Parameter } from './node.ts'
import type { Compiled } from './statement.ts'
import type { Casts, TableFacts } from './table-facts.ts'

// Rows that an UPDATE or DELETE finds by their keys. A row of a table with a version also has to have the version that
// was read.

/** Rows by their keys, column by column, with an item for each row. */
export interface KeyedRows {
  /** What is kept of the primary key, in the order of its columns. */
  readonly keys: readonly Row[]
  /** What is kept of the versions that the rows have to have; undefined if none is required. */
  readonly versions?: Row | undefined
}

export function writing(
  verb: string,
  table: TableMetadata,
  text: string,
  decoder: RowDecoder | undefined,
): Compiled {
  return { text, kind: 'write', summary: `${verb} ${table.fullName}`, tables: [table], decoder }
}

export function returning(list: string): string {
  return list === '' ? '' : ` returning ${list}`
}

export function names(columns: readonly ColumnMetadata[]): string {
  return columns.map(({ name }) => quote(name)).join(', ')
}

/** Names columns of one table in the shape of a statement. */
export function positions(columns: readonly ColumnMetadata[]): string {
  return columns.map(({ position }) => position).join(',')
}

/** The columns that find a row: the primary key, and the version where one is required. */
export function keyColumns(
  { primaryKey, version }: TableMetadata,
  versions: Row | undefined,
): readonly ColumnMetadata[] {
  return versions === undefined || version === undefined ? primaryKey : [...primaryKey, version]
}

/** The items of {@link keyColumns}. */
export function keyItems({ keys, versions }: KeyedRows): readonly Row[] {
  return versions === undefined ? keys : [...keys, versions]
}

/** The conditions for one row. Their parameters are the first ones. */
export function keyEqual(table: TableMetadata, versions: Row | undefined): readonly string[] {
  return keyColumns(table, versions).map(({ name }, index) => `${quote(name)} = $${index + 1}`)
}

/** The conditions for several rows. */
export function givenKey(
  table: TableMetadata,
  versions: Row | undefined,
  given: GivenArrays,
  facts: TableFacts,
): string {
  return keyColumns(table, versions)
    .map((column) => `target.${quote(column.name)} = ${given.add(facts.castsOf(column))}`)
    .join(' and ')
}

/** The parameters of {@link givenKey}. */
export function keyArrays(table: TableMetadata, rows: KeyedRows, facts: TableFacts): Parameter[] {
  const items = keyItems(rows)
  return keyColumns(table, rows.versions).map((column, index) =>
    arrayParameter(column, facts.castsOf(column), items[index] as Row),
  )
}

/** What an UPDATE sets beside the changed columns: the version, if it is a column that counts. */
export function nextVersion(
  { version, hasXmin }: TableMetadata,
  target: 'target.' | '',
): readonly string[] {
  if (version === undefined || hasXmin) return []
  const name = quote(version.name)
  return [`${name} = ${target}${name} + 1`]
}

/** Parameters that are arrays with an item for each row: `unnest($1::integer[], …) with ordinality as given ("#0", …, "#")`. */
export class GivenArrays {
  /** The place of the row, from 1 on. */
  static readonly place: string = `given.${quote('#')}`
  readonly #casts: string[] = []

  /** @returns the item of the row */
  add({ arrayCast, itemCast }: Casts): string {
    this.#casts.push(arrayCast)
    return `given.${quote(`#${this.#casts.length - 1}`)}${itemCast}`
  }

  get text(): string {
    const arrays = this.#casts.map((cast, index) => `$${index + 1}::${cast}`)
    const columns = this.#casts.map((_, index) => quote(`#${index}`))
    return `unnest(${arrays.join(', ')}) with ordinality as given (${columns.join(', ')}, ${quote('#')})`
  }
}
