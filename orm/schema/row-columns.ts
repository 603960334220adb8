import type { ColumnMetadata, TableMetadata } from './metadata.ts'

/** Some columns of a table that a statement reads into rows. The places of the other columns are undefined. */
export interface RowColumns {
  readonly list: readonly ColumnMetadata[]
  /** Names these columns of the table. Empty: all except the deferred ones. */
  readonly shape: string
}

const usual = new WeakMap<TableMetadata, RowColumns>()
const others = new WeakMap<TableMetadata, Map<string, RowColumns>>()

/** The columns that every query of entities reads: all except the deferred ones. */
export function usualColumns(table: TableMetadata): RowColumns {
  let columns = usual.get(table)
  if (columns === undefined) {
    const list = table.rowColumns.filter(({ deferred }) => !deferred)
    columns = Object.freeze({ list: Object.freeze(list), shape: '' })
    usual.set(table, columns)
  }
  return columns
}

/** The usual columns with some deferred ones. */
export function columnsWith(table: TableMetadata, deferred: readonly ColumnMetadata[]): RowColumns {
  return deferred.length === 0
    ? usualColumns(table)
    : columnsOf(table, [...usualColumns(table).list, ...deferred])
}

/** Exactly these columns, in the order of the table. Made once for the same columns. */
export function columnsOf(table: TableMetadata, some: readonly ColumnMetadata[]): RowColumns {
  const list = table.rowColumns.filter((column) => some.includes(column))
  const shape = list.map(({ position }) => position).join()
  let known = others.get(table)
  if (known === undefined) others.set(table, (known = new Map()))
  let columns = known.get(shape)
  if (columns === undefined) {
    columns = Object.freeze({ list: Object.freeze(list), shape })
    known.set(shape, columns)
  }
  return columns
}
