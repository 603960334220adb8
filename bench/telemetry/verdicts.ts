import type { Costs } from '../rounds.ts'
import { median, quantile, ratios } from '../statistics.ts'
import { type LoopKind, loops } from './loops.ts'
import {
  byHand,
  counting,
  driver,
  off,
  queries,
  queriesPerSession,
  unsampled,
  type Variant,
  without,
  withoutAgain,
} from './variants.ts'

/** A promise, and whether it is kept. */
export interface Verdict {
  readonly isKept: boolean
  readonly promise: string
  readonly found: string
}

/** The limit for a request that is not sampled: this many times the CPU of `off`. */
const mostUnsampled = 1.05
/** The limit for queries with spans: this many times the CPU of those with the same spans by hand. */
const mostByHand = 1.15
/** The limit for the detector of N+1 queries that counts: this many times the CPU of `off`. */
const mostCounting = 1.01
/** The limit for the span of a query in microseconds of CPU, if the span of instrumentation-pg costs at most `referenceDriver`. */
const mostSampled = 4
const referenceDriver = 4.8

/** CPU times of a variant, in the order of the rounds. */
export function cpuOf(costs: Costs, { name }: Pick<Variant, 'name'>): readonly number[] {
  return (costs.get(name) ?? []).map(({ cpu }) => cpu)
}

/** The median of the ratios of two variants, round by round. */
export function ratioOf(costs: Costs, variant: Variant, baseline: Variant): number {
  return median(ratios(cpuOf(costs, variant), cpuOf(costs, baseline)))
}

/** The middle half of the ratios of two equal builds, with each of them as the baseline. */
function spreadOf(costs: Costs): { readonly from: number; readonly to: number } {
  const [one, other] = [cpuOf(costs, without), cpuOf(costs, withoutAgain)]
  const both = [...ratios(one, other), ...ratios(other, one)]
  return { from: quantile(both, 0.25), to: quantile(both, 0.75) }
}

/** The factor by which equal figures may differ. It is 1, unless the machine is so busy that equal builds differ. */
function toleranceOf(costs: Costs): number {
  const { to } = spreadOf(costs)
  return to <= mostUnsampled ? 1 : to
}

/** Warns about the verdicts if even equal builds differ by more than the limits allow. */
export function noiseOf(costs: Costs): readonly string[] {
  const { from, to } = spreadOf(costs)
  return toleranceOf(costs) === 1
    ? []
    : [
        `The machine is busy: equal builds differ by ${percent(from)} to ${percent(to)}. Measure again when it is idle.`,
      ]
}

/** Microseconds of CPU, by the best rounds and by the medians. */
export interface Added {
  readonly least: number
  readonly median: number
}

/** What a variant adds to `off` for each of its spans. */
export function spanCost(costs: Costs, variant: Variant): Added {
  const spansPerQuery = variant.spansPerSession / queriesPerSession
  const more = added(cpuOf(costs, variant), cpuOf(costs, off))
  return { least: more.least / spansPerQuery, median: more.median / spansPerQuery }
}

/** What a span adds to its loop. */
export function loopSpanCost(costs: Costs, kind: LoopKind): Added {
  return added(cpuOf(costs, { name: kind }), cpuOf(costs, { name: loops[kind].baseline }))
}

function added(cpu: readonly number[], base: readonly number[]): Added {
  return {
    least: Math.min(...cpu) - Math.min(...base),
    median: median(cpu) - median(base),
  }
}

/**
 * @param path the costs of queries, through the whole library
 * @param loop the costs of spans on their own
 */
