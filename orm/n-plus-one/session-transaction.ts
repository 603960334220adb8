import type { SentStatement, StatementEnd } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { CallSite } from '../util/call-site.ts'
import type { Evidence } from './rule.ts'
import { Waiting } from './waiting.ts'
import { TransactionLevel } from './transaction-level.ts'
import { isMany, targetOf, type WrittenText, writtenBy } from './written-text.ts'

/** The transaction of one session, as its statements tell. */
export class SessionTransaction {
  readonly #open: Set<SessionTransaction>
  readonly #waiting: Waiting
  #level: TransactionLevel | undefined
  #called: CallSite | undefined
  /** What was rolled back, and is perhaps retried. */
  #undone: TransactionLevel | undefined
  #written: WrittenText | undefined
  /** What the last statement in it belongs to, and the one before. */
  last: Operation | undefined
  before: Operation | undefined
  /** How long the transaction has waited for this statement, which is sent now. */
  waitedMs = 0
  /** The transaction or the savepoint that this statement ends with success. */
  completed: TransactionLevel | undefined

  /**
   * @param isExact whether to leave out the time in which the process was busy
   */
  constructor(evidence: Evidence, isExact: boolean) {
    this.#open = evidence.open ??= new Set()
    this.#waiting = new Waiting(evidence.activity, isExact)
  }

  /** The innermost savepoint, or the transaction. Undefined if none is open. */
  get level(): TransactionLevel | undefined {
    return this.#level
  }

  get outermost(): TransactionLevel | undefined {
    let level = this.#level
    while (level?.outer !== undefined) level = level.outer
    return level
  }

  /** Since when it is open and waits for the program; undefined while a statement runs. */
  get idleSince(): number | undefined {
    return this.#level === undefined ? undefined : this.#waiting.since
  }

  /** The wait for something that has a finding of its own. */
  explain(since: number, until: number): void {
    this.#waiting.explain(since, until)
  }

  /** @param site where the program has called `transaction()` */
  called(site: CallSite | undefined): void {
    this.#called = site
  }

  /** What was rolled back is done once more. */
  retried(): void {
    this.#undone?.end(false)
    this.#undone = undefined
  }

  /** The connection is given back, perhaps since it was lost. */
  released(): void {
    if (this.#level !== undefined) this.#close()?.end(true)
  }

  sent(statement: SentStatement): StatementEnd | undefined {
    this.completed = undefined
    if (statement.kind === 'control') return this.#control(statement)
    this.waitedMs = 0
    const level = this.#level
    if (level === undefined) return undefined
    const { operation, kind, text, summary } = statement
    this.waitedMs = this.#waiting.sent(statement)
    this.before = this.last
    this.last = operation ?? this.last
    const written = kind === 'write' ? writtenBy(text) : undefined
    this.#written = written
    if (kind === 'write' || operation?.kind !== 'session') level.statements += 1
    if (written !== undefined) {
      const isOfFlush = operation?.kind === 'session'
      level.target ??= isOfFlush ? targetOf(summary) : written.target
      level.sql ??= text
      level.isBatch ||= !isOfFlush && written.isBatch
      level.handlesConflict ||= written.handlesConflict
    }
    return this.#ended
  }

  #control({ summary }: SentStatement): StatementEnd | undefined {
    this.waitedMs = this.#level === undefined ? 0 : this.#waiting.sent()
    this.before = this.last
    if (summary.startsWith('BEGIN')) {
      this.#undone?.end(true)
      this.#undone = undefined
      this.#level = new TransactionLevel(undefined, this.#called)
      this.#open.add(this)
      return this.#begun
    }
    const level = this.#level
    if (level === undefined) return undefined
    if (summary.startsWith('SAVEPOINT')) this.#level = new TransactionLevel(level, this.#called)
    else if (summary === 'COMMIT') return this.#commit(level)
    else if (summary === 'ROLLBACK') return this.#rollBack(level)
    else if (level.outer !== undefined) {
      this.#level = level.outer
      if (!summary.startsWith('RELEASE')) level.end(true)
      else {
        this.completed = level
        level.release()
      }
    }
    return this.#ended
  }

  #commit(level: TransactionLevel): StatementEnd {
    this.#called = undefined
    this.completed = level
    this.#close()
    return ({ durationMs, error }) => {
      level.durationMs += durationMs
      level.end(!mayRepeat(error))
    }
  }

  #rollBack(level: TransactionLevel): undefined {
    const outermost = this.#close()
    if (level.mayBeRepeated) outermost?.end(false)
    else this.#undone = outermost
  }

  /** @returns the transaction itself */
  #close(): TransactionLevel | undefined {
    let level = this.#level
    for (; level?.outer !== undefined; level = level.outer) {
      level.outer.mayBeRepeated ||= level.mayBeRepeated
      level.end(!level.mayBeRepeated)
    }
    this.#level = undefined
    this.#open.delete(this)
    this.#waiting.over()
    this.last = undefined
    return level
  }

  readonly #begun: StatementEnd = (outcome) => {
    if (outcome.error === undefined) this.#ended(outcome)
    else this.released()
  }

  // One function for all: a session sends one statement at a time.
  readonly #ended: StatementEnd = ({ durationMs, rows = 0, error }) => {
    const level = this.#level
    if (level === undefined) return
    level.durationMs += durationMs
    if (this.#written !== undefined && isMany(this.#written, rows)) level.isBatch = true
    if (error !== undefined && mayRepeat(error)) level.mayBeRepeated = true
    this.#waiting.began()
  }
}

/** Serialization failures and deadlocks. */
function mayRepeat(error: unknown): boolean {
  return (error as { readonly retryable?: unknown } | undefined)?.retryable === true
}
