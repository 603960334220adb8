import type { RouteName, WorkloadName } from './names.ts'

/** The most that this package may cost, as ratios to unnamed `pg` in the same run. */
export interface Limit {
  readonly elapsed: number
  readonly cpu: number
}

export const limits: Readonly<Record<WorkloadName, Limit>> = {
  key: { elapsed: 0.7, cpu: 0.85 },
  key16: { elapsed: 0.6, cpu: 0.78 },
  list100: { elapsed: 0.78, cpu: 0.75 },
  list1000: { elapsed: 0.8, cpu: 0.75 },
  nested: { elapsed: 0.85, cpu: 0.8 },
  insert1000: { elapsed: 0.65, cpu: 0.5 },
  change500: { elapsed: 0.7, cpu: 0.6 },
  transaction: { elapsed: 0.55, cpu: 0.6 },
  lazy50: { elapsed: 0.7, cpu: 0.8 },
  eager50: { elapsed: 0.8, cpu: 0.82 },
}

/** A transaction behind 0.5 ms of latency each way. The CPU does not matter there. */
export const distantTransaction = { milliseconds: 0.5, elapsed: 0.45 } as const

/** The least requests per second and the most CPU per request, as ratios too. */
export const routeLimits: Readonly<
  Record<RouteName, { readonly throughput: number; readonly cpu: number }>
> = {
  'http-get': { throughput: 1.5, cpu: 0.78 },
  'http-list': { throughput: 1.4, cpu: 0.75 },
  'http-post': { throughput: 1.6, cpu: 0.75 },
}
