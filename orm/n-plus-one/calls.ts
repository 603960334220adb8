import type { StatementEnd } from '../observe/observer.ts'
import type { CallSite } from '../util/call-site.ts'
import { isSameLoop } from './same-loop.ts'

// Calls from more places are hardly one pattern.
const mostPlaces = 16

/** The calls from one loop. */
interface Place {
  /** Of a later turn, if there was one: all later turns look the same. */
  site: CallSite
  /** How many calls had a stack. */
  count: number
  /** How many calls come from there, with those behind them that had none. */
  weight: number
}

/** The statements of one pattern: how many, for how long, and from where. */
export class Calls {
  count = 0
  durationMs = 0
  #places: Place[] | undefined
  #last: Place | undefined

  /** @returns what is called at the end of the statement */
  add(site: CallSite | undefined): StatementEnd {
    this.count += 1
    if (site !== undefined) this.#at(site)
    else if (this.#last !== undefined) this.#last.weight += 1
    return this.#ended
  }

  /** Whether two of them come from one loop. */
  get haveLoop(): boolean {
    return this.#places?.some(({ count }) => count > 1) === true
  }

  /** Where most of them come from. */
  get site(): CallSite | undefined {
    return this.#places?.reduce((most, place) => (place.weight > most.weight ? place : most)).site
  }

  /** Where one of them comes from, which may not be sent. */
  note(site: CallSite): void {
    this.#places ??= [{ site, count: 0, weight: 0 }]
  }

  #at(site: CallSite): void {
    const places = (this.#places ??= [])
    let place = places.find((each) => isSameLoop(each.site, site))
    if (place === undefined) {
      if (places.length >= mostPlaces) return
      places.push((place = { site, count: 0, weight: 0 }))
    }
    place.site = site
    place.count += 1
    place.weight += 1
    this.#last = place
  }

  // One function for all: the calls of a pattern end in any order.
  readonly #ended: StatementEnd = ({ durationMs }) => {
    this.durationMs += durationMs
  }
}
