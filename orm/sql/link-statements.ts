import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import type { Row } from '../schema/wire-form.ts'
import { arrayParameter } from './array-parameter.ts'
import { quote, quoteTable } from './identifier.ts'
import { names, positions, writing } from './keyed-rows.ts'
import { type Statement, statementsOf } from './statement.ts'
import type { TableFacts } from './table-facts.ts'

/** Inserts rows of a link table, in the order of their keys. A link that is there already stays. */
export function insertLinks(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  values: readonly Row[],
  facts: TableFacts,
): Statement {
  return linkStatement('INSERT', table, columns, values, facts, (given, items) => {
    const places = columns.map((_, index) => String(index + 1)).join(', ')
    return `insert into ${quoteTable(table)} (${names(columns)}) select ${items.join(', ')} from ${given} order by ${places} on conflict do nothing`
  })
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

/**
 * @param values what is kept of each column, with an item for each row
 * @param write makes the text from a list of all rows, and the items of a row
 */
function linkStatement(
  verb: string,
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  values: readonly Row[],
  facts: TableFacts,
  write: (given: string, items: readonly string[]) => string,
): Statement {
  const casts = columns.map((column) => facts.castsOf(column))
  const shape = `links ${verb}|${positions(columns)}${facts.shape}`
  const compiled = statementsOf(table).get(shape, () => {
    const arrays = casts.map(({ arrayCast }, index) => `$${index + 1}::${arrayCast}`)
    const keys = columns.map((_, index) => quote(`#${index}`))
    const given = `unnest(${arrays.join(', ')}) as given (${keys.join(', ')})`
    const items = casts.map(({ itemCast }, index) => `given.${keys[index]}${itemCast}`)
    return writing(verb, table, write(given, items), undefined)
  })
  return {
    ...compiled,
    parameters: columns.map((column, index) =>
      arrayParameter(column, casts[index] as (typeof casts)[number], values[index] as Row),
    ),
  }
}
