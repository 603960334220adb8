import { describe, expect, it } from 'vitest'
import { attempt, everyPosition } from './attempt.ts'
import { type FaultAt, silence, silenceInTransaction, silentCommit } from './faults.ts'
import { jobs, lock, savepoints, write } from './jobs.ts'
import { faultDatabase, openStages } from './stage.ts'

const stages = await openStages(16, await faultDatabase())

const tourOf = (
  faultAt: FaultAt,
  job: (typeof jobs)[string],
  timeouts: { statement: number } | { transaction: number },
) =>
  everyPosition(stages, (stage, n) =>
    attempt(stage, job, { fault: faultAt(n), mayLose: true }, { timeouts }),
  )

describe.each(['toClient', 'toServer'] as const)('timeouts.statement: silence %s', (direction) => {
  it.each(Object.entries(jobs))('after each message of %s', async (_job, job) => {
    const tour = await tourOf(silence(direction), job, { statement: 500 })
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(3)
  })
})

describe.each(['toClient', 'toServer'] as const)(
  'timeouts.transaction: silence %s',
  (direction) => {
    it.each(Object.entries({ write, savepoints, lock }))(
      'after each message of %s, from BEGIN on',
      async (_job, job) => {
        const tour = await tourOf(silenceInTransaction(direction), job, { transaction: 500 })
        expect(tour.wrong).toEqual([])
        expect(tour.positions).toBeGreaterThan(3)
      },
    )

    it('instead of COMMIT', async () => {
      const fault = silentCommit(direction)(1)
      const expected = { fault, mayLose: true }
      const options = { timeouts: { transaction: 500 } }
      expect(await attempt(stages[0]!, write, expected, options)).toEqual({
        hasFired: true,
        wrong: [],
      })
    })
  },
)
