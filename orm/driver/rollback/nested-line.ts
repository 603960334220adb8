import type { DataBridgeError } from '../../errors.ts'
import type { Connection } from '../connection.ts'
import type { Failure } from '../lane/part.ts'
import type { Acquired, Waiter } from '../waiting-line.ts'
import { NestedConnection } from './nested-connection.ts'
import { endedError, lostError, waitedError } from './rollback-errors.ts'

/** A request or a job. */
export interface Caller {
  /** Whether it is another one, or runs in it. */
  isWithin(other: this): boolean
}

/** Work of one connection. */
export interface Turn {
  readonly of: NestedConnection
  /** `free`: outside transactions. `read`: in a transaction, and changes nothing. */
  readonly kind: 'free' | 'begin' | 'read' | 'other'
  /** How long it waits while nothing else gets on, in milliseconds. */
  readonly limitMs: number | false
  readonly start: (next: () => void) => void
  readonly refuse: (failure: Failure) => void
}

// Less than the 5 s after which test runners end a test, and tell nothing.
const usualLimitMs = 4000

/**
 * One connection in the place of a pool. Sessions without a transaction take turns, statement by statement. A
 * transaction waits for that of another request, and nests in that of its own.
 */
export class NestedLine {
  readonly real: Connection
  /** What COMMIT puts back. */
  readonly restoring: string
  readonly #caller: () => Caller | undefined
  readonly #timers = new Map<Turn, NodeJS.Timeout>()
  #waiting: Turn[] = []
  #running: Turn | undefined
  /** The open transactions, each nested in the one before. */
  #open: readonly NestedConnection[] = []
  /** Whose statements PostgreSQL refuses until it goes back to a savepoint. */
  #failed: NestedConnection | undefined
  #loss: (() => DataBridgeError) | undefined
  #whenIdle: (() => void) | undefined

  constructor(real: Connection, restoring: string, caller: () => Caller | undefined) {
    this.real = real
    this.restoring = restoring
    this.#caller = caller
  }

  /** In the place of the pool's own. */
  readonly take = (limitMs: number | false | undefined, done: Acquired): Waiter => {
    const limit = limitMs ?? usualLimitMs
    const connection = new NestedConnection(this, this.#caller(), limit)
    process.nextTick(() => {
      const { loss } = this
      if (loss === undefined) done(undefined, connection)
      else done(loss)
    })
    return { done, limitMs: limit, deadline: Infinity, context: undefined }
  }

  /** Why no statement can be sent any more. */
  get loss(): DataBridgeError | undefined {
    const { loss } = this.real
    return this.#loss?.() ?? (loss && lostError(loss))
  }

  /** Whether no transaction of another session is around its own. */
  isOutermost(connection: NestedConnection): boolean {
    return this.#open.every((each) => each === connection)
  }

  /** Whether no transaction of another session is in its own. */
  isInnermost(connection: NestedConnection): boolean {
    return this.#open.length === 0 || this.#open.at(-1) === connection
  }

  isRunning(turn: Turn | undefined): boolean {
    return turn !== undefined && this.#running === turn
  }

  /** Starts it when its turn has come. */
  enter(turn: Turn): void {
    this.#waiting.push(turn)
    if (this.loss !== undefined) return process.nextTick(() => this.#refuseAll())
    this.#startNext()
    if (turn.limitMs === false || !this.#waiting.includes(turn)) return
    const timer = setTimeout(() => {
      this.leave(turn)
      turn.refuse({ error: waitedError(Number(turn.limitMs)), part: 0, isLost: false })
    }, turn.limitMs)
    this.#timers.set(turn, timer)
  }

  /** @returns whether it had not started */
  leave(turn: Turn): boolean {
    clearTimeout(this.#timers.get(turn))
    this.#timers.delete(turn)
    const isWaiting = this.#waiting.includes(turn)
    this.#waiting = this.#waiting.filter((each) => each !== turn)
    return isWaiting
  }

  /** A transaction has begun or ended, or failed for good. */
  changed(connection: NestedConnection): void {
    const others = this.#open.filter((each) => each !== connection)
    if (!connection.isOpen) this.#open = others
    else if (others.length === this.#open.length) this.#open = [...others, connection]
    this.#failed = this.real.hasFailed ? connection : undefined
  }

  /** The connection is gone, or of no use: nothing more is sent. */
  lose(cause: unknown): void {
    // Another one each time: what is shown to clients loses its words.
    const told = (): DataBridgeError => lostError(cause)
    this.#loss ??= told
    this.#refuseAll()
  }

  /** Ends it for all sessions. Resolves when nothing runs. */
  async end(graceMs: number): Promise<void> {
    this.#loss ??= endedError
    this.#refuseAll()
    if (this.#running === undefined) return
    const isIdle = new Promise<void>((resolve) => (this.#whenIdle = resolve))
    const limit = setTimeout(() => this.real.cancel(() => true), graceMs)
    await isIdle
    clearTimeout(limit)
    await this.real.settled()
  }

  #startNext(): void {
    while (this.#running === undefined) {
      const turn = this.#waiting.find((each) => this.#mayStart(each))
      if (turn === undefined) return
      this.leave(turn)
      this.#running = turn
      turn.start(() => {
        this.#running = undefined
        this.#whenIdle?.()
        // As long as others get on, it is no deadlock.
        for (const timer of this.#timers.values()) timer.refresh()
        this.#startNext()
      })
    }
  }

  #mayStart({ of, kind }: Turn): boolean {
    if (this.#failed !== undefined && this.#failed !== of) return false
    if (kind === 'free' || kind === 'read' || this.isInnermost(of)) return true
    return kind === 'begin' && this.#isWithin(of, this.#open.at(-1))
  }

  /** Where nobody knows whose transaction is open, to wait for it might never end. */
  #isWithin({ caller: inner }: NestedConnection, around: NestedConnection | undefined): boolean {
    const outer = around?.caller
    if (outer === undefined) return true
    return inner?.isWithin(outer) === true
  }

  #refuseAll(): void {
    for (const turn of this.#waiting) {
      this.leave(turn)
      turn.refuse({ error: this.loss, part: undefined, isLost: true })
    }
  }
}
