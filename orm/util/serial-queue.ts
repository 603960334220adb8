import { attempt } from './attempt.ts'

/** Runs work one after the other, in the order of the calls. */
export class SerialQueue {
  #isBusy = false
  // Made by the first that has to wait.
  #waiting: (() => void)[] | undefined

  /** Whether no work runs or waits. */
  get isIdle(): boolean {
    return !this.#isBusy
  }

  /** Runs work at once if nothing else runs. */
  take<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#isBusy) return this.#run(work)
    const turn = new Promise<void>((resolve) => (this.#waiting ??= []).push(resolve))
    return turn.then(() => this.#run(work))
  }

  #run<T>(work: () => Promise<T>): Promise<T> {
    this.#isBusy = true
    return attempt(work).then(
      (result) => {
        this.#next()
        return result
      },
      (error: unknown) => {
        this.#next()
        throw error
      },
    )
  }

  /** Stays busy if somebody waits: nobody comes in between. */
  #next(): void {
    const next = this.#waiting?.shift()
    if (next === undefined) this.#isBusy = false
    else next()
  }
}
