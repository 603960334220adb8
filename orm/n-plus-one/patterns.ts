import type { Evidence } from './rule.ts'
import { Repeats } from './repeats.ts'

/** The statements of one pattern, and what is known of all of them. */
export interface Pattern<T> {
  readonly told: T
  readonly sql: string
  readonly repeats: Repeats
}

// More findings of one request would not help.
const mostPatterns = 256

/** The patterns of a unit, by what their statements have in common. */
export class Patterns<K, T> {
  readonly #evidence: Evidence
  readonly #least: number
  readonly #all = new Map<K, Pattern<T>>()

  /** @param least how many different values make a pattern */
  constructor(evidence: Evidence, least: number) {
    this.#evidence = evidence
    this.#least = least
  }

  get(key: K): Pattern<T> | undefined {
    return this.#all.get(key)
  }

  get all(): readonly Pattern<T>[] {
    return [...this.#all.values()]
  }

  /** @returns undefined if there are too many */
  begun(key: K, told: T, sql: string): Pattern<T> | undefined {
    if (this.#all.size >= mostPatterns) return undefined
    const pattern = { told, sql, repeats: new Repeats(this.#evidence, this.#least) }
    this.#all.set(key, pattern)
    return pattern
  }
}
