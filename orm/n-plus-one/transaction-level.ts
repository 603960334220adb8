import type { CallSite } from '../util/call-site.ts'

type Ended = (isKept: boolean) => void

/** A transaction of a session, or a savepoint in one: what happened in it. */
export class TransactionLevel {
  readonly outer: TransactionLevel | undefined
  /** Where the program has called `transaction()`. */
  readonly site: CallSite | undefined
  /** How many statements there were, without those that the library sends by itself. */
  statements = 0
  durationMs = 0
  /** The first write: verb and table. */
  target: string | undefined
  sql: string | undefined
  /** Whether one of its statements has written many rows. */
  isBatch = false
  /** Whether a write says what to do about rows that are there. */
  handlesConflict = false
  /** Whether it failed so that the same work may succeed in another transaction. */
  mayBeRepeated = false
  #ended: Ended[] | undefined

  constructor(outer: TransactionLevel | undefined, site: CallSite | undefined) {
    this.outer = outer
    this.site = site
  }

  /** Calls a function at its end: with false if its work was done once more, in another transaction. */
  whenEnded(ended: Ended): void {
    ;(this.#ended ??= []).push(ended)
  }

  end(isKept: boolean): void {
    const all = this.#ended
    this.#ended = undefined
    if (all !== undefined) for (const ended of all) ended(isKept)
  }

  /** The savepoint is released: what happened in it has happened in what it is in. */
  release(): void {
    const { outer } = this
    this.end(true)
    if (outer === undefined) return
    outer.statements += this.statements
    outer.durationMs += this.durationMs
    outer.target ??= this.target
    outer.sql ??= this.sql
    outer.isBatch ||= this.isBatch
    outer.handlesConflict ||= this.handlesConflict
  }
}
