/** Something that knows its place in a {@link Bag}. */
export interface InBag {
  /** Belongs to the bag. */
  place: number
}

/**
 * Things that come and go all the time, in no order. A Set links each table that it has outgrown to the next
 * one: once one of them is in the old space, all that was in the later ones lives until a major collection.
 */
export class Bag<T extends InBag> {
  readonly #things: T[] = []

  get all(): readonly T[] {
    return this.#things
  }

  /** @param thing in no bag yet */
  add(thing: T): void {
    thing.place = this.#things.push(thing) - 1
  }

  /** Does nothing if it is not there any more. */
  remove(thing: T): void {
    const things = this.#things
    if (things[thing.place] !== thing) return
    const last = things.pop() as T
    if (last === thing) return
    things[thing.place] = last
    last.place = thing.place
  }
}
