import { describe, expect, it } from 'vitest'
import { attempt, everyPosition } from './attempt.ts'
import { cut, fatal, type FaultAt, reset } from './faults.ts'
import { type Job, jobs, list, write } from './jobs.ts'
import { faultDatabase, openDatabases } from './stage.ts'

const stages = await openDatabases(4, await faultDatabase())

type Row = readonly [string, FaultAt, Readonly<Record<string, Job>>]

const faults: readonly Row[] = [
  ['cut after each message to the client', cut('toClient'), jobs],
  ['cut after each message to the server', cut('toServer'), jobs],
  ['ended by FATAL in place of each message', fatal('57P01'), jobs],
  ['ended by a pooler in place of each message', fatal('08P01'), { list, write }],
  ['reset in place of each message to the client', reset('toClient'), { list, write }],
  ['reset in place of each message to the server', reset('toServer'), { list, write }],
]

describe.each(faults)('a connection that is %s', (_what, faultAt, tried) => {
  it.each(Object.entries(tried))('%s', async (_job, job) => {
    const tour = await everyPosition(stages, (stage, n) =>
      attempt(stage, job, { fault: faultAt(n), mayLose: true }),
    )
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(3)
  })
})
