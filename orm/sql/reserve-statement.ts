import type { ColumnMetadata, TableMetadata } from '../schema/metadata.ts'
import { placeColumn } from '../schema/row-decoder.ts'
import type { RowDecoder } from '../schema/wire-form.ts'
import type { Statement } from './statement.ts'

/** Values that the database makes for a column. */
export interface Reservation {
  readonly table: TableMetadata
  readonly column: ColumnMetadata
  /** The SQL of one value. */
  readonly maker: string
  readonly count: number
}

// A value travels as its text, whatever its type: one statement asks for values of several columns.
const decoder: RowDecoder = Object.freeze({
  columns: [placeColumn.decoder, { fromText: (text: string) => text }],
  explain: (cause: unknown) => cause,
})

/**
 * Asks for the values that INSERTs would get from the database. Each row has the position of its reservation, from 0,
 * and the text of a value.
 *
 * @param reservations not empty
 */
export function reserveValues(reservations: readonly [Reservation, ...Reservation[]]): Statement {
  const selects = reservations.map(
    ({ maker }, index) =>
      `select ${index}::bigint, (${maker})::text from generate_series(1, $${index + 1}::integer)`,
  )
  const [{ table }] = reservations
  return {
    text: selects.join(' union all '),
    parameters: reservations.map(({ count }) => String(count)),
    // It uses sequences up, and belongs to the transaction of the INSERT.
    kind: 'write',
    summary: `SELECT ${table.fullName}`,
    tables: [],
    decoder,
  }
}
