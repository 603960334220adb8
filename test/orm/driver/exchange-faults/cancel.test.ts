import { describe, expect, it } from 'vitest'
import { attempt, everyPosition } from './attempt.ts'
import { after, holdUntilCancelled } from './faults.ts'
import { jobs, list, lock, savepoints, write } from './jobs.ts'
import { faultDatabase, openDatabases } from './stage.ts'

const stages = await openDatabases(24, await faultDatabase())

describe.each(['toClient', 'toServer'] as const)('after each message %s', (direction) => {
  it.each(Object.entries(jobs))('the signal of the session is aborted: %s', async (_job, job) => {
    const tour = await everyPosition(stages, (stage, n) => {
      const leaving = new AbortController()
      const fault = after(direction, () => leaving.abort())(n)
      return attempt(stage, job, { fault, mayLose: false }, { signal: leaving.signal })
    })
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(3)
  })

  it.each(Object.entries({ list, write, savepoints, lock }))(
    'timeouts.statement is over: %s',
    async (_job, job) => {
      const timeouts = { statement: 500 }
      const tour = await everyPosition(stages, (stage, n) =>
        attempt(
          stage,
          job,
          { fault: holdUntilCancelled(direction)(n), mayLose: true },
          { timeouts },
        ),
      )
      expect(tour.wrong).toEqual([])
      expect(tour.positions).toBeGreaterThan(3)
    },
  )
})
