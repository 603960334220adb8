import type { Finding } from './finding.ts'
import type { Observer, SentStatement, StatementEnd } from './observer.ts'

/** The cost of a session so far. The values are live. */
export interface SessionStats {
  /** The number of SQL statements, without BEGIN, COMMIT, ROLLBACK, SAVEPOINT and SET. */
  readonly queryCount: number
  /** The milliseconds of all statements, including BEGIN, COMMIT and the others. */
  readonly durationMs: number
  /** Costly patterns. Empty if the option `nPlusOne` is `'off'`. */
  readonly findings: readonly Finding[]
}

const nothing: Pick<SessionStats, 'findings'> = Object.freeze({ findings: Object.freeze([]) })

/** Counts statements and sums their time. Plain data: it can be spread, printed and written as JSON. */
export class StatementStats implements Observer, SessionStats {
  readonly #detector: Pick<SessionStats, 'findings'>
  queryCount = 0
  durationMs = 0
  declare readonly findings: readonly Finding[]

  /** @param detector finds patterns in the same session */
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
