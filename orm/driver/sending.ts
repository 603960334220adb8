import type { StatementEnd } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Row, RowDecoder } from '../schema/wire-form.ts'
import type { ParserOf, Reader, Sent } from '../sql/fetched.ts'
import { noParameters, type Parameter } from '../sql/node.ts'
import type { Statement } from '../sql/statement.ts'
import type { Part } from './lane/part.ts'

export const noReader: Reader = Object.freeze({})

/** A statement that a session sends, or BEGIN, COMMIT and their like. */
export interface Sendable extends Pick<Statement, 'text' | 'parameters' | 'summary' | 'name'> {
  readonly kind: Statement['kind'] | 'control'
  readonly needsTransaction?: true | undefined
  readonly decoder?: RowDecoder | undefined
}

/** A statement on its way to PostgreSQL: a part of an exchange. */
export class Sending implements Part, Sent {
  readonly statement: Sendable
  readonly text: string
  readonly parameters: readonly Parameter[]
  readonly decoder: RowDecoder | undefined
  readonly row: ((row: Row) => void) | undefined
  readonly described: ((typeIds: readonly number[]) => void) | undefined
  name: string | undefined
  /** The first word of PostgreSQL's command tag. Empty until the statement has completed. */
  tag = ''
  rowCount = 0
  /** What the reader of a row, or the source of a COPY, has thrown: an error of the program, not of the database. */
  unread: { readonly error: unknown } | undefined
  /** Ends the report to the observer. */
  end: StatementEnd | undefined
  /** Whether its own time is limited, so that its end has to be known at once. */
  isFlushed = false
  /** Called when the statement has completed, before the exchange has ended. */
  advance: (() => void) | undefined
  /** The parsers that `pg` has on this connection, by the id of a type. */
  parserOf: ParserOf = () => String
  readonly #reader: Reader

  /** The operation that it belongs to; undefined: that of its exchange. */
  readonly operation: Operation | undefined

  constructor(statement: Sendable, reader: Reader, operation?: Operation) {
    this.statement = statement
    this.operation = operation
    this.text = statement.text
    this.parameters = statement.parameters
    this.decoder = statement.decoder
    this.#reader = reader
    // Nobody asks for the columns of a result that nobody reads.
    const read = (row: Row): void => this.#read(row)
    const described = (typeIds: readonly number[]): void => reader.described?.(typeIds)
    this.row = reader.row === undefined ? undefined : read
    this.described = reader.described === undefined ? undefined : described
  }

  /** It is sent now, perhaps again. */
  begin(isPrepared: boolean, parserOf: ParserOf): void {
    this.name = isPrepared ? this.statement.name : undefined
    this.parserOf = parserOf
    this.tag = ''
    this.rowCount = 0
    this.#reader.begin?.()
  }

  /** @returns the error to tell */
  refused(error: unknown, cause: unknown): unknown {
    return this.#reader.refused === undefined ? error : this.#reader.refused(error, cause)
  }

  #read(row: Row): void {
    try {
      this.#reader.row?.(row)
    } catch (error) {
      this.unread = { error }
      throw error
    }
  }

  completed(tag: string, rowCount: number): void {
    this.tag = tag
    this.rowCount = rowCount
    this.#reader.completed?.(rowCount)
    this.advance?.()
  }
}

/** BEGIN, COMMIT and their like. */
export function control(text: string, operation?: Operation): Sending {
  const summary = text.toUpperCase()
  return new Sending(
    { text, parameters: noParameters, summary, kind: 'control' },
    noReader,
    operation,
  )
}
