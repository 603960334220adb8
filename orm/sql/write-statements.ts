import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { decoderOf, placeColumn } from '../schema/row-decoder.ts'
import { textOfKept } from '../schema/values.ts'
import type { Primitive, Row, RowDecoder } from '../schema/wire-form.ts'
import { arrayParameter, flagType, flagsParameter } from './array-parameter.ts'
import { quote, quoteTable } from './identifier.ts'
import type { Parameter } from './node.ts'
import { type Compiled, type Statement, statementsOf } from './statement.ts'
import { lockedFirst } from './locked-first.ts'
import type { Casts, TableFacts } from './table-facts.ts'

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

/** What several entities changed, column by column, with an item for each entity. */
export interface ChangedRows {
  readonly count: number
  /** What is kept of the primary key, in the order of its columns. */
  readonly keys: readonly Row[]
  /** What is kept of the changed columns, in the order of the batch's columns. Where a flag is false, it is not used. */
  readonly values: readonly Row[]
  /** Which entities changed a column; undefined: all of them. */
  readonly flags: readonly (readonly boolean[] | undefined)[]
}

/**
 * Updates rows by their key in one statement. Each row has its own changes. A column that only some rows
 * change has a flag, so that other rows keep their stored value. The statement returns the columns whose
 * stored value may differ. With several rows, each returned row begins with the position of its entity, from 1.
 */
export function updateRows(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  rows: ChangedRows,
  facts: TableFacts,
): Statement {
  const compiled = statementsOf(table).get(updateShape(columns, rows, facts), () =>
    compiledUpdate(table, columns, rows, facts),
  )
  return { ...compiled, parameters: updateParameters(table, columns, rows, facts) }
}

export function compiledUpdate(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  rows: ChangedRows,
  facts: TableFacts,
): Compiled {
  const returned = facts.afterUpdate(columns)
  return rows.count === 1
    ? writing('UPDATE', table, updateOneText(table, columns, facts), decoderOf(table, returned))
    : writing(
        'UPDATE',
        table,
        updateManyText(table, columns, rows, facts),
        decoderOf(table, [placeColumn, ...returned]),
      )
}

export function updateParameters(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  rows: ChangedRows,
  facts: TableFacts,
): readonly Parameter[] {
  return rows.count === 1
    ? updateOneParameters(table, columns, rows)
    : updateManyParameters(table, columns, rows, facts)
}

/** Equal for updates that have the same text. */
export function updateShape(
  columns: readonly ColumnMetadata[],
  { count, flags }: ChangedRows,
  facts: TableFacts,
): string {
  let shape = count === 1 ? 'update1|' : 'update|'
  for (let index = 0; index < columns.length; index += 1)
    shape += `${columns[index]?.position}${flags[index] === undefined ? '' : '?'},`
  return shape + facts.shape
}

function updateOneText(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  facts: TableFacts,
): string {
  const first = table.primaryKey.length + 1
  const sets = columns.map(({ name }, index) => `${quote(name)} = $${index + first}`).join(', ')
  return (
    `update ${quoteTable(table)} set ${sets} where ${keyEqual(table)}` +
    returning(names(facts.afterUpdate(columns)))
  )
}

/** The key is that of the first parameters. */
function keyEqual({ primaryKey }: TableMetadata): string {
  return primaryKey.map(({ name }, index) => `${quote(name)} = $${index + 1}`).join(' and ')
}

function updateManyText(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  { flags }: ChangedRows,
  facts: TableFacts,
): string {
  const given = new GivenArrays()
  const key = givenKey(table, given, facts)
  const sets = columns.map((column, index) => {
    const name = quote(column.name)
    const value = given.add(facts.castsOf(column))
    if (flags[index] === undefined) return `${name} = ${value}`
    return `${name} = case when ${given.add(flagType)} then ${value} else target.${name} end`
  })
  const back = facts.afterUpdate(columns).map(({ name }) => `, target.${quote(name)}`)
  return (
    `update ${quoteTable(table)} as target set ${sets.join(', ')} from ${given.text} ` +
    `where ${key}${lockedFirst(table, facts, columns)} returning ${GivenArrays.place}${back.join('')}`
  )
}

