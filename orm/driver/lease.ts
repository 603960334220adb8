import type { DataBridgeError } from '../errors.ts'
import { type Observer, within } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Connection } from './connection.ts'
import { statementError } from './pg-errors.ts'
import { type ConnectionPool, defaultAcquireMs } from './pool.ts'
import type { TimeLimits } from './time-limits.ts'
import { statementTimeoutError } from './transaction-errors.ts'

const firstStatement = 'the first statement'

type Taken = (error: unknown, connection?: Connection) => void

/** The connection that a session takes from the pool: at most one. */
export class Lease {
  readonly #pool: ConnectionPool
  readonly #observer: Observer
  readonly #limits: TimeLimits
  #connection: Connection | undefined
  #heldSince = 0
  #stopWaiting: ((reason: DataBridgeError) => void) | undefined

  constructor(pool: ConnectionPool, observer: Observer, limits: TimeLimits) {
    this.#pool = pool
    this.#observer = observer
    this.#limits = limits
  }

  get connection(): Connection | undefined {
    return this.#connection
  }

  /** Calls back once, with the connection or with an error. */
  take(operation: Operation | undefined, taken: Taken): void {
    const { acquire: limitMs } = this.#limits
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
      if (connection?.needsProbe === true) this.#probe(connection, done)
      else done(error, connection)
    }
    try {
      const pool = this.#pool
      const waiter = within(this.#observer, operation, () => pool.take(limitMs, acquired))
      // V8 puts a function that is assigned to a property where it is written into the old space, where
      // the session behind it would outlive all minor collections.
      const stopWaiting = (reason: DataBridgeError): void => pool.giveUp(waiter, reason)
      this.#stopWaiting = stopWaiting
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

  #probe(connection: Connection, done: Taken): void {
    let reason: DataBridgeError | undefined
    const stopWaiting = (given: DataBridgeError): void => {
      reason = given
      connection.destroy()
    }
    this.#stopWaiting = stopWaiting
    const limit = this.#limitProbe(stopWaiting)
    connection.probe((failure) => {
      clearTimeout(limit)
      if (failure === undefined) return done(undefined, connection)
      connection.release(failure.error)
      done(reason ?? statementError(failure.error, firstStatement))
    })
  }

  /** A new connection may be silent no longer than a connection is waited for, and than a statement may take. */
  #limitProbe(over: (reason: DataBridgeError) => void): NodeJS.Timeout | undefined {
    const { acquire = defaultAcquireMs, statement = Infinity } = this.#limits
    if (acquire !== false && acquire <= statement)
      return setTimeout(() => over(this.#pool.silenceError(acquire)), acquire)
    if (statement === Infinity) return undefined
    return setTimeout(() => over(statementTimeoutError(firstStatement, statement)), statement)
  }
}
