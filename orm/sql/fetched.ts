import type { Row } from '../schema/wire-form.ts'
import type { Statement } from './statement.ts'

/** Gives what `pg` makes of texts of a type. */
export type ParserOf = (typeId: number) => (text: string) => unknown

/** A statement that has succeeded. */
export interface Sent {
  /** How many rows it gave or changed. */
  readonly rowCount: number
  /** The parsers that `pg` has on its connection, by the id of a type. */
  readonly parserOf: ParserOf
}

/** What reads the result of a statement. */
export interface Reader {
  /** Called before the first row; again if the statement is repeated, since nothing of it was executed. */
  begin?(): void
  /** Called for each row, while rows arrive. The statement may still fail. */
  row?(row: Row): void
  /** The ids of the types of the result's columns. */
  described?(typeIds: readonly number[]): void
  /** All rows have come. The statement may still fail with the exchange that it is in. */
  completed?(rowCount: number): void
  /**
   * The statement has failed.
   *
   * @param cause what the driver or the server said
   * @returns the error to tell
   */
  refused?(error: unknown, cause: unknown): unknown
}

/** What reads the result of a statement, and what it gives. */
export interface Fetched<T> extends Reader {
  /** The result, when the statement has succeeded. What it throws is the error of the statement. */
  finish(sent: Sent): T
  /** Called last, whether it has succeeded or not. */
  readonly ended?: (() => void) | undefined
}

/** A statement, the operation that it belongs to, and what reads its result. */
export interface Fetching<T, Operation> {
  readonly statement: Statement
  readonly operation: Operation
  readonly fetched: Fetched<T>
}

/** Rows as the decoder of their statement reads them, or else as PostgreSQL's texts, and the driver's parser for those. */
export interface ReadRows {
  readonly rows: readonly Row[]
  readonly rowCount: number
  parse(column: number, text: string): unknown
}

/** Collects the rows of a statement, and makes its result of them. */
export class FetchedRows<T> implements Fetched<T> {
  readonly #read: (rows: ReadRows) => T
  #rows: Row[] = []
  #typeIds: readonly number[] = []

  constructor(read: (rows: ReadRows) => T) {
    this.#read = read
  }

  begin(): void {
    this.#rows = []
  }

  row(row: Row): void {
    this.#rows.push(row)
  }

  described(typeIds: readonly number[]): void {
    this.#typeIds = typeIds
  }

  finish({ rowCount, parserOf }: Sent): T {
    const typeIds = this.#typeIds
    return this.#read({
      rows: this.#rows,
      rowCount,
      parse: (column, text) => {
        const typeId = typeIds[column]
        return typeId === undefined ? text : parserOf(typeId)(text)
      },
    })
  }
}
