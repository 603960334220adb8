/** What one round cost, in microseconds for each unit of work. */
export interface Cost {
  /** On all threads of the process: `process.cpuUsage()`, user and system. */
  readonly cpu: number
  readonly wall: number
}

export interface Contestant {
  readonly name: string
  /** Does the work of one round. */
  round(): Promise<Cost>
}

/** The costs of every contestant, by its name, in the order of the rounds. */
export type Costs = ReadonlyMap<string, readonly Cost[]>

/** How long contestants work: for so many milliseconds, and for so many rounds at least. */
export interface Extent {
  readonly milliseconds: number
  readonly leastRounds: number
}

/**
 * Lets the contestants work in turn, one at a time, and each round begin with the next of them: what
 * changes on the machine meanwhile meets all.
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

/** The list, begun at another place. */
function rotated<T>(list: readonly T[], by: number): readonly T[] {
  const start = list.length === 0 ? 0 : by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

/** The rounds of several runs as those of one. */
export function joined(runs: readonly Costs[]): Costs {
  const names = new Set(runs.flatMap((run) => [...run.keys()]))
  return new Map([...names].map((name) => [name, runs.flatMap((run) => run.get(name) ?? [])]))
}
