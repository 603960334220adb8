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

/** Says in which order the contestants of a round work. */
export type Order = <T>(list: readonly T[], round: number) => readonly T[]

/**
 * Runs the contestants one at a time, in turn. By default each round begins with the next contestant, so changes
 * on the machine affect all of them.
 */
export async function interleaved(
  contestants: readonly Contestant[],
  { milliseconds, leastRounds }: Extent,
  order: Order = rotated,
): Promise<Costs> {
  const costs = new Map<string, Cost[]>(contestants.map(({ name }) => [name, []]))
  const end = performance.now() + milliseconds
  for (let round = 0; round < leastRounds || performance.now() < end; round += 1) {
    for (const contestant of order(contestants, round)) {
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

/** The list in random order. With many contestants, each of them then follows each other one. */
export function shuffled<T>(list: readonly T[]): readonly T[] {
  return list
    .map((item) => ({ item, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

/** Joins the rounds of several runs. */
export function joined(runs: readonly Costs[]): Costs {
  const names = new Set(runs.flatMap((run) => [...run.keys()]))
  return new Map([...names].map((name) => [name, runs.flatMap((run) => run.get(name) ?? [])]))
}
