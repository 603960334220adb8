import type { DataBridgeError } from '../errors.ts'
import { graceMs } from './cancelling.ts'
import type { Connection } from './connection.ts'
import type { Sending } from './sending.ts'
import { statementTimeoutError } from './transaction-errors.ts'

/** The summary of queries to the catalogue, which the library sends by itself. */
export const catalogueSummary = 'SELECT catalogue'

/** The time limit of each statement of an exchange. Has an error when the time of one is over. */
export class StatementLimit {
  readonly #connection: Connection
  readonly #limitMs: number
  readonly #timer: NodeJS.Timeout
  #sending: Sending
  error: DataBridgeError | undefined

  constructor(connection: Connection, sending: Sending, limitMs: number) {
    this.#connection = connection
    this.#sending = sending
    this.#limitMs = limitMs
    this.#timer = setTimeout(() => this.#over(), limitMs)
  }

  /** The next statement of the exchange has its own time. */
  restart(sending: Sending): void {
    this.#sending = sending
    this.#timer.refresh()
  }

  clear(): void {
    clearTimeout(this.#timer)
  }

  /**
   * Statements such as BEGIN cannot be cancelled: their connection is closed. Otherwise the exchange is cancelled,
   * whatever statement of it runs by then, unless that is COMMIT.
   */
  #over(): void {
    this.error = statementTimeoutError(this.#sending.statement.summary, this.#limitMs)
    if (this.#isCancellable()) this.#connection.cancel(this.#isCancellable)
    else this.#connection.destroy()
  }

  readonly #isCancellable = (): boolean => {
    const { summary, kind } = this.#sending.statement
    return kind !== 'control' || summary === catalogueSummary
  }
}

/** ROLLBACK has its own limit, since PostgreSQL also rolls back when the connection ends. */
export function limitOf(
  sendings: readonly Sending[],
  statementMs: number | undefined,
): number | undefined {
  // Others follow it where a transaction is begun once more.
  const isRollback = sendings.length === 1 && sendings[0]?.statement.summary === 'ROLLBACK'
  return isRollback ? graceMs : statementMs
}
