import type { Observer, SentStatement, StatementEnd } from './observer.ts'

/** What a session has cost so far; the values are live. */
export interface SessionStats {
  /** SQL statements that were sent; BEGIN, COMMIT, ROLLBACK, SAVEPOINT and SET do not count. */
  readonly queryCount: number
  /** Milliseconds that all statements took, those included. */
  readonly durationMs: number
}

/** Counts statements and sums their time. */
export class StatementStats implements Observer, SessionStats {
  #queryCount = 0
  #durationMs = 0

  get queryCount(): number {
    return this.#queryCount
  }

  get durationMs(): number {
    return this.#durationMs
  }

  statementSent(statement: SentStatement): StatementEnd {
    if (statement.kind !== 'control') this.#queryCount += 1
    return this.#ended
  }

  readonly #ended: StatementEnd = ({ durationMs }) => {
    this.#durationMs += durationMs
  }
}
