import type { Finding } from '../observe/finding.ts'
import { mostFindings } from './finding.ts'
import { type Repeated, Repeats } from './repeats.ts'
import type { Evidence } from './rule.ts'

/** The statements of one pattern, and what is known of all of them. */
export interface Pattern<T> {
  readonly told: T
  readonly sql: string
  readonly repeats: Repeats
}

/** Judges statements of a pattern that belong together. */
type Find<T> = (repeated: Repeated, pattern: Pattern<T>) => Finding | undefined

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

  /** The findings of all patterns, or of some. */
  found(find: Find<T>, patterns: Iterable<Pattern<T>> = this.#all.values()): readonly Finding[] {
    return Array.from(patterns).flatMap((pattern) =>
      pattern.repeats.all.flatMap((repeated) => find(repeated, pattern) ?? []),
    )
  }

  /** Whether there is a finding of the pattern with this key. */
  tells(key: K, find: Find<T>): boolean {
    const pattern = this.#all.get(key)
    return pattern !== undefined && this.found(find, [pattern]).length > 0
  }

  /** The statements with a key; undefined if there are too many patterns. */
  of(key: K, sql: string, told: () => T): Repeats | undefined {
    const known = this.#all.get(key)
    if (known !== undefined) return known.repeats
    if (this.#all.size >= mostFindings) return undefined
    const repeats = new Repeats(this.#evidence, this.#least)
    this.#all.set(key, { told: told(), sql, repeats })
    return repeats
  }
}
