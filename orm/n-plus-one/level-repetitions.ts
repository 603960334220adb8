import { merged, type Repetition, Repetitions } from './repetitions.ts'
import type { NPlusOneSettings } from './settings.ts'
import type { TransactionLevel } from './transaction-level.ts'
import { mostFindings } from './finding.ts'

/** What is done again and again within one transaction, or one savepoint: in each of many it is no pattern. */
export class LevelRepetitions {
  readonly #settings: NPlusOneSettings
  readonly #hasValues: boolean
  readonly #live = new Map<TransactionLevel, Repetitions>()
  #found: readonly Repetition[] = []

  /** @param hasValues whether only turns with different values count */
  constructor(settings: NPlusOneSettings, hasValues = false) {
    this.#settings = settings
    this.#hasValues = hasValues
  }

  in(level: TransactionLevel): Repetitions {
    const known = this.#live.get(level)
    if (known !== undefined) return known
    const repetitions = new Repetitions(this.#settings, this.#hasValues)
    this.#live.set(level, repetitions)
    level.whenEnded((isKept) => {
      this.#live.delete(level)
      if (!isKept) return
      const { patterns } = repetitions
      if (patterns.length > 0)
        this.#found = merged([...this.#found, ...patterns]).slice(0, mostFindings)
    })
    return repetitions
  }

  /** What is a pattern. */
  get patterns(): readonly Repetition[] {
    const live = [...this.#live.values()].flatMap(({ patterns }) => patterns)
    return live.length === 0 ? this.#found : merged([...this.#found, ...live])
  }
}
