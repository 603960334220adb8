/** The cost of one round, in microseconds for each unit of work. */
export interface Cost {
  /** CPU time of all threads of the process: `process.cpuUsage()`, user and system. */
  readonly cpu: number
  readonly wall: number
}

export interface Contestant {
  readonly name: string
  /** Does the work of one round. */
  round(): Promise<Cost>
}

/** The costs of every contestant by its name, in the order of the rounds. */
export type Costs = ReadonlyMap<string, readonly Cost[]>

/** How long contestants work: at least this many milliseconds and this many rounds. */
export interface Extent {
  readonly milliseconds: number
  readonly leastRounds: number
}

/**
 * Runs the contestants one at a time, in turn. Each round begins with the next contestant, so changes on the
 * machine affect all of them.
 */
export async function interleaved(
  contestants: readonly Contestant[],
  { milliseconds, leastRounds }: Extent,
): Promise<Costs> {
  const costs = new Map<string, Cost[]>(contestants.map(({ name }) => [name, []]))
  const end = performance.now() + milliseconds
  for (let round = 0; round < leastRounds || performance.now() < end; round += 1) {
    for (const contestant of rotated(contestants, round)) {
      costs.get(contestant.name)?.push(await contestant.round())
    }
  }
  return costs
}

/** The list, starting at another place. */
function rotated<T>(list: readonly T[], by: number): readonly T[] {
  const start = list.length === 0 ? 0 : by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

/** Joins the rounds of several runs. */
export function joined(runs: readonly Costs[]): Costs {
  const names = new Set(runs.flatMap((run) => [...run.keys()]))
  return new Map([...names].map((name) => [name, runs.flatMap((run) => run.get(name) ?? [])]))
}
