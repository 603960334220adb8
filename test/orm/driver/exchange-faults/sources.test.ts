import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { Database, type PoolUsage } from '../../../../orm/index.ts'
import { startReceiver } from '../../../telemetry/receiver.ts'
import { startService } from '../../../telemetry/service.ts'
import { attempt, everyPosition } from './attempt.ts'
import {
  after,
  commitRollsBack,
  cut,
  fatal,
  type FaultAt,
  refusedStatement,
  silence,
} from './faults.ts'
import { list, write } from './jobs.ts'
import { attemptRequest } from './requests.ts'
import { faultDatabase, opened, openStage, openStages } from './stage.ts'

const database = await faultDatabase()

const faults: readonly [string, FaultAt, boolean][] = [
  ['cut after each message to the client', cut('toClient'), true],
  ['cut after each message to the server', cut('toServer'), true],
  ['ended by FATAL in place of each message', fatal('57P01'), true],
  ['refused at each statement', refusedStatement, false],
  [
    'answered by ROLLBACK at COMMIT',
    (n) => (n === 1 ? commitRollsBack(n) : cut('toClient')(99)),
    false,
  ],
]

describe('a pool of the application', async () => {
  const stages = await openStages(12, () =>
    openStage(database, (connectionString, application_name) => {
      const pool = new pg.Pool({ connectionString, application_name, max: 2 })
      const around = opened(new Database({ pool }))
      return {
        ...around,
        async [Symbol.asyncDispose]() {
          await around[Symbol.asyncDispose]()
          await pool.end()
        },
      }
    }),
  )

  describe.each(faults)('%s', (_what, faultAt, mayLose) => {
    it.each(Object.entries({ write }))('%s', async (_job, job) => {
      const tour = await everyPosition(stages, (stage, n) =>
        attempt(stage, job, { fault: faultAt(n), mayLose }),
      )
      expect(tour.wrong).toEqual([])
      expect(tour.positions).toBeGreaterThan(0)
    })
  })

  it('silent after each message', async () => {
    const timeouts = { statement: 500 }
    const tour = await everyPosition(stages, (stage, n) =>
      attempt(stage, write, { fault: silence('toClient')(n), mayLose: true }, { timeouts }),
    )
    expect(tour.wrong).toEqual([])
  })

  it.each(Object.entries({ list, write }))('left after each message: %s', async (_job, job) => {
    const tour = await everyPosition(stages, (stage, n) => {
      const leaving = new AbortController()
      const fault = after('toClient', () => leaving.abort())(n)
      return attempt(stage, job, { fault, mayLose: false }, { signal: leaving.signal })
    })
    expect(tour.wrong).toEqual([])
  })
})

describe('instrumentation-pg switched on', async () => {
  const receiver = await startReceiver()
  const stages = await openStages(1, () =>
    openStage(database, async (connectionString, application_name) => {
      const url = new URL(connectionString)
      url.searchParams.set('application_name', application_name)
      const service = await startService({
        file: '../../orm/driver/exchange-faults/fixtures/instrumented-server.ts',
        env: {
          DATABASE_URL: url.href,
          OTEL_BSP_SCHEDULE_DELAY: '50',
          OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
          OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
          OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'pg',
        },
      })
      return {
        url: service.url,
        usage: async () => (await (await fetch(`${service.url}/usage`)).json()) as PoolUsage,
        async [Symbol.asyncDispose]() {
          await service[Symbol.asyncDispose]()
          await receiver[Symbol.asyncDispose]()
        },
      }
    }),
  )

  it.each(faults)('%s', async (_what, faultAt, mayLose) => {
    const tour = await everyPosition(stages, (stage, n) =>
      attemptRequest(stage, { fault: faultAt(n), mayLose }),
    )
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(0)
  })

  it('has made spans of its own all the time', async () => {
    await expect
      .poll(() => receiver.spans.filter(({ name }) => name.startsWith('pg.query')).length)
      .toBeGreaterThan(20)
  })
})
