import { describe, expect, it } from 'vitest'
import { serve } from '../../../plugin/serve.ts'
import { everyPosition } from './attempt.ts'
import {
  after,
  commitRollsBack,
  cut,
  fatal,
  type FaultAt,
  refusedStatement,
  silence,
  withheldStatement,
} from './faults.ts'
import { postRoute } from './post-route.ts'
import { attemptRequest } from './requests.ts'
import { faultDatabase, openStage, openStages } from './stage.ts'

const database = await faultDatabase()

const openServers = (count: number, timeouts: { statement?: number } = {}) =>
  openStages(count, () =>
    openStage(database, async (connectionString, application_name) => {
      const open = new Set<unknown>()
      const served = await serve(
        { connectionString, application_name, max: 2, timeouts },
        (app) => {
          app.addHook('onRequest', async ({ raw, url }, reply) => {
            if (url === '/left') return
            open.add(raw)
            reply.raw.once('close', () => open.delete(raw))
          })
          postRoute(app)
          app.get('/left', async () => {
            await expect.poll(() => open.size).toBe(0)
            return 'done'
          })
        },
        { forceCloseConnections: true },
      )
      return {
        url: `http://127.0.0.1:${served.port}`,
        usage: () => served.app.dataBridge.usage,
        [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
      }
    }),
  )

const stages = await openServers(4)
const patient = await openServers(12, { statement: 500 })

const faults: readonly [string, FaultAt, boolean][] = [
  ['the connection is cut after each message to the client', cut('toClient'), true],
  ['the connection is cut after each message to the server', cut('toServer'), true],
  ['FATAL comes in place of each message', fatal('57P01'), true],
  ['PostgreSQL refuses each statement', refusedStatement, false],
  ['each statement conflicts', withheldStatement('40001'), false],
]

describe('a request is answered by what is stored', () => {
  it.each(faults)('where %s', async (_what, faultAt, mayLose) => {
    const tour = await everyPosition(stages, (stage, n) =>
      attemptRequest(stage, { fault: faultAt(n), mayLose }),
    )
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(1)
  })

  it('where COMMIT is answered by ROLLBACK', async () => {
    const fault = commitRollsBack(1)
    expect(await attemptRequest(stages[0]!, { fault, mayLose: false })).toMatchObject({
      hasFired: true,
      wrong: [],
    })
  })

  it.each(['toClient', 'toServer'] as const)('where there is silence %s', async (direction) => {
    const tour = await everyPosition(patient, (stage, n) =>
      attemptRequest(stage, { fault: silence(direction)(n), mayLose: true }),
    )
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(3)
  })

  it.each(['toClient', 'toServer'] as const)(
    'where its client leaves after each message %s',
    async (direction) => {
      const tour = await everyPosition(stages, (stage, n) => {
        const leaving = new AbortController()
        const fault = after(direction, () => leaving.abort())(n)
        return attemptRequest(stage, { fault, mayLose: false }, leaving.signal)
      })
      expect(tour.wrong).toEqual([])
      expect(tour.positions).toBeGreaterThan(3)
    },
  )
})
