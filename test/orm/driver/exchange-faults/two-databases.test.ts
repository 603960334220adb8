import { afterAll, expect, it } from 'vitest'
import dataBridge from '../../../../plugin/index.ts'
import { Post } from '../../../support/entities.ts'
import { serve } from '../../../plugin/serve.ts'
import { type Attempt, everyPosition, limitMs } from './attempt.ts'
import { cut, fatal, type FaultAt, refusedStatement } from './faults.ts'
import { before } from './jobs.ts'
import { posted } from './post-route.ts'
import { outcomeOf } from './requests.ts'
import { type DatabaseStage, faultDatabase, openDatabases, seed, settled, stored } from './stage.ts'

const first = await faultDatabase()
const second = await faultDatabase()
const [main, reports] = [
  ...(await openDatabases(1, first)),
  ...(await openDatabases(1, second)),
] as [DatabaseStage, DatabaseStage]

const served = await serve({ database: main.database, name: 'main' }, (app) => {
  app.register(dataBridge, { database: reports.database, name: 'reports' })
  app.post<{ Params: { main: number; reports: number } }>(
    '/posts/:main/:reports',
    async ({ sessions, params }) => {
      for (const name of ['main', 'reports'] as const) {
        const kept = await sessions[name].getOrThrow(Post, Number(params[name]))
        kept.likes += 1
        sessions[name].add(new Post({ title: 'first', authorId: kept.authorId }))
      }
      return { isSaved: true }
    },
  )
})
afterAll(() => served.app.close())

/** A fault on the connection to one of the two. */
async function attemptBoth(faulty: DatabaseStage, fault: ReturnType<FaultAt>): Promise<Attempt> {
  const both = [main, reports]
  const seeds = await Promise.all(both.map(({ query }) => seed(query)))
  await Promise.all(both.map(settled))
  main.proxy.arm(undefined)
  reports.proxy.arm(undefined)
  faulty.proxy.arm(fault)
  const path = `/posts/${seeds.map(({ keptId }) => keptId).join('/')}`
  const outcome = await outcomeOf(
    `http://127.0.0.1:${served.port}${path}`,
    ['both'],
    AbortSignal.timeout(limitMs),
  )
  faulty.proxy.disarm()
  await Promise.all(both.map(settled))
  const rows = await Promise.all(both.map(({ query }, index) => stored(query, seeds[index]!)))
  const isSaved = rows.map((each, index) => each.join() === posted(seeds[index]!).join())
  const isUntouched = rows.map((each, index) => each.join() === before(seeds[index]!).join())
  const ending = 'rows' in outcome ? 'success' : outcome.code
  const told = `${ending}, and saved is ${isSaved.join()}`
  const wrong: string[] = []
  if (isSaved.some((saved, index) => saved === isUntouched[index])) wrong.push(`half: ${told}`)
  if (ending === 'success' && isSaved.includes(false)) wrong.push(told)
  // One is saved and the other one is not: that is no definite failure.
  if (ending !== 'success' && !ending.endsWith('_COMMIT_UNKNOWN') && isSaved.includes(true))
    wrong.push(told)
  if (!ending.startsWith('DATA_BRIDGE_ERR_') && ending !== 'success') wrong.push(ending)
  if (!fault.hasFired && ending !== 'success') wrong.push(`${ending} without harm`)
  for (const { database } of both) {
    const { total, idle, waiting } = database.usage
    if (total !== idle || waiting > 0) wrong.push(`${total - idle} connections are not back`)
  }
  return { hasFired: fault.hasFired, place: fault.place, wrong }
}

const faults: readonly [string, FaultAt][] = [
  ['is cut after each message to the client', cut('toClient')],
  ['is cut after each message to the server', cut('toServer')],
  ['ends by FATAL in place of each message', fatal('57P01')],
  ['has each statement refused', refusedStatement],
]

it.each([
  ...faults.map((fault) => ['main', main, ...fault] as const),
  ...faults.map((fault) => ['reports', reports, ...fault] as const),
])(
  'two databases in one request: the connection to %s %$ %s',
  async (_name, faulty, _what, faultAt) => {
    const tour = await everyPosition([faulty], (stage, n) => attemptBoth(stage, faultAt(n)))
    expect(tour.wrong).toEqual([])
    expect(tour.positions).toBeGreaterThan(1)
  },
)
