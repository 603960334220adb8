import type { Cost } from './rounds.ts'

/**
 * Returns the cost of each unit of `work` for this process, including garbage collection. It does not force a
 * collection: a full one would also discard what the engine has learned about the code.
 */
export async function measure(units: number, work: () => Promise<void>): Promise<Cost> {
  const cpuBefore = process.cpuUsage()
  const before = performance.now()
  await work()
  const wall = (performance.now() - before) * 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  return { cpu: (user + system) / units, wall: wall / units }
}
