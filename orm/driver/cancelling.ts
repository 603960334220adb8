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
  #pause: NodeJS.Timeout | undefined
  #goOn: (() => void) | undefined

  constructor(cancelled: Cancelled) {
    this.#cancelled = cancelled
    this.#limit = setTimeout(() => {
      if (this.#isWanted()) cancelled.cutOff()
    }, graceMs)
    this.#requests = this.#request()
  }

  /** The statement has ended. Resolves when no request is under way, which could cancel the next one. */
  ended(): Promise<void> {
    this.#hasEnded = true
    clearTimeout(this.#limit)
    clearTimeout(this.#pause)
    this.#goOn?.()
    return this.#requests
  }

  readonly #isWanted = (): boolean => !this.#hasEnded && this.#cancelled.isWanted()

  async #request(): Promise<void> {
    const { client, cutOff } = this.#cancelled
    for (let pauseMs = firstPauseMs; this.#isWanted(); pauseMs *= 2) {
      const outcome = await sendCancelRequest(client, graceMs, this.#isWanted)
      if (outcome === 'unconfirmed') {
        // COMMIT runs: its answer is awaited, and no other statement follows on this connection.
        if (!this.#isWanted()) await this.#wait()
        return cutOff()
      }
      await this.#wait(pauseMs)
    }
  }

  /** Waits until the statement has ended, and no longer than this. */
  #wait(milliseconds?: number): Promise<void> {
    if (this.#hasEnded) return Promise.resolve()
    return new Promise((resolve) => {
      this.#goOn = resolve
      if (milliseconds !== undefined) this.#pause = setTimeout(resolve, milliseconds)
    })
  }
}
