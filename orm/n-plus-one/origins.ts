import type { ValueOrigin } from './containment.ts'
import type { Repeated } from './repeats.ts'

/** Where the values of patterns came from. They are remembered, since lists are let go when their sessions end. */
export class Origins {
  #known: WeakMap<object, ValueOrigin> | undefined

  /** @param found what the lists say now */
  of({ place }: Repeated, found: ValueOrigin | undefined): ValueOrigin | undefined {
    if (found === undefined) return this.#known?.get(place)
    this.#known ??= new WeakMap()
    this.#known.set(place, found)
    return found
  }
}
