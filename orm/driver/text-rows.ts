import type { Row } from '../schema/wire-form.ts'
import type { Fetched } from './session-connection.ts'
import type { Sending } from './sending.ts'

/** Rows as PostgreSQL's texts, in the order of the columns. */
export interface RawResult {
  readonly rows: readonly (readonly (string | null)[])[]
  readonly rowCount: number
  /** Parses a text of the column as `pg` does: an `integer` is a number, a `bigint` a string. */
  parse(column: number, text: string): unknown
}

/** Collects the rows of a statement without a decoder. */
export class TextRows implements Fetched<RawResult> {
  #rows: (readonly (string | null)[])[] = []
  #typeIds: readonly number[] = []

  begin(): void {
    this.#rows = []
  }

  row(row: Row): void {
    this.#rows.push(row as readonly (string | null)[])
  }

  described(typeIds: readonly number[]): void {
    this.#typeIds = typeIds
  }

  finish(sent: Sending): RawResult {
    const { rowCount, parserOf } = sent
    const typeIds = this.#typeIds
    return {
      rows: this.#rows,
      rowCount,
      parse: (column, text) => {
        const typeId = typeIds[column]
        return typeId === undefined ? text : parserOf(typeId)(text)
      },
    }
  }
}
