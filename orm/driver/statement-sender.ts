import type { DataBridgeError } from '../errors.ts'
import { type Observer, within } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Connection } from './connection.ts'
import type { Failure } from './lane/part.ts'
import { RunningExchange } from './running-exchange.ts'
import type { Refusal } from './refusal.ts'
import type { Sending } from './sending.ts'
import type { TimeLimits } from './time-limits.ts'

/** How long a COMMIT may take after the time limit of its transaction: its result would be unknown. */
const commitGraceMs = 5000

type Ended = (refusal: Refusal | undefined) => void

/** Who cancels statements. */
interface Canceller {
  /** Why the running statement was cancelled. */
  readonly reasonOfCancel: DataBridgeError | undefined
}

/** Sends exchanges, one at a time: reports each statement to the observer, limits its time, and cancels it. */
export class StatementSender {
  readonly #observer: Observer
  readonly #limits: TimeLimits
  readonly #owner: Canceller
  #running: RunningExchange | undefined
  /** Whether the transaction is READ ONLY, so that the server refuses writes. */
  isReadOnly = false

  constructor(observer: Observer, limits: TimeLimits, owner: Canceller) {
    this.#observer = observer
    this.#limits = limits
    this.#owner = owner
  }

  /** Asks the server to cancel the running statement, unless COMMIT may run. How it ends is awaited. */
  cancel(): void {
    const running = this.#running
    if (running?.isCancellable === true) running.connection.cancel(() => running.isCancellable)
  }

  /** The time is over: cancels the running statement. If COMMIT runs, closes the connection a while later. */
  end(): void {
    const running = this.#running
    if (running === undefined) return
    if (!running.isAtEnd) running.connection.cancel(() => !running.isAtEnd)
    const cutOff = setTimeout(() => {
      if (this.#running === running) running.connection.destroy()
    }, commitGraceMs)
    cutOff.unref()
  }

  send(
    connection: Connection,
    sendings: readonly Sending[],
    operation: Operation | undefined,
    ended: Ended,
  ): void {
    const running = this.#begin(connection, sendings, operation)
    within(this.#observer, operation, () =>
      connection.send(sendings, (failure) => this.#end(running, failure, ended)),
    )
  }

  /** Runs your own SQL as one statement. */
  runOwn(
    connection: Connection,
    sending: Sending,
    operation: Operation,
    run: (connection: Connection) => Promise<{ readonly rowCount: number }>,
    ended: Ended,
  ): void {
    const running = this.#begin(connection, [sending], operation)
    within(this.#observer, operation, () => run(connection)).then(
      ({ rowCount }) => {
        sending.rowCount = rowCount
        this.#end(running, undefined, ended)
      },
      (error: unknown) => {
        this.#end(running, { error, part: 0, isLost: connection.loss !== undefined }, ended)
      },
    )
  }

  #begin(
    connection: Connection,
    sendings: readonly Sending[],
    operation: Operation | undefined,
  ): RunningExchange {
    const running = new RunningExchange(
      this.#observer,
      connection,
      sendings,
      operation,
      this.#limits,
    )
    this.#running = running
    return running
  }

  #end(running: RunningExchange, failure: Failure | undefined, ended: Ended): void {
    this.#running = undefined
    const { connection } = running
    const reason = connection.isCancelling ? this.#owner.reasonOfCancel : undefined
    const refusal = running.end(failure, reason, this.isReadOnly)
    if (!connection.isCancelling) return ended(refusal)
    // A cancel request that is still under way could cancel the next statement.
    void connection.settled().then(() => ended(refusal))
  }
}
