import type { DataBridgeError } from '../errors.ts'
import type { Observer } from '../observe/observer.ts'
import { refusal } from '../util/refusals.ts'
import { isInCallbackOf } from './callback-scope.ts'
import { sessionOperation } from './operations.ts'
import { closedError, closedToCallbackError } from './session-errors.ts'
import type { LiveSession, SessionParts } from './session-parts.ts'

/** Whether a session can be used: from its first use to its end. */
export class SessionLife {
  readonly #session: LiveSession
  readonly #parts: SessionParts
  readonly #observer: Observer
  #isOpen = false
  #closing: Promise<void> | undefined
  #isClosed = false
  #reason: DataBridgeError | undefined
  /** Made by the first wait for something that is not the session's. */
  #ended: PromiseWithResolvers<never> | undefined
  /** Whether the program has not used the session since the last commit or rollback. */
  isSettled = false
  /** Whether somebody else commits the session, so that `transaction()` is a savepoint. */
  isManaged = false
  /** Whether somebody else ends the session: the request, the job or the database that it belongs to. */
  endsFromOutside = false
  /** How many callbacks of `afterCommit()` run. */
  callbacks = 0

  constructor(session: LiveSession, parts: SessionParts) {
    this.#session = session
    this.#parts = parts
    this.#observer = parts.observer
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Why the session was ended from outside. */
  get reason(): DataBridgeError | undefined {
    return this.#reason
  }

  /** Refuses a session that has ended, and reports the first use. */
  use(): void {
    if (this.enter()) this.#observer.operationStarted?.(sessionOperation('open'))?.({})
  }

  /** Refuses a session that has ended. */
  require(): void {
    if (this.#isClosed || this.callbacks > 0) this.#refuse()
  }

  /** @returns whether the session is used for the first time */
  enter(): boolean {
    this.require()
    this.isSettled = false
    if (this.#isOpen) return false
    this.#isOpen = true
    this.#parts.opened(this.#session)
    return true
  }

  #refuse(): void {
    if (this.callbacks > 0 && isInCallbackOf(this)) throw this.#asRefusal(closedToCallbackError())
    if (this.#isClosed) throw this.#reason ?? this.closedError()
  }

  /** What is refused after the end. */
  readonly closedError = (): DataBridgeError => this.#asRefusal(closedError())

  #asRefusal(error: DataBridgeError): DataBridgeError {
    return this.endsFromOutside ? refusal(error) : error
  }

  abort(reason: DataBridgeError): void {
    this.#reason ??= reason
  }

  /** Waits for something that may never come, no longer than the session lives. */
  waitFor<T>(coming: Promise<T>): Promise<T> {
    this.#ended ??= Promise.withResolvers<never>()
    return Promise.race([coming, this.#ended.promise])
  }

  /** @param end undefined if it ends at once */
  close(end: () => Promise<void> | undefined): Promise<void> | undefined {
    if (this.#isClosed) return this.#closing
    this.#isClosed = true
    this.#ended?.reject(this.#reason ?? this.closedError())
    this.#closing = end()
    return this.#closing
  }
}