export function verdicts(path: Costs, loop: Costs): readonly Verdict[] {
  const spread = spreadOf(path)
  const offRatio = ratioOf(path, off, without)
  const unsampledRatio = ratioOf(path, unsampled, off)
  const byHandRatio = ratioOf(path, queries, byHand)
  const countingRatio = ratioOf(path, counting, off)
  const allowed = allowanceOf(path)
  return [
    {
      isKept: offRatio <= spread.to,
      promise: 'off costs the same as a build without telemetry, within the spread of A/A',
      found: `${percent(offRatio)}; A/A ${percent(spread.from)} to ${percent(spread.to)}`,
    },
    {
      isKept: unsampledRatio <= Math.max(mostUnsampled, toleranceOf(path)),
      promise: `a request that is not sampled costs at most ${percent(mostUnsampled)} of off`,
      found: `${percent(unsampledRatio)}${allowed}`,
    },
    spanVerdict(path, loop),
    withinVerdict(path),
    {
      isKept: byHandRatio <= mostByHand * toleranceOf(path),
      promise: `a query with its span costs at most ${mostByHand} times as much as one with the same span by hand`,
      found: `${byHandRatio.toFixed(2)}${allowed}`,
    },
    {
      isKept: countingRatio <= Math.max(mostCounting, spread.to),
      promise: `nPlusOne: 'count' costs at most ${percent(mostCounting)} of off, or the spread of A/A`,
      found: `${percent(countingRatio)}; A/A ${percent(spread.from)} to ${percent(spread.to)}`,
    },
  ]
}

/**
 * Judges the span on its own. The limit goes with a measured cost of instrumentation-pg on its own. Microseconds
 * depend on the machine. On a slower machine, the limit is the same share of the span of instrumentation-pg in
 * the same run.
 */
function spanVerdict(path: Costs, loop: Costs): Verdict {
  const own = loopSpanCost(loop, 'library')
  const reference = loopSpanCost(loop, 'driver').least
  const allowed = allowanceOf(path)
  if (reference <= referenceDriver) {
    return {
      isKept: own.least <= mostSampled * toleranceOf(path),
      promise: `the span of a query on its own costs at most ${mostSampled} µs of CPU`,
      found: `${microseconds(own)}${allowed}`,
    }
  }
  const share = loopShare(loop)
  const mostShare = mostSampled / referenceDriver
  return {
    isKept: share <= mostShare * toleranceOf(path),
    promise:
      `the span of a query on its own costs at most ${mostShare.toFixed(2)} of that of instrumentation-pg ` +
      `(${mostSampled} of ${referenceDriver} µs; instrumentation-pg costs ${reference.toFixed(2)} on this machine, ` +
      `so the limit in µs does not apply)`,
    found: `${share.toFixed(2)}, ${microseconds(own)}${allowed}`,
  }
}

/** Includes everything that a session does for its observers, unlike the loop. Both are small differences of large figures. */
function withinVerdict(path: Costs): Verdict {
  const own = spanCost(path, queries)
  const reference = spanCost(path, driver)
  return {
    isKept: own.least <= reference.least * spreadOf(path).to,
    promise: 'the span of a query within the query costs no more than that of instrumentation-pg',
    found: `${microseconds(own)}; ${microseconds(reference)}`,
  }
}

/** Names the difference that a verdict allowed beyond its limit, because equal builds differ by as much. */
function allowanceOf(path: Costs): string {
  const tolerance = toleranceOf(path)
  return tolerance === 1 ? '' : `; ${percent(tolerance)} allowed, because equal builds differ`
}

/** The library's span as a share of that of instrumentation-pg: the median of the rounds, without the empty loop. */
function loopShare(costs: Costs): number {
  const more = (kind: LoopKind): readonly number[] => {
    const base = cpuOf(costs, { name: loops[kind].baseline })
    return cpuOf(costs, { name: kind }).map((cpu, round) => cpu - (base[round] as number))
  }
  return median(ratios(more('library'), more('driver')))
}

function microseconds({ least, median: middle }: Added): string {
  return `${least.toFixed(2)} µs in the best rounds, ${middle.toFixed(2)} in the median`
}

function percent(ratio: number): string {
  const more = (ratio - 1) * 100
  return `${more < 0 ? '-' : '+'}${Math.abs(more).toFixed(1)} %`
}