function givenKey({ primaryKey }: TableMetadata, given: GivenArrays, facts: TableFacts): string {
  return primaryKey
    .map((column) => `target.${quote(column.name)} = ${given.add(facts.castsOf(column))}`)
    .join(' and ')
}

/** Parameters that are arrays with an item for each row: `unnest($1::integer[], …) with ordinality as given ("#0", …, "#")`. */
class GivenArrays {
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

function updateOneParameters(
  { primaryKey }: TableMetadata,
  columns: readonly ColumnMetadata[],
  { keys, values }: ChangedRows,
): readonly Parameter[] {
  const first = (column: ColumnMetadata, items: Row | undefined): string | null =>
    textOfKept(column, items?.[0] ?? null)
  return [
    ...primaryKey.map((column, index) => first(column, keys[index])),
    ...columns.map((column, index) => first(column, values[index])),
  ]
}

function keyTexts(columns: readonly ColumnMetadata[], key: Row): readonly (string | null)[] {
  return columns.map((column, index) => textOfKept(column, key[index] as Primitive))
}

function updateManyParameters(
  { primaryKey }: TableMetadata,
  columns: readonly ColumnMetadata[],
  { keys, values, flags }: ChangedRows,
  facts: TableFacts,
): readonly Parameter[] {
  const parameters = primaryKey.map((column, index) =>
    arrayParameter(column, facts.castsOf(column), keys[index] as Row),
  )
  columns.forEach((column, index) => {
    parameters.push(arrayParameter(column, facts.castsOf(column), values[index] as Row))
    const flagged = flags[index]
    if (flagged !== undefined) parameters.push(flagsParameter(flagged))
  })
  return parameters
}

function keyArrays(
  { primaryKey }: TableMetadata,
  keys: readonly Row[],
  facts: TableFacts,
): Parameter[] {
  return primaryKey.map((column, index) =>
    arrayParameter(
      column,
      facts.castsOf(column),
      keys.map((key) => key[index] as Primitive),
    ),
  )
}

/** Deletes rows by their keys. With several rows, it returns the positions of their entities, from 1. */
export function deleteRows(
  table: TableMetadata,
  keys: readonly Row[],
  facts: TableFacts,
): Statement {
  const compiled = statementsOf(table).get(deleteShape(keys, facts), () =>
    compiledDelete(table, keys, facts),
  )
  return { ...compiled, parameters: deleteParameters(table, keys, facts) }
}

export function compiledDelete(
  table: TableMetadata,
  { length }: readonly Row[],
  facts: TableFacts,
): Compiled {
  return length === 1
    ? writing('DELETE', table, deleteOneText(table), undefined)
    : writing('DELETE', table, deleteManyText(table, facts), decoderOf(table, [placeColumn]))
}

export function deleteParameters(
  table: TableMetadata,
  keys: readonly Row[],
  facts: TableFacts,
): readonly Parameter[] {
  return keys.length === 1
    ? keyTexts(table.primaryKey, keys[0] as Row)
    : keyArrays(table, keys, facts)
}

/** Equal for deletes that have the same text. */
export function deleteShape({ length }: readonly Row[], facts: TableFacts): string {
  return `delete${length === 1 ? 1 : ''}${facts.shape}`
}

function deleteOneText(table: TableMetadata): string {
  return `delete from ${quoteTable(table)} where ${keyEqual(table)}`
}

function deleteManyText(table: TableMetadata, facts: TableFacts): string {
  const given = new GivenArrays()
  const key = givenKey(table, given, facts)
  return (
    `delete from ${quoteTable(table)} as target using ${given.text} ` +
    `where ${key}${lockedFirst(table, facts)} returning ${GivenArrays.place}`
  )
}

export function names(columns: readonly ColumnMetadata[]): string {
  return columns.map(({ name }) => quote(name)).join(', ')
}
