import type { AsyncResource } from 'node:async_hooks'
import type { Connection } from './connection.ts'

/** Called once, with a connection or with the error. */
export type Acquired = (error: unknown, connection?: Connection) => void

/** A request for a connection. */
export interface Waiter {
  readonly done: Acquired
  /** How long it waits, in milliseconds. `false`: without a limit. */
  readonly limitMs: number | false
  /** On the clock of `performance.now()`. */
  readonly deadline: number
  /** The asynchronous context of the request, once it has to wait. */
  context: AsyncResource | undefined
}

/**
 * The requests for a connection, in the order in which they came. One timer serves all of them: most are
 * answered at once, and a timer for each would cost more than the rest.
 */
export class WaitingLine {
  readonly #expire: (waiter: Waiter) => void
  #waiters: Waiter[] = []
  #timer: NodeJS.Timeout | undefined
  #wakesAt = Infinity

  /** @param expire called when the time of a request is over. It takes the request out of the line. */
  constructor(expire: (waiter: Waiter) => void) {
    this.#expire = expire
  }

  get length(): number {
    return this.#waiters.length
  }

  at(index: number): Waiter | undefined {
    return this.#waiters[index]
  }

  indexOf(waiter: Waiter): number {
    return this.#waiters.indexOf(waiter)
  }

  add(waiter: Waiter): void {
    this.#waiters.push(waiter)
    if (waiter.deadline < this.#wakesAt) this.#wakeAt(waiter.deadline)
  }

  shift(): Waiter | undefined {
    return this.#waiters.shift()
  }

  /** @returns whether it was in the line */
  remove(waiter: Waiter): boolean {
    const index = this.#waiters.indexOf(waiter)
    if (index === -1) return false
    this.#waiters.splice(index, 1)
    return true
  }

  /** Takes out all requests behind the first ones. */
  takeBehind(first: number): readonly Waiter[] {
    return this.#waiters.splice(first)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #wakeAt(time: number): void {
    clearTimeout(this.#timer)
    this.#wakesAt = time
    this.#timer = setTimeout(this.#sweep, Math.max(time - performance.now(), 1))
    // It stays when the request is answered. What keeps a process alive is the socket that a request waits for.
    this.#timer.unref()
  }

  readonly #sweep = (): void => {
    this.#wakesAt = Infinity
    const now = performance.now()
    for (const waiter of this.#waiters.filter(({ deadline }) => deadline <= now))
      this.#expire(waiter)
    const next = Math.min(...this.#waiters.map(({ deadline }) => deadline))
    if (next < this.#wakesAt) this.#wakeAt(next)
  }
}
