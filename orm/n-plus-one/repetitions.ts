import type { Finding, FindingConfidence } from '../observe/finding.ts'
import type { StatementEnd } from '../observe/observer.ts'
import type { CallSite } from '../util/call-site.ts'
import { DifferentValues, type Given } from './different-values.ts'
import { made, type Measured, mostFindings } from './finding.ts'
import { alike, isOneSite, isSameEnds, isSameLoop, most } from './same-loop.ts'
import type { NPlusOneSettings } from './settings.ts'

// Calls from more places are hardly one pattern.
const mostPlaces = 16

/** What a finding says of it. */
export type Told = Pick<Finding, 'target' | 'sql' | 'fix'> & Partial<Finding>

/** What is done in one loop. */
export class Loop implements Measured {
  /** Of a later turn, if there was one: all later turns look the same. */
  site: CallSite | undefined
  readonly told: Told
  readonly #values: DifferentValues | undefined
  count = 0
  durationMs = 0

  constructor(told: Told, site: CallSite | undefined, values: DifferentValues | undefined) {
    this.told = told
    this.site = site
    this.#values = values
  }

  /** @param given what tells turns apart */
  turn(given?: Given): void {
    this.count += 1
    if (given !== undefined) this.#values?.add(given)
  }

  took(durationMs: number): void {
    this.durationMs += durationMs
  }

  // One function for all: the turns of a loop end in any order.
  readonly ended: StatementEnd = ({ durationMs }) => this.took(durationMs)

  /** How many turns differ. */
  get distinct(): number {
    return this.#values?.count ?? this.count
  }
}

/** What is done again and again, and where. */
export interface Repetition extends Measured {
  readonly told: Told
  readonly confidence: FindingConfidence
}

/** What is done again and again in a transaction, or in a unit. */
export class Repetitions {
  readonly #least: number
  readonly #hasSites: boolean
  readonly #hasValues: boolean
  readonly #all = new Map<string, Loop[]>()

  /** @param hasValues whether only turns with different values count */
  constructor({ mode, thresholds }: NPlusOneSettings, hasValues = false) {
    this.#least = thresholds.write
    this.#hasSites = mode !== 'count'
    this.#hasValues = hasValues
  }

  /**
   * The loop that a turn belongs to. Undefined if there are too many.
   *
   * @param key what all turns have in common
   * @param site where the program calls
   */
  at(key: string, site: CallSite | undefined, told: () => Told): Loop | undefined {
    let places = this.#all.get(key)
    if (places === undefined) {
      if (this.#all.size >= mostFindings) return undefined
      this.#all.set(key, (places = []))
    }
    const known = places.find((each) => this.#isOne(each.site, site))
    if (known !== undefined) {
      known.site = site ?? known.site
      return known
    }
    if (places.length >= mostPlaces) return undefined
    const values = this.#hasValues ? new DifferentValues(2 * this.#least) : undefined
    const loop = new Loop(told(), site, values)
    places.push(loop)
    return loop
  }

  /** What is a pattern. */
  get patterns(): readonly Repetition[] {
    return [...this.#all.values()].flatMap((places) => this.#patternsOf(places))
  }

  #patternsOf(places: readonly Loop[]): readonly Repetition[] {
    const isLoop = ({ site, distinct }: Loop): boolean =>
      distinct >= this.#least && (site !== undefined || !this.#hasSites)
    const rest = new Set(places.filter((each) => !isLoop(each)))
    const loops = places.filter(isLoop).map((loop) => {
      const turns = [...rest].filter((each) => isRecursion(each.site, loop.site))
      for (const each of turns) rest.delete(each)
      return repetitionOf([loop, ...turns], 'likely')
    })
    // The same line, whoever has called it: a chain of promises does not know what it is in.
    const others = alike([...rest])
      .filter((same) => sumOf(same, 'distinct') >= 2 * this.#least)
      .map((same) => repetitionOf(same, 'possible'))
    return [...loops, ...others]
  }

  #isOne(one: CallSite | undefined, other: CallSite | undefined): boolean {
    return !this.#hasSites || isOneSite(one, other, isSameLoop)
  }
}

/** Those of several transactions, each loop once. */
export function merged(all: readonly Repetition[]): readonly Repetition[] {
  const found: Repetition[] = []
  for (const each of all) {
    const index = found.findIndex((known) => isSame(known, each))
    const known = found[index]
    if (known === undefined) found.push(each)
    else
      found[index] = {
        ...known,
        count: known.count + each.count,
        durationMs: known.durationMs + each.durationMs,
      }
  }
  return found
}

function isSame(one: Repetition, other: Repetition): boolean {
  if (one.confidence !== other.confidence || one.told.target !== other.told.target) return false
  return isOneSite(one.site, other.site, isSameLoop)
}

/** Deep in a recursion, there are other functions on the way than in its first turns. */
function isRecursion(one: CallSite | undefined, other: CallSite | undefined): boolean {
  return one !== undefined && other !== undefined && isSameEnds(one, other)
}

function repetitionOf(places: readonly Loop[], confidence: FindingConfidence): Repetition {
  const { told, site } = most(places)
  return {
    told,
    site,
    count: sumOf(places, 'count'),
    durationMs: sumOf(places, 'durationMs'),
    confidence,
  }
}

function sumOf(places: readonly Loop[], what: 'count' | 'distinct' | 'durationMs'): number {
  return places.reduce((sum, place) => sum + place[what], 0)
}

/** The finding of a pattern. */
export function writeFinding(repetition: Repetition): Finding {
  const { told, confidence } = repetition
  return made(repetition, { kind: 'n1.write', confidence, ...told })
}
