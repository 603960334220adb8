import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { decoderOf, placeColumn } from '../schema/row-decoder.ts'
import { textOfKept } from '../schema/values.ts'
import type { Primitive, Row } from '../schema/wire-form.ts'
import { quoteTable } from './identifier.ts'
import {
  GivenArrays,
  givenKey,
  keyArrays,
  keyColumns,
  type KeyedRows,
  keyEqual,
  names,
  writing,
} from './keyed-rows.ts'
import { lockedFirst } from './locked-first.ts'
import type { Parameter } from './node.ts'
import { type Compiled, type Statement, statementsOf } from './statement.ts'
import type { TableFacts } from './table-facts.ts'

/**
 * Deletes rows by their keys. With several rows, each returned row begins with the position of its entity, from 1.
 *
 * @param versions what is kept of the versions that the rows have to have. Without them, a table with a version
 * returns the versions of the deleted rows
 */
export function deleteRows(
  table: TableMetadata,
  keys: readonly Row[],
  facts: TableFacts,
  versions?: Row,
): Statement {
  const compiled = statementsOf(table).get(deleteShape(keys, facts, versions), () =>
    compiledDelete(table, keys, facts, versions),
  )
  return { ...compiled, parameters: deleteParameters(table, keys, facts, versions) }
}

export function compiledDelete(
  table: TableMetadata,
  { length }: readonly Row[],
  facts: TableFacts,
  versions: Row | undefined,
): Compiled {
  const { version } = table
  const returned = version === undefined || versions !== undefined ? [] : [version]
  return length === 1
    ? writing(
        'DELETE',
        table,
        deleteOneText(table, versions, returned),
        returned.length === 0 ? undefined : decoderOf(table, returned),
      )
    : writing(
        'DELETE',
        table,
        deleteManyText(table, versions, returned, facts),
        decoderOf(table, [placeColumn, ...returned]),
      )
}

export function deleteParameters(
  table: TableMetadata,
  keys: readonly Row[],
  facts: TableFacts,
  versions: Row | undefined,
): readonly Parameter[] {
  const rows: KeyedRows = {
    keys: table.primaryKey.map((_, index) => keys.map((key) => key[index] as Primitive)),
    versions,
  }
  if (keys.length > 1) return keyArrays(table, rows, facts)
  const [key = []] = keys
  const [version] = versions ?? []
  return keyColumns(table, versions).map((column, index) =>
    textOfKept(column, (index < key.length ? key[index] : version) ?? null),
  )
}

/** Equal for deletes that have the same text. */
export function deleteShape(
  { length }: readonly Row[],
  facts: TableFacts,
  versions: Row | undefined,
): string {
  return `delete${length === 1 ? 1 : ''}${versions === undefined ? '' : 'v'}${facts.shape}`
}

function deleteOneText(
  table: TableMetadata,
  versions: Row | undefined,
  returned: readonly ColumnMetadata[],
): string {
  const back = returned.length === 0 ? '' : ` returning ${names(returned)}`
  return `delete from ${quoteTable(table)} where ${keyEqual(table, versions).join(' and ')}${back}`
}

function deleteManyText(
  table: TableMetadata,
  versions: Row | undefined,
  returned: readonly ColumnMetadata[],
  facts: TableFacts,
): string {
  const given = new GivenArrays()
  const key = givenKey(table, versions, given, facts)
  const back = returned.map((column) => `, target.${names([column])}`).join('')
  return (
    `delete from ${quoteTable(table)} as target using ${given.text} ` +
    `where ${key}${lockedFirst(table, facts)} returning ${GivenArrays.place}${back}`
  )
}
