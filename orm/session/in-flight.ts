import type { Identity } from '../entity/identity.ts'

/** The loads of a session that are under way: the same one is sent once. */
export class InFlight {
  readonly #loads = new Map<object, Map<Identity, Promise<unknown>>>()

  has(place: object, key: Identity): boolean {
    return this.#loads.get(place)?.has(key) === true
  }

  /** What a load will give; undefined if it is not under way. */
  get(place: object, key: Identity): Promise<unknown> | undefined {
    return this.#loads.get(place)?.get(key)
  }

  /**
   * Runs a load, which others can share from then on.
   *
   * @param place what the key belongs to: a table, or a relation that does not refer by the primary key
   * @param load calls what it is given when it has ended, either way
   */
  run<T>(place: object, key: Identity, load: (ended: () => void) => Promise<T>): Promise<T> {
    let hasEnded = false
    const started = load(() => {
      hasEnded = true
      this.#loads.get(place)?.delete(key)
    })
    if (hasEnded) return started
    let loading = this.#loads.get(place)
    if (loading === undefined) this.#loads.set(place, (loading = new Map()))
    loading.set(key, started)
    return started
  }
}
