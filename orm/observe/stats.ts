import type { Finding } from './finding.ts'
import type { Operation } from './operation.ts'
import type { Observer, SentStatement, StatementEnd } from './observer.ts'

/** The cost of a session so far. The values are live. */
export interface SessionStats {
  /** The number of SQL statements, without BEGIN, COMMIT, ROLLBACK, SAVEPOINT and SET. */
  readonly queryCount: number
  /** The milliseconds of all statements, including BEGIN, COMMIT and the others. */
  readonly durationMs: number
  /**
   * The number of SQL statements that were not needed, because `lazy: 'peers'` loaded a relation for several entities at
   * once, or because two loads of one row at the same time shared a statement.
   */
  readonly savedQueries: number
  /** Costly patterns. Empty if the option `nPlusOne` is `'off'`. */
  readonly findings: readonly Finding[]
}

const nothing: Pick<SessionStats, 'findings'> = Object.freeze({ findings: Object.freeze([]) })

/** Counts statements and sums their time. */
export class StatementStats implements Observer {
  readonly #detector: Pick<SessionStats, 'findings'>
  #view: SessionStats | undefined
  #saving: Operation | undefined
  queryCount = 0
  durationMs = 0
  savedQueries = 0

  /** @param detector finds patterns in the same session */
  constructor(detector: Pick<SessionStats, 'findings'> = nothing) {
    this.#detector = detector
  }

  get findings(): readonly Finding[] {
    return this.#detector.findings
  }

  /** For the program: plain data that can be spread, printed and written as JSON. */
  get view(): SessionStats {
    return (this.#view ??= new StatsView(this))
  }

  statementSent(statement: SentStatement): StatementEnd {
    if (statement.kind !== 'control') this.queryCount += 1
    const { operation } = statement
    // Its facts may be looked up on the way.
    if (operation?.kind === 'relationship' && operation !== this.#saving) {
      this.#saving = operation
      this.savedQueries += operation.saved ?? 0
    }
    return this.#ended
  }

  loadShared(): void {
    this.savedQueries += 1
  }

  readonly #ended: StatementEnd = ({ durationMs }) => {
    this.durationMs += durationMs
  }
}

class StatsView implements SessionStats {
  declare readonly queryCount: number
  declare readonly durationMs: number
  declare readonly savedQueries: number
  declare readonly findings: readonly Finding[]
  readonly #stats: SessionStats

  // All views share these functions, and so one hidden class.
  static readonly #properties: PropertyDescriptorMap = Object.fromEntries(
    (['queryCount', 'durationMs', 'savedQueries', 'findings'] as const).map((name) => {
      const get = function (this: StatsView): unknown {
        return this.#stats[name]
      }
      return [name, { get, enumerable: true }]
    }),
  )

  constructor(stats: SessionStats) {
    this.#stats = stats
    Object.defineProperties(this, StatsView.#properties)
  }

  static {
    // Node would print `findings: [Getter]`.
    Object.defineProperty(this.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: StatsView) {
        return Object.assign({}, this)
      },
    })
  }
}
