import type { PoolClient } from 'pg'
import { sendCancelRequest } from './cancel-request.ts'

/** How long a cancelled statement, a ROLLBACK or a reset may still run. Then the connection is closed. */
export const graceMs = 1000

/** How long the first request may take effect before it is repeated. */
const firstPauseMs = 20

/** Whose statement is cancelled. */
interface Cancelled {
  readonly client: PoolClient
  /** Whether it still may be: a COMMIT may not. */
  readonly isWanted: () => boolean
  readonly cutOff: () => void
}

/**
 * Asks the server to cancel the statement that runs on a connection, until it has ended.
 *
 * PostgreSQL and poolers ignore a request that arrives before its statement does, or between two of an exchange,
 * and tell nobody. The statement would run on, and keep its locks even if its connection were closed.
 */
export class Cancelling {
  readonly #cancelled: Cancelled
  readonly #limit: NodeJS.Timeout
  readonly #requests: Promise<void>
  #hasEnded = false
  #endPause = (): void => {}

  constructor(cancelled: Cancelled) {
    this.#cancelled = cancelled
    this.#limit = setTimeout(() => {
      if (cancelled.isWanted()) cancelled.cutOff()
    }, graceMs)
    this.#requests = this.#request()
  }

  /** The statement has ended. Resolves when no request is under way, which could cancel the next one. */
  ended(): Promise<void> {
    this.#hasEnded = true
    clearTimeout(this.#limit)
    this.#endPause()
    return this.#requests
  }

  async #request(): Promise<void> {
    const { client, isWanted, cutOff } = this.#cancelled
    for (let pauseMs = firstPauseMs; !this.#hasEnded && isWanted(); pauseMs *= 2) {
      // One that is still under way could cancel the next statement.
      if (!(await sendCancelRequest(client, graceMs))) return cutOff()
      if (!this.#hasEnded) await this.#pause(pauseMs)
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
