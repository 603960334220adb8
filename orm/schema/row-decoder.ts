import type { ColumnMetadata, TableMetadata } from './metadata.ts'
import { unreadableError } from './values.ts'
import type { ColumnDecoder, Row, RowDecoder } from './wire-form.ts'
import { bigintTypes } from './types/integers.ts'

const decoders = new WeakMap<TableMetadata, RowDecoder>()

/** Reads whole rows of a table. */
export function rowDecoder(table: TableMetadata): RowDecoder {
  let decoder = decoders.get(table)
  if (decoder === undefined) {
    decoder = decoderOf(table, table.rowColumns)
    decoders.set(table, decoder)
  }
  return decoder
}

/** A column that no table has. */
export interface ExtraColumn {
  readonly name: string
  readonly decoder: ColumnDecoder
}

/** The position of a given key or row, from 1. */
export const placeColumn: ExtraColumn = Object.freeze({
  name: '#',
  decoder: bigintTypes.number.keep,
})

const longer = new WeakMap<TableMetadata, Map<ColumnMetadata | ExtraColumn, RowDecoder>>()

/** Reads whole rows of a table with one more column behind them. */
export function rowDecoderWith(
  table: TableMetadata,
  extra: ColumnMetadata | ExtraColumn,
): RowDecoder {
  let decodersOfTable = longer.get(table)
  if (decodersOfTable === undefined) longer.set(table, (decodersOfTable = new Map()))
  let decoder = decodersOfTable.get(extra)
  if (decoder === undefined) {
    decoder = decoderOf(table, [...table.rowColumns, extra])
    decodersOfTable.set(extra, decoder)
  }
  return decoder
}

/** Reads rows of one decoder, with more columns behind them, and rows of others behind these. */
export function concatenated(
  first: RowDecoder,
  more: readonly ColumnDecoder[],
  others: readonly RowDecoder[],
): RowDecoder {
  const between: RowDecoder = { columns: more, explain: (cause) => cause }
  const parts = [first, between, ...others]
  const xminOf = parts.flatMap((part) => part.xminOf ?? [])
  return Object.freeze({
    xminOf: xminOf.length === 0 ? undefined : xminOf,
    columns: Object.freeze(parts.flatMap(({ columns }) => columns)),
    explain(cause: unknown, index: number, row: Row): unknown {
      let offset = 0
      for (const part of parts) {
        const end = offset + part.columns.length
        if (index < end) return part.explain(cause, index - offset, row.slice(offset))
        offset = end
      }
      return cause
    },
  })
}

/** Reads rows with some columns of a table. */
export function decoderOf(
  table: TableMetadata,
  columns: readonly (ColumnMetadata | ExtraColumn)[],
): RowDecoder {
  return Object.freeze({
    columns: Object.freeze(columns.map((one) => ('type' in one ? one.type.keep : one.decoder))),
    xminOf:
      table.version !== undefined && table.hasXmin && columns.includes(table.version)
        ? [table]
        : undefined,
    explain(cause: unknown, index: number, row: Row): unknown {
      const column = columns[index]
      if (column === undefined || !('type' in column)) return cause
      return unreadableError(column, cause, table, wholeRow(table, columns, row))
    },
  })
}

/** The values that are read, in the places of the table's columns. */
function wholeRow(
  table: TableMetadata,
  columns: readonly (ColumnMetadata | ExtraColumn)[],
  row: Row,
): Row {
  return table.columns.map((column) => row[columns.indexOf(column)] as Row[number])
}
