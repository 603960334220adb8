/** Starts work that calls `next` when it is done. */
export type Work = () => void

/** Whose work takes turns. */
export interface TurnOwner {
  /** No more work waits. It may take a turn itself. */
  idle(): void
}

/** Runs work one after the other, without promises. */
export class Turns {
  readonly #owner: TurnOwner
  #isBusy = false
  #isDone = false
  #isStarting = false
  #waiting: Work[] | undefined
  #whenIdle: (() => void)[] | undefined

  constructor(owner: TurnOwner) {
    this.#owner = owner
  }

  get isIdle(): boolean {
    return !this.#isBusy
  }

  take(work: Work): void {
    if (this.#isBusy) {
      this.#waiting ??= []
      this.#waiting.push(work)
      return
    }
    this.#isBusy = true
    work()
  }

  /** The work of this turn is done. */
  next(): void {
    this.#isDone = true
    // Work that is done at once would otherwise nest, as deep as there is work.
    if (this.#isStarting) return
    this.#isStarting = true
    while (this.#isDone) this.#startNext()
    this.#isStarting = false
  }

  /** Resolves when no work runs or waits. */
  settled(): Promise<void> {
    if (!this.#isBusy) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenIdle ??= []
      this.#whenIdle.push(resolve)
    })
  }

  #startNext(): void {
    this.#isDone = false
    const next = this.#waiting?.shift()
    if (next !== undefined) return next()
    this.#isBusy = false
    this.#owner.idle()
    if (this.#isBusy || this.#whenIdle === undefined) return
    const waiting = this.#whenIdle
    this.#whenIdle = undefined
    for (const tell of waiting) tell()
  }
}
