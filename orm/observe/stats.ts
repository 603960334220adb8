import type { Finding } from './finding.ts'
import type { Observer, SentStatement, StatementEnd } from './observer.ts'

/** What a session has cost so far; the values are live. */
export interface SessionStats {
  /** SQL statements that were sent; BEGIN, COMMIT, ROLLBACK, SAVEPOINT and SET do not count. */
  readonly queryCount: number
  /** Milliseconds that all statements took, those included. */
  readonly durationMs: number
  /** Patterns that cost more than they have to; empty where they are not looked for. */
  readonly findings: readonly Finding[]
}

const nothing: Pick<SessionStats, 'findings'> = Object.freeze({ findings: Object.freeze([]) })

/** Counts statements and sums their time. Plain data: it can be spread, printed and written as JSON. */
export class StatementStats implements Observer, SessionStats {
  readonly #detector: Pick<SessionStats, 'findings'>
  queryCount = 0
  durationMs = 0
  declare readonly findings: readonly Finding[]

  /** @param detector who finds patterns in the same session */
  constructor(detector: Pick<SessionStats, 'findings'> = nothing) {
    this.#detector = detector
    Object.defineProperty(this, 'findings', StatementStats.#findings)
  }

  statementSent(statement: SentStatement): StatementEnd {
    if (statement.kind !== 'control') this.queryCount += 1
    return this.#ended
  }

  readonly #ended: StatementEnd = ({ durationMs }) => {
    this.durationMs += durationMs
  }

  static readonly #findings: PropertyDescriptor = {
    get(this: StatementStats) {
      return this.#detector.findings
    },
    enumerable: true,
  }

  static {
    // Node would print `findings: [Getter]`.
    Object.defineProperty(this.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: StatementStats) {
        return Object.assign({}, this)
      },
    })
  }
}
