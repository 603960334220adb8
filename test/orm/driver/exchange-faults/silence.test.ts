import { describe, expect, it } from 'vitest'
import { attempt, everyPosition } from './attempt.ts'
import { type FaultAt, silence, silenceInTransaction, silentCommit } from './faults.ts'
import { type Job, list, lock, write, writers } from './jobs.ts'
import { faultDatabase, openDatabases } from './stage.ts'

const stages = await openDatabases(32, await faultDatabase())

const tourOf = (
  faultAt: FaultAt,
  job: Job,
  timeouts: { statement: number } | { transaction: number },
) =>
  everyPosition(stages, (stage, n) =>
    attempt(stage, job, { fault: faultAt(n), mayLose: true }, { timeouts }),
  )

describe.each(['toClient', 'toServer'] as const)('timeouts.statement: silence %s', (direction) => {
  it.each(Object.entries({ list, ...writers }))('after each message of %s', async (_job, job) => {
    const tour = await tourOf(silence(direction), job, { statement: 750 })
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(3)
  })
})

describe('timeouts.transaction: silence', () => {
  it.each(Object.entries({ write, lock }))(
    'after each message to the client of %s, from BEGIN on',
    async (_job, job) => {
      const tour = await tourOf(silenceInTransaction('toClient'), job, { transaction: 1500 })
      expect(tour.wrong).toEqual([])
      expect(tour.positions).toBeGreaterThan(3)
    },
  )

  it.each(['toClient', 'toServer'] as const)('instead of COMMIT %s', async (direction) => {
    const expected = { fault: silentCommit(direction)(1), mayLose: true }
    const options = { timeouts: { transaction: 1500 } }
    expect(await attempt(stages[0]!, write, expected, options)).toMatchObject({
      hasFired: true,
      wrong: [],
    })
  })
})
