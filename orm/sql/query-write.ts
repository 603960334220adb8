import type { ColumnMetadata } from '../schema/metadata.ts'
import type { RowColumns } from '../schema/row-columns.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Defaults } from './defaults.ts'
import type { RowLock } from './lock.ts'
import type { Condition, Expression, Order, SqlNode } from './node.ts'
import type { Source } from './source.ts'
import { Survey } from './survey.ts'
import type { ReadTables } from './text-sink.ts'

/** A column that an UPDATE sets, and to what. */
export interface ColumnChange {
  readonly column: ColumnMetadata
  readonly value: SqlNode
}

/** An UPDATE or DELETE of the rows that a query finds. Immutable. */
export interface QueryWrite {
  readonly verb: 'UPDATE' | 'DELETE'
  readonly from: Source
  /** The default filters that hold for its table, and for the rows behind its relations. */
  readonly defaults: Defaults
  /** In the order of the table's columns. Empty for a DELETE. */
  readonly changes: readonly ColumnChange[]
  readonly where: Condition | undefined
  readonly orders: readonly Order[]
  readonly limit: number | undefined
  readonly offset: number | undefined
  readonly lock?: RowLock | undefined
  /** What the program asks for of each row; undefined: only how many there are. */
  readonly returning: readonly Expression<unknown>[] | undefined
}

/** Some rows of a table, by the values of these columns: the primary key, or what rows of other tables refer to. */
export interface WantedRows {
  readonly columns: readonly ColumnMetadata[]
  readonly keys: readonly Row[]
}

/** What a session needs to know of the written rows: these columns of the rows that it holds, or that its rows refer to. */
export interface HeldRows {
  readonly columns: RowColumns
  readonly wanted: readonly WantedRows[]
}

/** The tables that it reads, and that it writes. */
export function tablesOf(write: QueryWrite): ReadTables {
  const { from, defaults, changes, where, orders, returning } = write
  const survey = new Survey(from, defaults)
  if (defaults.of(from.table)?.readsAny === true) survey.reads('any')
  survey.reads(from.table)
  where?.write(survey)
  for (const node of [...orders, ...(returning ?? [])]) node.write(survey)
  for (const { value } of changes) value.write(survey)
  return survey.tables
}

/**
 * Whether the rows have to be chosen by a query before they are written: an UPDATE and a DELETE have neither an order nor
 * a limit, and cannot join rows that may be absent.
 */
export function hasChoice(write: QueryWrite): boolean {
  const { from, defaults, where, orders, limit, offset, lock } = write
  if (orders.length > 0 || limit !== undefined || offset !== undefined || lock !== undefined)
    return true
  if (where === undefined) return false
  const survey = new Survey(from, defaults)
  where.write(survey)
  return survey.hasJoins
}
