/** Holds what is on its way, in order, each for the same time. The times are milliseconds of any clock. */
export class DelayLine<T> {
  readonly #delay: () => number
  readonly #waiting: { readonly item: T; readonly due: number }[] = []

  constructor(delay: () => number) {
    this.#delay = delay
  }

  /** When the next item arrives. Undefined if none is on its way. */
  get next(): number | undefined {
    return this.#waiting[0]?.due
  }

  send(item: T, now: number): void {
    // Even if the delay becomes shorter, nothing overtakes.
    const last = this.#waiting.at(-1)?.due ?? now
    this.#waiting.push({ item, due: Math.max(last, now + this.#delay()) })
  }

  /** Takes out what has arrived. */
  arrived(now: number): readonly T[] {
    const later = this.#waiting.findIndex(({ due }) => due > now)
    const count = later === -1 ? this.#waiting.length : later
    return this.#waiting.splice(0, count).map(({ item }) => item)
  }
}
