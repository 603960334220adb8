import { describe, expect, it } from 'vitest'
import { attempt, everyPosition } from './attempt.ts'
import { commitRollsBack, type FaultAt, refusedStatement, withheldStatement } from './faults.ts'
import { jobs, writers } from './jobs.ts'
import { faultDatabase, openDatabases } from './stage.ts'

const stages = await openDatabases(4, await faultDatabase())

const faults: Readonly<Record<string, FaultAt>> = {
  'that PostgreSQL refuses': refusedStatement,
  'that never arrives, and is told to be refused': withheldStatement('42501'),
  'that never arrives, and is told to conflict': withheldStatement('40001'),
}

describe.each(Object.entries(faults))('a statement %s, at each place', (_what, faultAt) => {
  it.each(Object.entries(jobs))('%s', async (_job, job) => {
    const tour = await everyPosition(stages, (stage, n) =>
      attempt(stage, job, { fault: faultAt(n), mayLose: false }),
    )
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(0)
  })
})

describe('a COMMIT that is answered by ROLLBACK is a failure', () => {
  it.each(Object.entries(writers))('%s', async (_job, job) => {
    const [stage] = stages
    const fault = commitRollsBack(1)
    expect(await attempt(stage!, job, { fault, mayLose: false })).toMatchObject({
      hasFired: true,
      wrong: [],
    })
  })
})
