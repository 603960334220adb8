import { type Measure, noiseOf, ratioTo, throughputRatioTo } from './comparison.ts'
import { distantTransaction, limits, routeLimits } from './limits.ts'
import type { Results } from './results.ts'
import { routes } from './routes.ts'
import { workloads } from './workloads.ts'

/** Whether a limit is kept. `near`: it is missed by less than equal programs differ. */
export type Outcome = 'kept' | 'near' | 'missed'

export interface Verdict {
  readonly title: string
  readonly outcome: Outcome
  readonly found: number
  readonly limit: number
}

/** Judges this package by its limits. */
export function verdictsOf(results: Results): readonly Verdict[] {
  if (!results.entrants.includes('ours')) return []
  return [...directVerdicts(results), ...distantVerdicts(results), ...routeVerdicts(results)]
}

function directVerdicts({ direct }: Results): readonly Verdict[] {
  const noise = noises([...direct.values()])
  return [...direct].flatMap(([name, costs]) => {
    const { title } = workloads[name]
    const { elapsed, cpu } = limits[name]
    return [
      atMost(`${title}, elapsed`, ratioTo(costs, 'ours', 'wall').median, elapsed, noise('wall')),
      atMost(`${title}, CPU`, ratioTo(costs, 'ours', 'cpu').median, cpu, noise('cpu')),
    ]
  })
}

function distantVerdicts({ distant }: Results): readonly Verdict[] {
  const noise = noises(distant.map(({ costs }) => costs))
  const { milliseconds, elapsed } = distantTransaction
  return distant
    .filter((each) => each.workload === 'transaction' && each.milliseconds === milliseconds)
    .map(({ costs }) =>
      atMost(
        `transaction at ${milliseconds} ms each way, elapsed`,
        ratioTo(costs, 'ours', 'wall').median,
        elapsed,
        noise('wall'),
      ),
    )
}

function routeVerdicts({ routes: measured }: Results): readonly Verdict[] {
  const noise = noises([...measured.values()])
  return [...measured].flatMap(([name, costs]) => {
    const { title } = routes[name]
    const { throughput, cpu } = routeLimits[name]
    const found = throughputRatioTo(costs, 'ours').median
    return [
      atLeast(`${title}, requests per second`, found, throughput, noise('wall')),
      atMost(
        `${title}, CPU of the server`,
        ratioTo(costs, 'ours', 'cpu').median,
        cpu,
        noise('cpu'),
      ),
    ]
  })
}

function noises(runs: Parameters<typeof noiseOf>[0]): (measure: Measure) => number {
  return (measure) => noiseOf(runs, measure)
}

function atMost(title: string, found: number, limit: number, noise: number): Verdict {
  const outcome = found <= limit ? 'kept' : found <= limit * (1 + noise) ? 'near' : 'missed'
  return { title, outcome, found, limit }
}

function atLeast(title: string, found: number, limit: number, noise: number): Verdict {
  const outcome = found >= limit ? 'kept' : found >= limit / (1 + noise) ? 'near' : 'missed'
  return { title, outcome, found, limit }
}
