import { Agent, request } from 'node:http'
import { expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog } from '../../support/entities.ts'
import { random } from '../../support/random.ts'
import { chaosRoutes, hang, type Kind, kinds } from './chaos-routes.ts'
import { expectIdle, type LogLine, serve } from '../serve.ts'

const { query, url } = await testDatabase(blog)

const requests = 5000
const concurrency = 32

interface Plan {
  readonly name: string
  readonly path: string
  readonly kind: Kind
  readonly hasBody: boolean
  /** After how many turns of the event loop its client leaves; undefined where it stays. */
  readonly leavesAfter: number | undefined
  /** A connection of the application is killed when it is sent. */
  readonly kills: boolean
}

const failing = ['throw', 'broken', 'swallow', 'refuse', 'twice', 'raw']

function plan(index: number, next: () => number): Plan {
  const pick = (from: readonly string[]): string => from[Math.floor(next() * from.length)]!
  const name = `c${index}`
  const leavesAfter = next() < 0.1 ? Math.floor(next() * 30) : undefined
  const isFailing = next() < 0.05
  const others = Object.keys(kinds).filter((kind) => !failing.includes(kind))
  const chosen = isFailing ? pick(failing) : pick(others)
  const hangs = leavesAfter !== undefined && next() < 0.5
  return {
    name,
    path: hangs ? `/hang/${name}` : `/${chosen}/${name}`,
    kind: hangs ? hang : kinds[chosen]!,
    hasBody: next() < 0.5,
    leavesAfter,
    kills: next() < 0.01,
  }
}

interface Outcome {
  readonly status: number | undefined
  readonly isComplete: boolean
  readonly queries: unknown
}

const nothing: Outcome = { status: undefined, isComplete: false, queries: undefined }

function send(port: number, agent: Agent, { name, path, hasBody, leavesAfter }: Plan) {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const body = hasBody ? JSON.stringify({ name }) : undefined
  const sending = request({
    port,
    host: '127.0.0.1',
    agent,
    path,
    method: hasBody ? 'POST' : 'GET',
    headers: { 'x-name': name, ...(hasBody && { 'content-type': 'application/json' }) },
  })
  sending.on('error', () => resolve(nothing))
  sending.on('response', (response) => {
    response.resume().on('error', () => {})
    response.on('close', () => {
      const { statusCode: status, complete: isComplete, headers, trailers } = response
      const queries = headers['x-db-query-count'] ?? trailers['x-db-query-count']
      resolve({ status, isComplete, queries })
    })
  })
  sending.end(body)
  const leaveIn = (turns: number): void => {
    if (turns > 0) setImmediate(leaveIn, turns - 1)
    else sending.destroy()
  }
  if (leavesAfter !== undefined) leaveIn(leavesAfter)
  return promise
}

const kill = (): Promise<unknown> =>
  query(`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'app'
    order by state = 'active' desc, query_start desc limit 1`)

/** The requests of whose commit the log says that nobody knows how it ended. */
const unknown = (logs: readonly LogLine[]): Set<string> =>
  new Set(
    logs
      .filter(({ err }) => err?.['code'] === 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN')
      .map((line) => (line as LogLine & { readonly reqId: string }).reqId),
  )

it(`${requests} requests of every kind and end save what was answered as saved, and nothing that was not`, async ({
  annotate,
}) => {
  // What a run has found is found again with the seed that it tells.
  const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const next = random(seed)
  const plans = Array.from({ length: requests }, (_, index) => plan(index, next))
  await using served = await serve(
    { connectionString: url, max: 5, application_name: 'app' },
    chaosRoutes,
    { genReqId: ({ headers }) => String(headers['x-name']) },
  )
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
  const outcomes = new Map<Plan, Outcome>()
  const waiting = plans.values()
  const work = async (): Promise<void> => {
    for (const each of waiting) {
      const [outcome] = await Promise.all([send(served.port, agent, each), each.kills && kill()])
      outcomes.set(each, outcome)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  agent.destroy()

  await expectIdle(served.app.dataBridge, query)
  const busy = `
    select state, query from pg_stat_activity
    where datname = current_database() and application_name = 'app' and state <> 'idle'`
  await expect.poll(() => query(busy)).toEqual([])

  const rows = await query<{ name: string }>('select name from users')
  const stored = new Set(rows.map(({ name }) => name))
  const isUnknown = unknown(served.logs)
  const stayed = [...outcomes].filter(([{ leavesAfter }]) => leavesAfter === undefined)
  const found = (is: (plan: Plan, outcome: Outcome) => boolean): string[] =>
    stayed
      .filter(([each, outcome]) => is(each, outcome))
      .map(([{ path }, outcome]) => `${path} ${JSON.stringify(outcome)}`)
  const isSaved = ({ kind }: Plan, { status = 500, isComplete }: Outcome): boolean =>
    kind.isSaved && status < 400 && isComplete

  expect({
    seed,
    savedAndGone: found((each, outcome) => isSaved(each, outcome) && !stored.has(each.name)),
    failedAndThere: found(
      (each, outcome) =>
        stored.has(each.name) && !isUnknown.has(each.name) && !isSaved(each, outcome),
    ),
    neverAnswered: found(({ kind }, { status }) => status === undefined && !kind.isDeferred),
    miscounted: found(
      (each, outcome) => isSaved(each, outcome) && outcome.queries !== String(each.kind.queries),
    ),
  }).toEqual({ seed, savedAndGone: [], failedAndThere: [], neverAnswered: [], miscounted: [] })

  // Were most of them to fail, nothing would have been proved.
  const saved = found(isSaved).length
  expect(saved).toBeGreaterThan(requests / 2)
  const counts = { seed, saved, unknown: isUnknown.size, left: requests - stayed.length }
  await annotate(JSON.stringify(counts))
}, 180_000)
