import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { decoderOf, rowDecoder } from '../schema/row-decoder.ts'
import { textOfKept } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { arrayParameter } from './array-parameter.ts'
import { freeName, quote, quoteTable } from './identifier.ts'
import { names, positions, returning, writing } from './keyed-rows.ts'
import { type Statement, statementsOf } from './statement.ts'
import type { TableFacts } from './table-facts.ts'

/**
 * Inserts rows with values for the same columns. Returns the columns whose stored value may differ, in the order
 * of the rows. The text of the statement does not depend on the number of rows.
 *
 * @param values what is kept of each column, with an item for each row
 * @param overrides whether values of an identity are stored that PostgreSQL always makes itself
 */
export function insertRows(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  values: readonly Row[],
  facts: TableFacts,
  overrides: boolean = false,
): Statement {
  const isOne = values[0]?.length === 1
  const shape = `insert${isOne ? 1 : ''}${overrides ? '!' : ''}|${positions(columns)}${facts.shape}`
  const compiled = statementsOf(table).get(shape, () => {
    const returned = facts.afterInsert(columns)
    const text =
      `insert into ${quoteTable(table)} (${names(columns)})` +
      (overrides ? ' overriding system value ' : ' ') +
      (isOne ? oneRowText(columns) : manyRowsText(columns, facts)) +
      returning(names(returned))
    return writing('INSERT', table, text, decoderOf(table, returned))
  })
  return {
    ...compiled,
    parameters: columns.map((column, index) => {
      const items = values[index] as Row
      return isOne
        ? textOfKept(column, items[0] as Primitive)
        : arrayParameter(column, facts.castsOf(column), items)
    }),
  }
}

function oneRowText(columns: readonly ColumnMetadata[]): string {
  return `values (${columns.map((_, index) => `$${index + 1}`).join(', ')})`
}

function manyRowsText(columns: readonly ColumnMetadata[], facts: TableFacts): string {
  const place = quote(freeName('#', columns))
  const casts = columns.map((column) => facts.castsOf(column))
  const items = columns.map(({ name }, index) => quote(name) + (casts[index]?.itemCast ?? ''))
  const arrays = casts.map(({ arrayCast }, index) => `$${index + 1}::${arrayCast}`)
  // With the ordinality, PostgreSQL gives identities and returns rows in the order of the rows.
  return (
    `select ${items.join(', ')} from unnest(${arrays.join(', ')}) ` +
    `with ordinality as given (${names(columns)}, ${place}) order by ${place}`
  )
}

/** Inserts rows that leave every column to PostgreSQL; there is nothing to unnest, so the text has each row. */
export function insertDefaults(table: TableMetadata, count: number, facts: TableFacts): Statement {
  const values = Array.from({ length: count }, () => '(default)').join(', ')
  const [{ name }] = table.primaryKey
  const returned = facts.afterInsert([])
  const text = `insert into ${quoteTable(table)} (${quote(name)}) values ${values} returning ${names(returned)}`
  const isWhole = returned.length === table.rowColumns.length
  const decoder = isWhole ? rowDecoder(table) : decoderOf(table, returned)
  return { ...writing('INSERT', table, text, decoder), parameters: [] }
}
