import { Agent } from 'node:http'
import { expect, it } from 'vitest'
import { expectIdle, serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { random } from '../support/random.ts'
import { atOnce } from './at-once.ts'
import { type Answer, type Plan, plan, send } from './plan.ts'
import { routes, rows, tables } from './service.ts'
import { startPgBouncer } from './start-pgbouncer.ts'

const { query, url } = await testDatabase(tables)

const requests = 20_000
const concurrency = 32

interface Answered {
  readonly plan: Plan
  readonly answer: Answer | undefined
}

/** What was answered to a client that stayed, apart from the values that PostgreSQL makes. */
function expected({ kind, id, body, key }: Plan): Answer {
  if (kind === 'read') return { status: 200, body: { id, name: `user-${id}` } }
  if (kind === 'update') return { status: 200, body: { id, doneBy: key } }
  if (kind === 'insert') return { status: 201, body }
  const posts = Array.from({ length: 10 }, (_, index) => {
    const post = id + 1 + index
    return {
      id: post,
      author: { id: 1 + (post % 20) },
      comments: [{ postId: post }, { postId: post }],
    }
  })
  return { status: 200, body: posts }
}

it(`${requests} requests in transaction mode save each write that was answered once, and answer nothing unexpected`, async ({
  annotate,
}) => {
  // The seed repeats what was sent, not when.
  const seed = Number(process.env['PGBOUNCER_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  await annotate(`PGBOUNCER_SEED=${seed}`)
  const next = random(seed)
  const plans = Array.from({ length: requests }, (_, index) => plan(index, next))
  await query(rows(requests))
  await using bouncer = await startPgBouncer(url)
  await using served = await serve({ connectionString: bouncer.url }, routes)
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
  const answered: Answered[] = []
  await atOnce(concurrency, plans.values(), async (each) => {
    answered.push({ plan: each, answer: await send(served.port, agent, each) })
    if (answered.length % 2_000 === 0)
      process.stderr.write(`  ${answered.length} of ${requests} requests\n`)
  })
  agent.destroy()

  const stayed = answered.filter(({ plan: { leavesAfter } }) => leavesAfter === undefined)
  // A message about all answers would show none of them.
  const unexpected = stayed.filter(({ plan, answer }) => answer?.status !== expected(plan).status)
  expect(unexpected.slice(0, 5)).toEqual([])
  const answers = stayed.map(({ answer }) => answer)
  expect(answers).toMatchObject(stayed.map((each) => expected(each.plan)))
  const left = answered.filter(({ plan: { leavesAfter } }) => leavesAfter !== undefined)
  const codes = new Set(left.map(({ answer }) => answer?.status))
  expect([...codes].filter((code) => ![undefined, 200, 201].includes(code))).toEqual([])

  await expectIdle(served.app.dataBridge, query)
  const pools = await bouncer.command('show pools')
  expect(pools.filter(({ sv_active, cl_waiting }) => sv_active !== 0 || cl_waiting !== 0)).toEqual(
    [],
  )

  const stored = await query<{ key: string; times: number }>(
    'select key, count(*)::int as times from entries group by key',
  )
  expect(stored.filter(({ times }) => times !== 1)).toEqual([])
  const done = await query<{ key: string }>(
    `select done_by as key from tasks where done_by = 'r' || id - 1`,
  )
  const saved = new Set([...stored, ...done].map(({ key }) => key))
  const writes = answered.filter(({ plan: { kind } }) => kind === 'insert' || kind === 'update')
  const lost = writes.filter(({ plan, answer }) => answer !== undefined && !saved.has(plan.key))
  expect(lost).toEqual([])
  const written = new Set(writes.map(({ plan: { key } }) => key))
  expect([...saved].filter((key) => !written.has(key))).toEqual([])
  const [others] = await query(`
    select count(*)::int as count from tasks where done_by <> 'r' || id - 1`)
  expect(others).toEqual({ count: 0 })
  const wrong = await query(`
    select accounts.id, balance, sum(amount) from accounts left join entries on account_id = accounts.id
    group by accounts.id having balance <> coalesce(sum(amount), 0)`)
  expect(wrong).toEqual([])
})
