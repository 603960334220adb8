import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { decoderOf, placeColumn } from '../schema/row-decoder.ts'
import { textOfKept } from '../schema/values.ts'
import type { Row } from '../schema/wire-form.ts'
import { arrayParameter, flagType, flagsParameter } from './array-parameter.ts'
import { quote, quoteTable } from './identifier.ts'
import {
  GivenArrays,
  givenKey,
  keyArrays,
  keyColumns,
  keyEqual,
  keyItems,
  type KeyedRows,
  names,
  nextVersion,
  positions,
  returning,
  writing,
} from './keyed-rows.ts'
import { lockedFirst } from './locked-first.ts'
import type { Parameter } from './node.ts'
import { type Compiled, type Statement, statementsOf } from './statement.ts'
import type { TableFacts } from './table-facts.ts'

/** What several entities changed, column by column, with an item for each entity. */
export interface ChangedRows extends KeyedRows {
  readonly count: number
  /** What is kept of the changed columns, in the order of the batch's columns. Where a flag is false, it is not used. */
  readonly values: readonly Row[]
  /** Which entities changed a column; undefined: all of them. */
  readonly flags: readonly (readonly boolean[] | undefined)[]
  /** The deferred columns that some of the entities know. */
  readonly loaded: readonly ColumnMetadata[]
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
  const returned = facts.afterUpdate(columns, rows.loaded)
  return rows.count === 1
    ? writing(
        'UPDATE',
        table,
        updateOneText(table, columns, rows, returned),
        decoderOf(table, returned),
      )
    : writing(
        'UPDATE',
        table,
        updateManyText(table, columns, rows, facts, returned),
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
  { count, flags, versions, loaded }: ChangedRows,
  facts: TableFacts,
): string {
  let shape = count === 1 ? 'update1|' : 'update|'
  if (versions !== undefined) shape += 'v|'
  for (let index = 0; index < columns.length; index += 1)
    shape += `${columns[index]?.position}${flags[index] === undefined ? '' : '?'},`
  if (loaded.length > 0) shape += `+${positions(loaded)}`
  return shape + facts.shape
}

function updateOneText(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  { versions }: ChangedRows,
  returned: readonly ColumnMetadata[],
): string {
  const key = keyEqual(table, versions)
  const first = key.length + 1
  const sets = columns.map(({ name }, index) => `${quote(name)} = $${index + first}`)
  return (
    `update ${quoteTable(table)} set ${[...sets, ...nextVersion(table, '')].join(', ')} where ${key.join(' and ')}` +
    returning(names(returned))
  )
}

function updateManyText(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  { flags, versions }: ChangedRows,
  facts: TableFacts,
  returned: readonly ColumnMetadata[],
): string {
  const given = new GivenArrays()
  const key = givenKey(table, versions, given, facts)
  const sets = columns.map((column, index) => {
    const name = quote(column.name)
    const value = given.add(facts.castsOf(column))
    if (flags[index] === undefined) return `${name} = ${value}`
    return `${name} = case when ${given.add(flagType)} then ${value} else target.${name} end`
  })
  const back = returned.map(({ name }) => `, target.${quote(name)}`)
  return (
    `update ${quoteTable(table)} as target set ${[...sets, ...nextVersion(table, 'target.')].join(', ')} from ${given.text} ` +
    `where ${key}${lockedFirst(table, facts, columns)} returning ${GivenArrays.place}${back.join('')}`
  )
}

function updateOneParameters(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  rows: ChangedRows,
): readonly Parameter[] {
  const keys = keyItems(rows)
  const first = (column: ColumnMetadata, items: Row | undefined): string | null =>
    textOfKept(column, items?.[0] ?? null)
  return [
    ...keyColumns(table, rows.versions).map((column, index) => first(column, keys[index])),
    ...columns.map((column, index) => first(column, rows.values[index])),
  ]
}

function updateManyParameters(
  table: TableMetadata,
  columns: readonly ColumnMetadata[],
  rows: ChangedRows,
  facts: TableFacts,
): readonly Parameter[] {
  const { values, flags } = rows
  const parameters = keyArrays(table, rows, facts)
  columns.forEach((column, index) => {
    parameters.push(arrayParameter(column, facts.castsOf(column), values[index] as Row))
    const flagged = flags[index]
    if (flagged !== undefined) parameters.push(flagsParameter(flagged))
  })
  return parameters
}
