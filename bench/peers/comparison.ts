import type { Cost, Costs } from '../rounds.ts'
import { median, quantile, ratios } from '../statistics.ts'
import { again, base, type EntrantName } from './names.ts'

export type Measure = keyof Cost

/** A ratio to the base, paired by rounds. Half of the rounds lie between `low` and `high`. */
export interface Ratio {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** What an entrant costs, as a ratio to the base. */
export function ratioTo(costs: Costs, entrant: EntrantName, measure: Measure): Ratio {
  return ratioOf(values(costs, entrant, measure), values(costs, base, measure))
}

/** What an entrant achieves in the same time, as a ratio to the base. */
export function throughputRatioTo(costs: Costs, entrant: EntrantName): Ratio {
  return ratioOf(values(costs, base, 'wall'), values(costs, entrant, 'wall'))
}

export function medianOf(costs: Costs, entrant: EntrantName, measure: Measure): number {
  return median(values(costs, entrant, measure))
}

/** How much equal programs differ in these runs: the largest distance of the base to itself. */
export function noiseOf(runs: readonly Costs[], measure: Measure): number {
  return Math.max(0, ...runs.map((costs) => Math.abs(ratioTo(costs, again, measure).median - 1)))
}

function ratioOf(one: readonly number[], other: readonly number[]): Ratio {
  const all = ratios(one, other)
  return { median: median(all), low: quantile(all, 0.25), high: quantile(all, 0.75) }
}

function values(costs: Costs, entrant: EntrantName, measure: Measure): readonly number[] {
  const rounds = costs.get(entrant)
  if (rounds === undefined) throw new Error(`Expected rounds of ${entrant}, got none`)
  return rounds.map((cost) => cost[measure])
}
