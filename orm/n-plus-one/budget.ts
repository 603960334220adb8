import type { Finding } from '../observe/finding.ts'
import type { Observer, SentStatement } from '../observe/observer.ts'
import type { SessionStats } from '../observe/stats.ts'
import type { NPlusOneSettings } from './settings.ts'

/** How much a request on a route may cost. */
export interface BudgetLimits {
  readonly maxQueries?: number | undefined
  readonly maxDbMs?: number | undefined
}

// The most frequent statements come early.
const mostSummaries = 100
const mostNamed = 3

/** The budget of one request. It also watches the sessions, to say later which statements are the most frequent. */
export class Budget implements Observer {
  /** Of the database that watches it. */
  readonly settings: NPlusOneSettings
  readonly #route: string
  readonly #limits: BudgetLimits
  readonly #summaries = new Map<string, number>()

  constructor(settings: NPlusOneSettings, route: string, limits: BudgetLimits) {
    this.settings = settings
    this.#route = route
    this.#limits = limits
  }

  /** In the mode `'count'`, a budget is a comparison of two numbers. */
  get watches(): boolean {
    return this.settings.mode !== 'count'
  }

  statementSent({ kind, summary }: SentStatement): undefined {
    if (kind === 'control') return
    const count = this.#summaries.get(summary)
    if (count === undefined && this.#summaries.size >= mostSummaries) return
    this.#summaries.set(summary, (count ?? 0) + 1)
  }

  /** A finding if more was spent. */
  finding({ queryCount, durationMs, findings }: SessionStats): Finding | undefined {
    const { maxQueries = Infinity, maxDbMs = Infinity } = this.#limits
    if (queryCount <= maxQueries && durationMs <= maxDbMs) return undefined
    const finding: Finding = Object.freeze({
      kind: 'budget',
      target: this.#route,
      count: queryCount,
      avoidableQueries: Math.max(0, queryCount - maxQueries),
      confidence: 'certain',
      severity: 'warn',
      durationMs: Math.round(durationMs * 10) / 10,
      avoidableMs: Math.max(0, Math.round((durationMs - maxDbMs) * 10) / 10),
      fix: this.#fix(findings),
    })
    return this.settings.allow.allows(finding, this.#route) ? undefined : finding
  }

  #fix(findings: readonly Finding[]): string {
    const { maxQueries, maxDbMs } = this.#limits
    const [first, ...others] = findings
    if (first !== undefined) {
      const largest = others.reduce((most, each) => (each.count > most.count ? each : most), first)
      return `${largest.fix} saves most: ${largest.kind} ${largest.target}, ${largest.count} statements`
    }
    const limits = [
      ...(maxQueries === undefined ? [] : [`maxQueries: ${maxQueries}`]),
      ...(maxDbMs === undefined ? [] : [`maxDbMs: ${maxDbMs}`]),
    ].join(', ')
    const frequent = [...this.#summaries]
      .toSorted(([, one], [, other]) => other - one)
      .slice(0, mostNamed)
      .map(([summary, count]) => `${summary} ${count} times`)
    return frequent.length === 0
      ? `send fewer statements, or raise ${limits}`
      : `send fewer statements, or raise ${limits}; the most frequent ones are ${frequent.join(', ')}`
  }
}
