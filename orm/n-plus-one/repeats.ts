import type { StatementEnd } from '../observe/observer.ts'
import type { CallSite } from '../util/call-site.ts'
import type { Measured } from './finding.ts'
import { Place } from './place.ts'
import { isSameTurn } from './recursion.ts'
import { alike, isOneSite, most } from './same-loop.ts'
import type { Evidence } from './rule.ts'

// Calls from more places are hardly one pattern.
const mostPlaces = 16

const none: readonly Repeated[] = Object.freeze([])

/** Statements of one pattern that belong together. */
export interface Repeated extends Measured {
  /** Tells it from others. */
  readonly place: object
  /** How many different values they had. */
  readonly distinct: number
  /** Different ones. */
  readonly values: readonly (readonly unknown[])[]
  /** How many lists the program had read before the first of them. */
  readonly listsBefore: number
  /** Whether they come from one loop. If not, it may be chance that they look alike. */
  readonly isLoop: boolean
  /** Whether they read page after page. */
  readonly isPaging: boolean
  /** Whether the program waits between them for something to happen. */
  readonly isPolling: boolean
}

/** The statements of one pattern, by the loops that send them. */
export class Repeats {
  readonly #least: number
  readonly #evidence: Evidence
  readonly #places: Place[] = []

  /** @param least how many different values make a pattern */
  constructor(evidence: Evidence, least: number) {
    this.#evidence = evidence
    this.#least = least
  }

  /** @returns what is called at the end of the statement; undefined if there are too many places */
  sent(
    site: CallSite | undefined,
    values: readonly unknown[],
    limit: number | undefined,
    attempt: number,
  ): StatementEnd | undefined {
    return this.#placeOf(site)?.sent(values, limit, attempt)
  }

  /** What may be a pattern. */
  get all(): readonly Repeated[] {
    // Most patterns are none, and findings are asked for at the end of each session.
    if (this.#places.reduce((sum, { count }) => sum + count, 0) < this.#least) return none
    const isLoop = ({ site, distinct }: Place): boolean =>
      this.#hasSites && site !== undefined && distinct >= this.#least
    const others = this.#places.filter((place) => !isLoop(place))
    return [
      ...this.#places.filter(isLoop).map((place) => repeated([place], true)),
      ...alike(others).map((places) => repeated(places, false)),
    ].filter(({ distinct }) => distinct >= this.#least)
  }

  /** Whether it is known where the program calls: in the mode `count`, it is hardly ever. */
  get #hasSites(): boolean {
    return this.#evidence.settings.mode !== 'count'
  }

  #placeOf(site: CallSite | undefined): Place | undefined {
    const known = this.#hasSites
      ? this.#places.find((each) => isOneSite(each.site, site, isSameTurn))
      : this.#places[0]
    if (known !== undefined) {
      known.site = site ?? known.site
      return known
    }
    if (this.#places.length >= mostPlaces) return undefined
    const place = new Place(site, this.#least, this.#evidence.lists.all.length)
    this.#places.push(place)
    return place
  }
}

function repeated(places: readonly Place[], isLoop: boolean): Repeated {
  const sum = (of: (each: Place) => number): number =>
    places.reduce((total, each) => total + of(each), 0)
  const [first] = places
  const place = most(places)
  const count = sum((each) => each.count)
  const [gaps, fullPages] = [sum((each) => each.gaps), sum((each) => each.fullPages)]
  return {
    place,
    count,
    durationMs: sum((each) => each.durationMs),
    site: place.site,
    distinct:
      places.length === 1 && first !== undefined && first.distinct > 0
        ? first.distinct
        : new Set(places.flatMap(({ keys }) => keys)).size,
    values: places.flatMap(({ values }) => values),
    listsBefore: Math.min(...places.map(({ listsBefore }) => listsBefore)),
    isLoop,
    isPaging:
      sum((each) => each.largePages) * 2 >= count || (fullPages > 0 && fullPages >= count - 1),
    isPolling: gaps > 0 && sum((each) => each.pauses) * 2 >= gaps,
  }
}
