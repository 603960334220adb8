import type { DataBridgeError } from '../errors.ts'
import { type Observer, within } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Connection } from './connection.ts'
import { statementError } from './pg-errors.ts'
import type { ConnectionPool } from './pool.ts'

type Taken = (error: unknown, connection?: Connection) => void

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

  /** Calls back once, with the connection or with an error. */
  take(limitMs: number | false | undefined, operation: Operation | undefined, taken: Taken): void {
    const since = performance.now()
    const done = (error: unknown, connection?: Connection): void => {
      this.#stopWaiting = undefined
      const now = performance.now()
      const durationMs = now - since
      if (connection === undefined) {
        this.#observer.connectionAwaited?.({ durationMs, error })
        return taken(error)
      }
      this.#connection = connection
      this.#heldSince = now
      this.#observer.connectionAwaited?.({ durationMs })
      taken(undefined, connection)
    }
    const acquired = (error: unknown, connection?: Connection): void => {
      if (connection?.needsProbe === true) this.#probe(connection, limitMs, done)
      else done(error, connection)
    }
    try {
      const pool = this.#pool
      const waiter = within(this.#observer, operation, () => pool.take(limitMs, acquired))
      // V8 puts a function that is assigned where it is written into its old space, and all that the function
      // reaches then waits for a collection of all of the heap.
      const stop = (reason: DataBridgeError): void => pool.giveUp(waiter, reason)
      this.#stopWaiting = stop
    } catch (error) {
      done(error)
    }
  }

  /** Stops waiting for a connection. */
  giveUp(reason: DataBridgeError): void {
    this.#stopWaiting?.(reason)
  }

  /** Gives the connection back. First resets it, if your own SQL may have changed the server's session. */
  giveBack(done: () => void): void {
    const connection = this.#connection
    if (connection === undefined) return done()
    if (!connection.needsReset) {
      this.drop()
      return done()
    }
    connection.reset(() => {
      this.drop()
      done()
    })
  }

  /** @param cause why the connection cannot be used any more */
  drop(cause?: unknown): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    connection.release(cause)
    this.#observer.connectionReleased?.(performance.now() - this.#heldSince)
  }

  #probe(connection: Connection, limitMs: number | false | undefined, done: Taken): void {
    const limit =
      typeof limitMs === 'number' ? setTimeout(() => connection.destroy(), limitMs) : undefined
    this.#stopWaiting = () => connection.destroy()
    connection.probe((failure) => {
      clearTimeout(limit)
      if (failure === undefined) return done(undefined, connection)
      connection.release(failure.error)
      done(statementError(failure.error, 'the first statement'))
    })
  }
}
