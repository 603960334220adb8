import type { Cost } from './rounds.ts'

/** What `work` costs this process, for each of its units. The heap is tidied up before. */
export async function measure(units: number, work: () => Promise<void>): Promise<Cost> {
  if (globalThis.gc === undefined) throw new Error('measure() expected --expose-gc; it is not set')
  globalThis.gc()
  const cpuBefore = process.cpuUsage()
  const before = performance.now()
  await work()
  const wall = (performance.now() - before) * 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  return { cpu: (user + system) / units, wall: wall / units }
}
