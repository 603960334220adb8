/** Runs work one after the other, in the order of the calls. */
export class SerialQueue {
  readonly #onIdle: () => void
  #tail: Promise<void> | undefined

  /** @param onIdle called when no more work waits */
  constructor(onIdle: () => void = () => {}) {
    this.#onIdle = onIdle
  }

  /** Whether no work runs or waits. */
  get isIdle(): boolean {
    return this.#tail === undefined
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#tail
    let finish!: () => void
    const mine = new Promise<void>((resolve) => (finish = resolve))
    this.#tail = mine
    try {
      if (before !== undefined) await before
      return await work()
    } finally {
      if (this.#tail === mine) {
        this.#tail = undefined
        this.#onIdle()
      }
      finish()
    }
  }

  /** Resolves when no work runs or waits. */
  async settled(): Promise<void> {
    while (this.#tail !== undefined) await this.#tail
  }
}
