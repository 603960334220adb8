import type { DataBridgeError } from '../errors.ts'
import type { Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Connection } from './connection.ts'
import type { Failure } from './lane/part.ts'
import { statementError } from './pg-errors.ts'
import type { Refusal } from './refusal.ts'
import type { Sending } from './sending.ts'
import { limitOf, StatementLimit } from './statement-limit.ts'
import type { TimeLimits } from './time-limits.ts'

/** An exchange on its way, and the statement of it whose turn it is. */
export class RunningExchange {
  readonly connection: Connection
  readonly #observer: Observer
  readonly #sendings: readonly Sending[]
  readonly #operation: Operation | undefined
  readonly #limit: StatementLimit | undefined
  #current: Sending
  #place = 0
  #since: number

  constructor(
    observer: Observer,
    connection: Connection,
    sendings: readonly Sending[],
    operation: Operation | undefined,
    limits: TimeLimits,
  ) {
    this.connection = connection
    this.#observer = observer
    this.#sendings = sendings
    this.#operation = operation
    const first = sendings[0] as Sending
    const limitMs = limitOf(sendings, limits.statement)
    // Which statement runs has to be known then: COMMIT is not cancelled.
    const isTimed = limitMs !== undefined || limits.transaction !== undefined
    this.#limit = limitMs === undefined ? undefined : new StatementLimit(connection, first, limitMs)
    // The last one ends with the exchange: until then it may fail.
    for (let place = 0; place < sendings.length - 1; place += 1) {
      const sending = sendings[place] as Sending
      sending.advance = this.#advance
      if (isTimed) sending.isFlushed = true
    }
    this.#current = first
    this.#report()
    this.#since = performance.now()
  }

  /**
   * Whether it can be cancelled without doubt about a COMMIT: it has none, or the server has told that the
   * statements before it still run.
   */
  get isCancellable(): boolean {
    if (!isEnd(this.#sendings.at(-1))) return true
    return !this.isAtEnd && this.#sendings.at(-2)?.isFlushed === true
  }

  /** Whether COMMIT or ROLLBACK itself runs. */
  get isAtEnd(): boolean {
    return isEnd(this.#current)
  }

  /**
   * @param reason why the session has cancelled the running statement
   * @param isReadOnly whether the transaction is
   */
  end(
    failure: Failure | undefined,
    reason: DataBridgeError | undefined,
    isReadOnly: boolean,
  ): Refusal | undefined {
    this.#limit?.clear()
    const sending = this.#current
    const durationMs = performance.now() - this.#since
    if (failure === undefined) {
      sending.end?.({ durationMs, rows: sending.rowCount })
      return undefined
    }
    const { error: cause, part, isLost } = failure
    const refused = part === undefined ? undefined : this.#sendings[part]
    const isUnread = refused?.unread?.error === cause
    const told = isUnread
      ? cause
      : (this.#limit?.error ??
        reason ??
        statementError(cause, sending.statement.summary, isReadOnly))
    const error = refused === undefined ? told : refused.refused(told, cause)
    sending.end?.({ durationMs, error })
    return { error, cause, sending: refused, isUnread, isLost }
  }

  readonly #advance = (): void => {
    const now = performance.now()
    const done = this.#current
    done.end?.({ durationMs: now - this.#since, rows: done.rowCount })
    this.#since = now
    this.#place += 1
    this.#current = this.#sendings[this.#place] as Sending
    this.#limit?.restart(this.#current)
    this.#report()
  }

  #report(): void {
    const { text, parameters, summary, kind } = this.#current.statement
    const operation = this.#current.operation ?? this.#operation
    this.#current.end = this.#observer.statementSent?.({
      text,
      parameters,
      summary,
      kind,
      operation,
    })
  }
}

function isEnd(sending: Sending | undefined): boolean {
  if (sending?.statement.kind !== 'control') return false
  const { summary } = sending.statement
  return summary === 'COMMIT' || summary === 'ROLLBACK'
}
