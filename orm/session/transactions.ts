import type { SessionConnection } from '../driver/session-connection.ts'
import type { TransactionMode } from '../driver/transaction-mode.ts'
import { DataBridgeError, describe } from '../errors.ts'
import type { Observer } from '../observe/observer.ts'
import type { Flusher, FlushMark } from './flusher.ts'
import { isRetryable, pauseAfter } from './retries.ts'
import type { SessionParts } from './session-parts.ts'
import { requireTransactionOptions, type TransactionOptions } from './transaction-options.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'

/** The running calls of `transaction()` in a session, each inside the previous one. */
export class Transactions {
  readonly #connection: SessionConnection
  readonly #observer: Observer
  readonly #work: UnitOfWork
  readonly #flusher: Flusher
  #underWay: string[] = []
  #made = 0

  constructor({ connection, observer }: SessionParts, work: UnitOfWork, flusher: Flusher) {
    this.#connection = connection
    this.#observer = observer
    this.#work = work
    this.#flusher = flusher
  }

  async run<T, S>(
    fn: (session: S) => Promise<T> | T,
    session: S,
    options: TransactionOptions,
    isManaged: boolean,
  ): Promise<T> {
    this.#observer.transactionCalled?.()
    const { retries = 0, ...mode } = requireTransactionOptions(options)
    if (typeof fn !== 'function') {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_TRANSACTION',
        `transaction() expected a function, got ${describe(fn)}`,
      )
    }
    const isOutermost = !isManaged && this.#underWay.length === 0
    const isBegun = this.#connection.isInTransaction || this.#underWay.length > 0
    if (retries > 0 && (!isOutermost || isBegun || this.#hasEarlierWork)) throw retriesError()
    if (isBegun && Object.values(mode).some((value) => value !== undefined)) throw modeError()
    const work = () => fn(session)
    if (isOutermost && !isBegun) return this.#attempts(work, mode, retries)
    const name = this.#push()
    if (!isOutermost) return this.#nested(name, work, mode)
    // Earlier statements began the transaction. Success commits them too, a failure leaves them to the caller.
    const result = await this.#nested(name, work, mode)
    await this.#flusher.commit()
    return result
  }

  /** Whether there is something that a rollback would undo. */
  get #hasEarlierWork(): boolean {
    return this.#flusher.hasUnsaved || this.#flusher.callbackCount > 0
  }

  get areUnderWay(): boolean {
    return this.#underWay.length > 0
  }

  /** The transaction is rolled back as a whole. */
  abandon(): void {
    this.#underWay = []
  }

  refuseUnderWay(what: string): void {
    if (this.#underWay.length === 0) return
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_TRANSACTION',
      `${what} was called while transaction(…) is under way; it commits by itself when its function resolves: ` +
        'await it before the session is committed or the request is answered',
    )
  }

  async #attempts<T>(fn: () => Promise<T> | T, mode: TransactionMode, retries: number): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#outermost(fn, mode)
      } catch (error) {
        if (attempt > retries || !isRetryable(error)) throw error
        this.#observer.transactionRetried?.({ attempt, error })
        await pauseAfter(attempt)
      }
    }
  }

  async #outermost<T>(fn: () => Promise<T> | T, mode: TransactionMode): Promise<T> {
    const name = this.#push()
    try {
      await this.#connection.begin(mode, undefined)
      const result = await fn()
      this.#pop(name)
      await this.#flusher.commit()
      return result
    } catch (error) {
      this.abandon()
      await this.#flusher.undo()
      throw error
    }
  }

  async #nested<T>(name: string, fn: () => Promise<T> | T, mode: TransactionMode): Promise<T> {
    let mark: FlushMark | undefined
    try {
      if (!this.#connection.isInTransaction) await this.#connection.begin(mode, undefined)
      await this.#flusher.flush(undefined)
      await this.#flusher.alone(async () => {
        await this.#connection.savepoint(name, undefined)
        this.#work.undo.savepoint()
        mark = this.#flusher.mark()
      })
      const result = await fn()
      await this.#flusher.flush(undefined)
      this.#pop(name)
      await this.#flusher.alone(async () => {
        await this.#connection.releaseSavepoint(name, undefined)
        this.#work.undo.releasedSavepoint()
      })
      return result
    } catch (error) {
      const dropped = this.#drop(name)
      if (mark !== undefined && dropped > 0) {
        this.#flusher.undoneTo(mark)
        await this.#flusher.alone(async () => {
          await this.#connection.rollbackToSavepoint(name, undefined)
          this.#work.rolledBackToSavepoint(dropped)
          this.#flusher.forgetChangedSchema()
        })
      }
      throw error
    }
  }

  #push(): string {
    this.#made += 1
    const name = `data_bridge_${this.#made}`
    this.#underWay.push(name)
    return name
  }

  #pop(name: string): void {
    if (this.#underWay.at(-1) === name) {
      this.#underWay.pop()
      return
    }
    if (!this.#underWay.includes(name)) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_TRANSACTION',
        'the transaction was rolled back before its function resolved: by rollback(), or with a call of ' +
          'transaction() that was started before it and has ended; await one before the next is started',
      )
    }
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_TRANSACTION',
      'calls of transaction() on one session overlap, so their statements cannot be told apart; ' +
        'await one before the next is started, or use a session for each',
    )
  }

  /** @returns how many savepoints are undone, including inner ones; 0 if the whole transaction was rolled back before */
  #drop(name: string): number {
    const index = this.#underWay.indexOf(name)
    return index === -1 ? 0 : this.#underWay.splice(index).length
  }
}

function retriesError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    'retries expected a new transaction in a session without unsaved changes and callbacks of afterCommit(): PostgreSQL undoes a ' +
      'transaction as a whole, and earlier work could not be repeated; use database.transaction(fn, { retries })',
  )
}

function modeError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    'transaction() cannot change the isolation, readOnly or deferrable of the transaction that it is in; begin it with them',
  )
}
