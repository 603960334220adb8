import { isDeepStrictEqual } from 'node:util'

/** What tells the statements of a pattern apart. */
export interface Given {
  readonly text: string
  readonly values: readonly unknown[]
}

/** Counts different statements, up to as many as make a pattern. */
export class DifferentValues {
  readonly #most: number
  #kept: Given[] | undefined = []
  count = 0

  /** @param most from how many on they need no comparison any more */
  constructor(most: number) {
    this.#most = most
  }

  add(given: Given): void {
    const kept = this.#kept
    if (kept === undefined || kept.some((each) => isSame(each, given))) return
    this.count += 1
    kept.push(given)
    // It is proven: the values may go.
    if (this.count >= this.#most) this.#kept = undefined
  }
}

function isSame(one: Given, other: Given): boolean {
  const { length } = one.values
  if (one.text !== other.text || other.values.length !== length) return false
  for (let index = 0; index < length; index += 1) {
    const [first, second] = [one.values[index], other.values[index]]
    if (first !== second && !isDeepStrictEqual(first, second)) return false
  }
  return true
}
