import { columnsOf, type RowColumns } from '../schema/row-columns.ts'
import { concatenated, rowDecoder, widthOf } from '../schema/row-decoder.ts'
import { bigintTypes } from '../schema/types/integers.ts'
import type { ColumnDecoder, Primitive, Row, RowDecoder } from '../schema/wire-form.ts'
import { parametersOf } from './bind-sink.ts'
import type { ReadRows } from './fetched.ts'
import type { HeldRows, QueryWrite } from './query-write.ts'
import { QueryWriteNode } from './query-write-node.ts'
import { render, type Statement, statementsOf } from './statement.ts'
import type { TableFacts } from './table-facts.ts'

/** How the rows of the statement are read. */
interface Layout {
  /** The columns of the table, which come first. */
  readonly columns: RowColumns
  readonly hasCount: boolean
  readonly hasPlace: boolean
  readonly values: number
}

/** The statement of a write by a query, and what reads its result. */
export interface QueryWriteStatement {
  readonly statement: Statement
  /** @param typeIds the ids of the types of the result's columns */
  read(rows: readonly Row[], rowCount: number, parse: ReadRows['parse']): WrittenRows
}

/** What a write by a query has written. */
export interface WrittenRows {
  /** The rows that the session asked for. */
  readonly held: readonly Row[]
  /** The values that the program asked for, and how many rows there are. */
  readonly result: ReadRows
}

const text: ColumnDecoder = Object.freeze({ fromText: (given: string) => given })
const number: ColumnDecoder = bigintTypes.number.keep

/** @param held undefined if the session holds no row that it could concern */
export function queryWriteStatement(
  write: QueryWrite,
  facts: TableFacts,
  held: HeldRows | undefined,
): QueryWriteStatement {
  const { table } = write.from
  const node = new QueryWriteNode(write, facts, held)
  const layout: Layout = {
    columns: held?.columns ?? columnsOf(table, []),
    hasCount: node.isWrapped && write.returning === undefined,
    hasPlace: node.hasPlace,
    values: write.returning?.length ?? 0,
  }
  // First, since too many parameters are refused.
  const parameters = parametersOf(node)
  const compiled = statementsOf(table).get(node.shape, () => ({
    ...render(node),
    kind: 'write',
    summary: `${write.verb} ${table.fullName}`,
    decoder: decoderOf(write, layout, held !== undefined),
  }))
  return {
    statement: { ...compiled, parameters },
    read: (rows, rowCount, parse) => readRows(write, layout, rows, rowCount, parse),
  }
}

function extrasOf({ hasCount, hasPlace }: Layout): number {
  return Number(hasCount) + Number(hasPlace)
}

function decoderOf(
  { from, returning }: QueryWrite,
  layout: Layout,
  hasRows: boolean,
): RowDecoder | undefined {
  if (!hasRows && returning === undefined) return undefined
  const extras = Array.from({ length: extrasOf(layout) }, () => number)
  const values = Array.from({ length: layout.values }, () => text)
  return concatenated(rowDecoder(from.table, layout.columns), [...extras, ...values], [])
}

function readRows(
  { from: { table }, returning }: QueryWrite,
  layout: Layout,
  rows: readonly Row[],
  rowCount: number,
  parse: ReadRows['parse'],
): WrittenRows {
  const { columns, hasCount, hasPlace } = layout
  const width = widthOf(rowDecoder(table, columns))
  const [{ position: key }] = table.primaryKey
  const hasKey = columns.list.length > 0
  const held = hasKey
    ? rows.filter((row) => (row[key] ?? null) !== null).map((row) => row.slice(0, width))
    : []
  if (returning === undefined) {
    const count = hasCount ? Number(rows[0]?.[width]) : rowCount
    return { held, result: { rows: [], rowCount: count, parse } }
  }
  const ordered = hasPlace
    ? rows.toSorted((one, other) => Number(one[width]) - Number(other[width]))
    : rows
  const values = ordered.map((row): readonly Primitive[] => row.slice(width + extrasOf(layout)))
  const before = columns.list.length + extrasOf(layout)
  return {
    held,
    result: {
      rows: values,
      rowCount: rows.length,
      parse: (column, given) => parse(before + column, given),
    },
  }
}
