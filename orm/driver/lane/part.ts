import type { Row, RowDecoder } from '../../schema/wire-form.ts'

/** One statement of an exchange. */
export interface Part {
  readonly text: string
  /** Prepared under this name; without a name the statement is parsed each time. */
  readonly name?: string | undefined
  /** A string is PostgreSQL's text format, null is NULL, bytes are its binary format. */
  readonly parameters: readonly Parameter[]
  /** Whether the server tells of its end at once. Otherwise it may wait until the exchange has ended. */
  readonly isFlushed?: boolean | undefined
  /** How rows are read. Without it, rows are PostgreSQL's texts. */
  readonly decoder?: RowDecoder | undefined
  /** Called for each row while rows arrive. What it throws fails the exchange. */
  readonly row?: ((row: Row) => void) | undefined
  /**
   * The statement has completed. It is no success before the exchange has ended.
   *
   * @param tag PostgreSQL's command tag without its counts: `INSERT`, `COMMIT`, `START TRANSACTION`;
   *   empty for an empty statement
   */
  readonly completed?: ((tag: string, rowCount: number) => void) | undefined
  /** The type ids of the result's columns. Called before the first row. */
  readonly described?: ((typeIds: readonly number[]) => void) | undefined
}

export type Parameter = string | null | Uint8Array

/** Why an exchange failed. */
export interface Failure {
  readonly error: unknown
  /**
   * The index of the statement that the server refused, or whose rows could not be read. Undefined if
   * the failure came after all statements had completed, or is that of no statement.
   */
  readonly part: number | undefined
  /** The connection is gone or no longer usable. Nobody knows what the server did with the rest. */
  readonly isLost: boolean
}
