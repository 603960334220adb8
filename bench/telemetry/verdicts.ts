import type { Costs } from '../rounds.ts'
import { median, quantile, ratios } from '../statistics.ts'
import { off, queries, queriesPerSession, unsampled, type Variant } from './variants.ts'
import { without, withoutAgain } from './variants.ts'

/** One of the promises, and whether it is kept. */
export interface Verdict {
  readonly isKept: boolean
  readonly promise: string
  readonly found: string
}

/** How many times the CPU of `off` a request may cost that is not sampled. */
const mostUnsampled = 1.05
/** Microseconds of CPU for the span of a query. */
const mostSampled = 4

/** CPU times of a variant, in the order of the rounds. */
export function cpuOf(costs: Costs, { name }: Variant): readonly number[] {
  return (costs.get(name) ?? []).map(({ cpu }) => cpu)
}

/** The middle of the ratios of two variants, round by round. */
export function ratioOf(costs: Costs, variant: Variant, baseline: Variant): number {
  return median(ratios(cpuOf(costs, variant), cpuOf(costs, baseline)))
}

/** The middle half of the ratios of two that are the same, whichever of them is the baseline. */
export function spreadOf(costs: Costs): { readonly from: number; readonly to: number } {
  const [one, other] = [cpuOf(costs, without), cpuOf(costs, withoutAgain)]
  const both = [...ratios(one, other), ...ratios(other, one)]
  return { from: quantile(both, 0.25), to: quantile(both, 0.75) }
}

/** Microseconds of CPU that a variant adds to `off` for each of its spans: the best rounds of both, and the medians. */
export function spanCost(
  costs: Costs,
  variant: Variant,
): { readonly least: number; readonly median: number } {
  const [cpu, base] = [cpuOf(costs, variant), cpuOf(costs, off)]
  const spansPerQuery = variant.spansPerSession / queriesPerSession
  return {
    least: (Math.min(...cpu) - Math.min(...base)) / spansPerQuery,
    median: (median(cpu) - median(base)) / spansPerQuery,
  }
}

export function verdicts(costs: Costs): readonly Verdict[] {
  const spread = spreadOf(costs)
  const offRatio = ratioOf(costs, off, without)
  const unsampledRatio = ratioOf(costs, unsampled, off)
  const sampled = spanCost(costs, queries)
  return [
    {
      isKept: offRatio <= spread.to,
      promise: 'off costs what a build without telemetry costs, within the spread of A/A',
      found: `${percent(offRatio)}; A/A ${percent(spread.from)} to ${percent(spread.to)}`,
    },
    {
      isKept: unsampledRatio <= mostUnsampled,
      promise: `a request that is not sampled costs at most ${percent(mostUnsampled)} of off`,
      found: percent(unsampledRatio),
    },
    {
      isKept: sampled.least <= mostSampled,
      promise: `the span of a query costs at most ${mostSampled} µs of CPU`,
      found: `${sampled.least.toFixed(2)} µs in the best rounds, ${sampled.median.toFixed(2)} µs in the median`,
    },
  ]
}

function percent(ratio: number): string {
  const more = (ratio - 1) * 100
  return `${more < 0 ? '-' : '+'}${Math.abs(more).toFixed(1)} %`
}
