import type { Cost } from './rounds.ts'

/**
 * What `work` costs this process, for each of its units, the collection of its garbage included. None is
 * forced in between: a full collection throws away what the engine has learned of the code, too.
 */
export async function measure(units: number, work: () => Promise<void>): Promise<Cost> {
  const cpuBefore = process.cpuUsage()
  const before = performance.now()
  await work()
  const wall = (performance.now() - before) * 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  return { cpu: (user + system) / units, wall: wall / units }
}
