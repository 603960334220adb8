import { expect, it } from 'vitest'
import type { Cost } from './cost.ts'
import { measuredBy } from './measuring-script.ts'

/** The most that a turn of a workload may cost: round trips, statements, promises, bytes. */
export type Bound = readonly [
  exchanges: number,
  statements: number,
  promises: number,
  bytes: number,
]

// One young generation holds a round of every workload: what is collected in the middle of it does not count.
const youngMb = 64

/** Measures workloads in a process of its own, where nobody else makes promises. */
export function measured(script: string, url: string): Promise<Readonly<Record<string, Cost>>> {
  return measuredBy(script, url, youngMb)
}

/** Makes a test of each bound. */
export function guard(
  costs: Readonly<Record<string, Cost>>,
  bounds: Readonly<Record<string, Bound>>,
): void {
  it('has a bound for each workload', () => {
    expect(Object.keys(costs)).toEqual(Object.keys(bounds))
  })

  it.each(Object.entries(bounds))('%s', (name, [exchanges, statements, promises, bytes]) => {
    const cost = costs[name] as Cost
    expect.soft(cost.exchanges, 'round trips').toBeLessThanOrEqual(exchanges)
    expect.soft(cost.statements, 'statements').toBeLessThanOrEqual(statements)
    expect.soft(cost.promises, 'promises').toBeLessThanOrEqual(promises)
    expect.soft(cost.bytes, 'bytes').toBeLessThanOrEqual(bytes)
    // Or nothing was measured. Nothing but what is held takes no statement at all.
    expect(cost.promises).toBeGreaterThan(0)
    expect(cost.bytes).toBeGreaterThan(0)
    expect(cost.exchanges > 0).toBe(exchanges > 0)
  })
}
