import type { DataBridgeError } from '../errors.ts'
import { type Observer, within } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Connection } from './connection.ts'
import type { ConnectionPool } from './pool.ts'

/** The connection that a session takes from the pool: at most one. */
export class Lease {
  readonly #pool: ConnectionPool
  readonly #observer: Observer
  #connection: Connection | undefined
  #heldSince = 0
  #stopWaiting: ((reason: DataBridgeError) => void) | undefined

  constructor(pool: ConnectionPool, observer: Observer) {
    this.#pool = pool
    this.#observer = observer
  }

  get connection(): Connection | undefined {
    return this.#connection
  }

  async take(
    limitMs: number | false | undefined,
    operation: Operation | undefined,
  ): Promise<Connection> {
    const start = performance.now()
    try {
      const acquisition = within(this.#observer, operation, () => this.#pool.acquire(limitMs))
      this.#stopWaiting = acquisition.giveUp
      this.#connection = await acquisition.connection
      this.#heldSince = performance.now()
      this.#observer.connectionAwaited?.({ durationMs: this.#heldSince - start })
      return this.#connection
    } catch (error) {
      this.#observer.connectionAwaited?.({ durationMs: performance.now() - start, error })
      throw error
    } finally {
      this.#stopWaiting = undefined
    }
  }

  /** Stops waiting for a connection. */
  giveUp(reason: DataBridgeError): void {
    this.#stopWaiting?.(reason)
  }

  /** @param cause why the connection cannot be used any more */
  giveBack(cause?: unknown): void {
    if (this.#connection === undefined) return
    this.#connection.release(cause)
    this.#connection = undefined
    this.#observer.connectionReleased?.(performance.now() - this.#heldSince)
  }
}
