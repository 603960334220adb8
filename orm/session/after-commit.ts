import { DataBridgeError, describe } from '../errors.ts'
import { type Callback, DueCallback } from './due-callback.ts'
import { runCallbacks } from './run-callbacks.ts'
import type { SessionLife } from './session-life.ts'
import type { SessionParts } from './session-parts.ts'

/** The callbacks of a session. They share the fate of its changes. */
export class AfterCommit {
  readonly #life: SessionLife
  readonly #parts: SessionParts
  /** Those of the unit of work that is under way. */
  #pending: Callback[] = []
  /** Those that are committed, and have not begun. */
  #due: DueCallback[] = []

  constructor(life: SessionLife, parts: SessionParts) {
    this.#life = life
    this.#parts = parts
  }

  add(callback: unknown): void {
    if (typeof callback !== 'function') {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_TRANSACTION',
        `afterCommit() expected a function, got ${describe(callback)}`,
      )
    }
    this.#pending.push(callback as Callback)
  }

  /** How many wait for the commit. */
  get count(): number {
    return this.#pending.length
  }

  /** A savepoint was rolled back. @param count how many there were when it was set */
  undoneTo(count: number): void {
    this.#pending.splice(count)
  }

  /** The work was rolled back. */
  forget(): void {
    this.#pending = []
  }

  /** The work was committed. @param count how many there were before: one that was added during COMMIT waits for the next */
  committed(count: number): void {
    for (const callback of this.#pending.splice(0, count))
      this.#due.push(new DueCallback(callback, this.#life, this.#parts))
  }

  /** Takes those that have to run; undefined if there are none. */
  take(): DueCallback[] | undefined {
    return this.#due.length === 0 ? undefined : this.#due.splice(0)
  }

  /** Runs those that have to run; undefined if there are none. */
  run(): Promise<void> | undefined {
    const due = this.take()
    return due && runCallbacks(due)
  }
}
