import { expect, it } from 'vitest'

/**
 * The most that a turn may leave in the old space, in bytes: a few get old because they are under way when the young
 * generation is collected. A turn that keeps the next one alive leaves hundreds to thousands.
 */
const mostOld = 150

/** Makes a test of each workload. */
export function guardOld(bytes: Readonly<Record<string, number>>, workloads: number): void {
  it.each(Object.keys(bytes))('%s', (name) => {
    expect(bytes[name]).toBeLessThan(mostOld)
  })

  it('is measured', () => {
    expect(Object.keys(bytes)).toHaveLength(workloads)
  })
}
