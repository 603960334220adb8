import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { arrayParameter } from './array-parameter.ts'
import { quote, quoteTable } from './identifier.ts'
import { names, positions, writing } from './keyed-rows.ts'
import { type Statement, statementsOf } from './statement.ts'
import type { TableFacts } from './table-facts.ts'
import { isUniqueTogether } from './unique-keys.ts'

/**
 * Inserts rows of a link table, in the order of their keys. A link that is there already stays. Another unique value that
 * is taken already is an error.
 *
 * @param keys both keys, which are among the columns
 */
export function insertLinks(
  table: TableMetadata,
  keys: readonly ColumnMetadata[],
  columns: readonly ColumnMetadata[],
  values: readonly Row[],
  facts: TableFacts,
): Statement {
  const conflict = isUniqueTogether(table, facts, keys)
    ? ` on conflict (${names(keys)}) do nothing`
    : ''
  const write: Write = (given, items) => {
    const places = columns.map((_, index) => String(index + 1)).join(', ')
    return `insert into ${quoteTable(table)} (${names(columns)}) select ${items.join(', ')} from ${given} order by ${places}`
  }
  return linkStatement('INSERT', table, columns, values, facts, write, conflict)
}

/** Deletes rows of a link table by both keys. A link that is gone already is no error. */
export function deleteLinks(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  values: readonly Row[],
  facts: TableFacts,
): Statement {
  return linkStatement('DELETE', table, columns, values, facts, (given, items) => {
    const isMeant = columns.map(({ name }, index) => `target.${quote(name)} = ${items[index]}`)
    return `delete from ${quoteTable(table)} as target using ${given} where ${isMeant.join(' and ')}`
  })
}

/** Makes the text of a statement from a list of all rows, and the items of a row. */
type Write = (given: string, items: readonly string[]) => string

/**
 * @param values what is kept of each column, with an item for each row
 * @param end the end of its text
 */
function linkStatement(
  verb: string,
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  values: readonly Row[],
  facts: TableFacts,
  write: Write,
  end: string = '',
): Statement {
  const casts = columns.map((column) => facts.castsOf(column))
  const shape = `links ${verb}${end}|${positions(columns)}${facts.shape}`
  const compiled = statementsOf(table).get(shape, () => {
    const arrays = casts.map(({ arrayCast }, index) => `$${index + 1}::${arrayCast}`)
    const keys = columns.map((_, index) => quote(`#${index}`))
    const given = `unnest(${arrays.join(', ')}) as given (${keys.join(', ')})`
    const items = casts.map(({ itemCast }, index) => `given.${keys[index]}${itemCast}`)
    return writing(verb, table, write(given, items) + end, undefined)
  })
  return {
    ...compiled,
    parameters: columns.map((column, index) =>
      arrayParameter(column, casts[index] as (typeof casts)[number], values[index] as Row),
    ),
  }
}
