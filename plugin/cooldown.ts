// The oldest are forgotten: a line too many is better than memory that grows.
const mostKept = 1000

/** Lets each text pass once in a while. */
export class Cooldown {
  readonly #ms: number
  readonly #passedAt = new Map<string, number>()

  constructor(ms: number) {
    this.#ms = ms
  }

  /** @param now in milliseconds */
  passes(text: string, now: number = performance.now()): boolean {
    const last = this.#passedAt.get(text)
    if (last !== undefined && now - last < this.#ms) return false
    this.#passedAt.delete(text)
    this.#passedAt.set(text, now)
    const [oldest] = this.#passedAt.keys()
    if (this.#passedAt.size > mostKept && oldest !== undefined) this.#passedAt.delete(oldest)
    return true
  }
}
