import { describe, expect, it } from 'vitest'
import { attempt, everyPosition } from './attempt.ts'
import { anyUnexpected, asides, duplicate, type FaultAt, garbage, unexpected } from './faults.ts'
import { jobs, list, write } from './jobs.ts'
import { faultDatabase, openDatabases } from './stage.ts'

const stages = await openDatabases(16, await faultDatabase())
const [stage] = stages

describe('what may come at any time harms nothing: notices, notifications, settings', () => {
  it.each(Object.entries(jobs))('%s', async (_job, job) => {
    const fault = asides(1)
    expect(await attempt(stage!, job, { fault, mayLose: false, isHarmless: true })).toMatchObject({
      hasFired: true,
      wrong: [],
    })
  })
})

describe('answers that come in pieces of', () => {
  it.each([1, 2, 3, 5, 7, 11])('%i bytes are the same', async (size) => {
    stage!.proxy.pieceSize = size
    const wrong: string[] = []
    for (const job of Object.values(jobs)) {
      const fault = asides(1)
      const expected = { fault, mayLose: false, isHarmless: true }
      wrong.push(...(await attempt(stage!, job, expected)).wrong)
    }
    stage!.proxy.pieceSize = undefined
    expect(wrong).toEqual([])
  })
})

/** Ends what waits for the rest of a message that never comes. */
const timeouts = { statement: 500 }

const faults: readonly (readonly [string, FaultAt])[] = [
  ['a message that comes twice', duplicate],
  // One kind at each place, in turn. Other kinds there with another shift.
  ...[0, 2, 4].map(
    (shift) => [`what nobody has asked for (${shift})`, anyUnexpected(shift)] as const,
  ),
  ...Object.entries(garbage).map(([name, bytes]) => [name, unexpected(bytes)] as const),
]

describe.each(faults)('%s, after each message', (_what, faultAt) => {
  it.each(Object.entries({ list, write }))('%s', async (_job, job) => {
    const tour = await everyPosition(stages, (each, n) =>
      attempt(each, job, { fault: faultAt(n), mayLose: true }, { timeouts }),
    )
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(3)
  })
})
