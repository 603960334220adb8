import type { SessionConnection } from '../driver/session-connection.ts'
import type { DataBridgeError } from '../errors.ts'
import type { Observer } from '../observe/observer.ts'
import { given, type Giver, refusal } from '../util/refusals.ts'
import type { Flusher } from './flusher.ts'
import { sessionOperation } from './operations.ts'
import { abortedError, lostError } from './session-errors.ts'
import type { SessionLife } from './session-life.ts'
import type { SessionParts } from './session-parts.ts'
import { Transactions } from './transactions.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'

/** What is under way in a session, and how the session ends. */
export class SessionEnd {
  readonly #parts: SessionParts
  readonly #connection: SessionConnection
  readonly #observer: Observer
  readonly #life: SessionLife
  readonly #work: UnitOfWork
  readonly #flusher: Flusher
  /** Made by the first `transaction()`. */
  transactions: Transactions | undefined
  // Made by the first promise that is given.
  #giver: Giver | undefined
  #underWay = 0
  #hasLost = false
  #onAbort: (() => void) | undefined

  constructor(parts: SessionParts, life: SessionLife, work: UnitOfWork, flusher: Flusher) {
    this.#parts = parts
    this.#connection = parts.connection
    this.#observer = parts.observer
    this.#life = life
    this.#work = work
    this.#flusher = flusher
    const { signal } = parts
    if (signal !== undefined) this.#endBy(signal)
  }

  /** The promise of some work, for the program. If the session is ended from outside, it does not end the process. */
  give<T>(work: () => Promise<T> | T): Promise<T> {
    this.#underWay += 1
    this.#giver ??= { ended: () => (this.#underWay -= 1), tellRefused: this.#parts.tellRefused }
    return given(work, this.#giver)
  }

  /** The transactions of the session, for one that begins. */
  openTransactions(): Transactions {
    return (this.transactions ??= new Transactions(this.#parts, this.#work, this.#flusher))
  }

  /** Whether the session ended with uncommitted changes. */
  get hasLost(): boolean {
    return this.#hasLost
  }

  /** Throws if the session ended with uncommitted changes. */
  refuseLoss(): void {
    if (this.#hasLost) throw this.#life.reason ?? lostError()
  }

  /** Whether nothing is written, changed, open or under way: the end needs no statement. */
  get isQuiet(): boolean {
    return this.#isAtRest && !this.#flusher.hasUnsaved
  }

  /** Whether nothing is open or under way. */
  get #isAtRest(): boolean {
    return (
      this.#underWay === 0 &&
      !this.#connection.isInTransaction &&
      this.#connection.isIdle &&
      this.#flusher.isIdle &&
      this.transactions?.areUnderWay !== true
    )
  }

  /** Ends the session, and rolls back without a warning. Undefined if it has ended at once. */
  discard(isShutdown: boolean): Promise<void> | undefined {
    if (isShutdown) this.#life.endsFromOutside = true
    if (this.#life.isClosed) return this.#life.close(() => undefined)
    // After a commit there is nothing to lose, so there is nothing to look for.
    const { isSettled } = this.#life
    if (isSettled ? this.#isAtRest : this.isQuiet) return this.quietly('rollback')
    if (!isSettled) this.#hasLost ||= this.#flusher.hasUnsaved
    return this.#life.close(() => this.#close())
  }

  /** Ends a session that {@link isQuiet}, and reports it as a commit or rollback of nothing. */
  quietly(as: 'commit' | 'rollback'): Promise<void> | undefined {
    if (this.#life.isOpen && !this.#life.isSettled)
      this.#observer.operationStarted?.(sessionOperation(as))?.({})
    return this.#life.close(() => this.#end())
  }

  /** Ends the session for a reason: the server cancels the running statement, and the session rolls back. */
  abort(reason: DataBridgeError): Promise<void> | undefined {
    this.#life.abort(refusal(reason))
    this.#connection.abort(reason)
    return this.discard(false)
  }

  #endBy(signal: AbortSignal): void {
    const onAbort = (): void => void this.abort(abortedError(signal.reason))
    if (signal.aborted) return onAbort()
    this.#onAbort = onAbort
    signal.addEventListener('abort', onAbort, { once: true })
  }

  async #close(): Promise<void> {
    this.#connection.refuse(this.#life.closedError)
    await this.#connection.settled()
    const isSettled = this.#life.isSettled && !this.#connection.isInTransaction
    if (this.#life.isOpen && !isSettled) await this.#flusher.rollback()
    await this.#end()
  }

  #end(): Promise<void> | undefined {
    if (this.#onAbort !== undefined) this.#parts.signal?.removeEventListener('abort', this.#onAbort)
    this.#connection.refuse(this.#life.closedError)
    if (this.#life.isOpen) this.#observer.operationStarted?.(sessionOperation('close'))?.({})
    this.#work.rolledBack()
    this.#flusher.callbacks?.forget()
    return this.#parts.closed()
  }
}
