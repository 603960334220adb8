import type { ColumnMetadata, TableMetadata } from './metadata.ts'
import { type RowColumns, usualColumns } from './row-columns.ts'
import { unreadableError } from './values.ts'
import type { ColumnDecoder, Row, RowDecoder } from './wire-form.ts'
import { bigintTypes } from './types/integers.ts'

const none: readonly number[] = []

const decoders = new WeakMap<RowColumns, RowDecoder>()

/** Reads rows of a table: each value is in the place of its column. */
export function rowDecoder(
  table: TableMetadata,
  columns: RowColumns = usualColumns(table),
): RowDecoder {
  let decoder = decoders.get(columns)
  if (decoder === undefined) {
    decoder = placedDecoder(table, columns.list, columns.list)
    decoders.set(columns, decoder)
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

const longer = new WeakMap<RowColumns, Map<ColumnMetadata | ExtraColumn, RowDecoder>>()

/** Reads rows of a table with one more column behind them. */
export function rowDecoderWith(
  table: TableMetadata,
  extra: ColumnMetadata | ExtraColumn,
  columns: RowColumns = usualColumns(table),
): RowDecoder {
  let decodersOfColumns = longer.get(columns)
  if (decodersOfColumns === undefined) longer.set(columns, (decodersOfColumns = new Map()))
  let decoder = decodersOfColumns.get(extra)
  if (decoder === undefined) {
    decoder = placedDecoder(table, columns.list, [...columns.list, extra])
    decodersOfColumns.set(extra, decoder)
  }
  return decoder
}

/** @param placed the columns that have a place in the row of the table */
function placedDecoder(
  table: TableMetadata,
  placed: readonly ColumnMetadata[],
  columns: readonly (ColumnMetadata | ExtraColumn)[],
): RowDecoder {
  const dense = decoderOf(table, columns)
  const gaps = table.rowColumns.filter((column) => !placed.includes(column))
  if (gaps.length === 0) return dense
  return Object.freeze({
    columns: dense.columns,
    gaps: Object.freeze(gaps.map(({ position }) => position)),
    xminOf: dense.xminOf,
    explain(cause: unknown, index: number, row: Row): unknown {
      const column = columns[index]
      if (column === undefined || !('type' in column)) return cause
      return unreadableError(column, cause, table, row)
    },
  })
}

/** The length of the rows that a decoder reads. */
export function widthOf({ columns, gaps = none }: RowDecoder): number {
  return columns.length + gaps.length
}

/** The places of a row that the columns of the result fill, in their order. */
export function placesOf(decoder: RowDecoder): readonly number[] {
  const { gaps = none } = decoder
  const places = Array.from({ length: widthOf(decoder) }, (_, place) => place)
  return places.filter((place) => !gaps.includes(place))
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
  const gaps: number[] = []
  let width = 0
  for (const part of parts) {
    for (const gap of part.gaps ?? none) gaps.push(width + gap)
    width += widthOf(part)
  }
  return Object.freeze({
    xminOf: xminOf.length === 0 ? undefined : xminOf,
    columns: Object.freeze(parts.flatMap(({ columns }) => columns)),
    gaps: Object.freeze(gaps),
    explain(cause: unknown, index: number, row: Row): unknown {
      let column = 0
      let place = 0
      for (const part of parts) {
        const end = column + part.columns.length
        if (index < end) return part.explain(cause, index - column, row.slice(place))
        column = end
        place += widthOf(part)
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
