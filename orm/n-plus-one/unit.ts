import type { Finding } from '../observe/finding.ts'
import type { SessionStats } from '../observe/stats.ts'
import { Detector } from './detector.ts'
import type { NPlusOneSettings } from './settings.ts'

type Cost = Pick<SessionStats, 'queryCount' | 'durationMs'>

// More findings of one unit would not help.
const mostFindings = 256

/** The work of one request or one job: what its sessions do together, on whatever database. */
export class Unit {
  /** The name that `database.scope()` was given. */
  readonly name: string | undefined
  readonly #whole: Unit | undefined
  readonly #live = new Set<Cost>()
  readonly #detectors: Detector[] = []
  /** The jobs in it that have a name. */
  readonly #parts = new Set<Unit>()
  // What has ended is not kept: a job may open a session for each of a million rows.
  #ended: Cost = { queryCount: 0, durationMs: 0 }
  #findings: readonly Finding[] = []
  #isUsed = false

  /** @param whole the request or the job in which it runs */
  constructor(name?: string, whole?: Unit) {
    this.name = name
    this.#whole = whole
    if (whole !== undefined) whole.#parts.add(this)
  }

  /** A session has begun. */
  add(cost: Cost): void {
    this.#isUsed = true
    this.#live.add(cost)
  }

  /** A session has ended. */
  remove(cost: Cost): void {
    if (this.#live.delete(cost)) this.#ended = sumOf([this.#ended, cost])
  }

  /** The job is over: what it did stays known to the whole. */
  end(): void {
    const whole = this.#whole
    if (whole === undefined || !whole.#parts.delete(this)) return
    const { findings, ...cost } = this.stats
    whole.#isUsed ||= this.#isUsed
    whole.#ended = sumOf([whole.#ended, cost])
    whole.#findings = [...whole.#findings, ...findings].slice(0, mostFindings)
  }

  /** What finds patterns; undefined if nothing has to. */
  detector(settings: NPlusOneSettings): Detector | undefined {
    if (settings.mode === 'off') return undefined
    const known = this.#detectors.find((each) => each.settings === settings)
    if (known !== undefined) return known
    const detector = new Detector(settings, this.name)
    this.#detectors.push(detector)
    return detector
  }

  /** Whether a session has begun in it. */
  get isUsed(): boolean {
    return this.#isUsed || [...this.#parts].some((part) => part.isUsed)
  }

  /** What it has cost so far. */
  get stats(): SessionStats {
    const parts = [...this.#parts].map((part) => part.stats)
    return {
      ...sumOf([this.#ended, ...this.#live, ...parts]),
      findings: [
        ...this.#findings,
        ...this.#detectors.flatMap(({ findings }) => findings),
        ...parts.flatMap(({ findings }) => findings),
      ],
    }
  }
}

function sumOf(costs: readonly Cost[]): Cost {
  return {
    queryCount: costs.reduce((sum, { queryCount }) => sum + queryCount, 0),
    durationMs: costs.reduce((sum, { durationMs }) => sum + durationMs, 0),
  }
}
