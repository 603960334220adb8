import type { Costs } from '../rounds.ts'
import type { EntrantName, RouteName, WorkloadName } from './names.ts'
import type { Distant } from './options.ts'

/** Everything that a run has measured. */
export interface Results {
  readonly entrants: readonly EntrantName[]
  readonly direct: ReadonlyMap<WorkloadName, Costs>
  readonly distant: readonly (Distant & { readonly costs: Costs })[]
  /** For each request: the elapsed time, and the CPU of the server's process. */
  readonly routes: ReadonlyMap<RouteName, Costs>
}
