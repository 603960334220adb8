import { describe, expect, it } from 'vitest'
import { attempt, everyPosition } from './attempt.ts'
import { cut, fatal, type FaultAt, reset } from './faults.ts'
import { jobs } from './jobs.ts'
import { faultDatabase, openDatabases } from './stage.ts'

const stages = await openDatabases(4, await faultDatabase())

const faults: Readonly<Record<string, FaultAt>> = {
  'cut after each message to the client': cut('toClient'),
  'cut after each message to the server': cut('toServer'),
  'reset in place of each message to the client': reset('toClient'),
  'reset in place of each message to the server': reset('toServer'),
  'ended by FATAL in place of each message': fatal('57P01'),
  'ended by a pooler in place of each message': fatal('08P01'),
}

describe.each(Object.entries(faults))('a connection that is %s', (_what, faultAt) => {
  it.each(Object.entries(jobs))('%s', async (_job, job) => {
    const tour = await everyPosition(stages, (stage, n) =>
      attempt(stage, job, { fault: faultAt(n), mayLose: true }),
    )
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(3)
  })
})
