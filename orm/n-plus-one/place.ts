import type { StatementEnd } from '../observe/observer.ts'
import type { CallSite } from '../util/call-site.ts'
import { keyOf } from './values.ts'

type Values = readonly unknown[]

/** One statement: its values, and which attempt of a transaction it belongs to. */
interface Turn {
  readonly values: Values
  readonly attempt: number
}

// More values would not make a finding better.
const mostValues = 256

// More keys are only counted.
const mostKeys = 1_000

// A page that small could be anything.
const fewRows = 20

// Whoever waits that long asks whether something has changed.
const pauseMs = 250

/** The statements of one pattern that come from one loop. */
export class Place {
  /** Of a later turn, if there was one: all later turns look the same. */
  site: CallSite | undefined
  /** How many statements there were, without those that a retried transaction has sent again. */
  count = 0
  durationMs = 0
  /** How many gave many rows under a limit, and how many as many rows as the limit says. */
  largePages = 0
  fullPages = 0
  /** How often the program did nothing of this kind for long, of all times between two statements. */
  pauses = 0
  gaps = 0
  /** How many lists the program had read before. */
  readonly listsBefore: number
  readonly #least: number
  readonly #values: Values[] = []
  #turns: Turn[] | undefined = []
  #attempts: Map<string, number> | undefined
  #running = 0
  #endedAt: number | undefined

  /** @param least from how many statements on their values are compared, which is costly */
  constructor(site: CallSite | undefined, least: number, listsBefore: number) {
    this.site = site
    this.listsBefore = listsBefore
    this.#least = least
  }

  /** A statement is sent. Those that fail do not count. */
  sent(values: Values, limit: number | undefined, attempt: number): StatementEnd {
    if (this.#endedAt !== undefined) {
      this.gaps += 1
      if (this.#running === 0 && performance.now() - this.#endedAt >= pauseMs) this.pauses += 1
    }
    this.#running += 1
    return ({ durationMs, error, rows = 0 }) => {
      this.#running -= 1
      this.#endedAt = performance.now()
      if (error !== undefined) return
      this.durationMs += durationMs
      if (limit !== undefined && rows >= fewRows) this.largePages += 1
      if (rows === limit && limit > 1) this.fullPages += 1
      this.#add({ values, attempt })
    }
  }

  /** How many different values its statements had. Zero if there are fewer than `least`. */
  get distinct(): number {
    return this.#attempts?.size ?? 0
  }

  /** What tells its different values apart. */
  get keys(): readonly string[] {
    return this.#attempts === undefined
      ? (this.#turns ?? []).map(({ values }) => keyOf(values))
      : [...this.#attempts.keys()]
  }

  /** Different ones. Only those that a cap leaves room for. */
  get values(): readonly Values[] {
    return this.#turns?.map(({ values }) => values) ?? this.#values
  }

  #add(turn: Turn): void {
    const turns = this.#turns
    if (turns === undefined) return this.#compare(turn)
    turns.push(turn)
    this.count += 1
    if (turns.length < this.#least) return
    this.#turns = undefined
    this.count = 0
    turns.forEach((each) => this.#compare(each))
  }

  #compare({ values, attempt }: Turn): void {
    const attempts = (this.#attempts ??= new Map())
    if (attempts.size >= mostKeys) return void (this.count += 1)
    const key = keyOf(values)
    const before = attempts.get(key)
    attempts.set(key, attempt)
    if (before === undefined && this.#values.length < mostValues) this.#values.push(values)
    if (before === undefined || before === attempt) this.count += 1
  }
}
