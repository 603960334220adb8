import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Database, sql } from '../../orm/index.ts'
import { protocols } from '../plugin/client.ts'
import { expectIdle, holdLock, serve, untilBlocked } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, User } from '../support/entities.ts'
import { coded, failure } from '../support/failure.ts'
import { random } from '../support/random.ts'
import { atOnce } from './at-once.ts'
import { type PgBouncer, startPgBouncer } from './start-pgbouncer.ts'

const { query, url } = await testDatabase(blog)

const waitForLock = sql`select pg_advisory_xact_lock(7)`
const backend = sql`select pg_backend_pid() as pid`

/** How many clients wait in PgBouncer for a connection to the database. */
async function queueLength({ command }: PgBouncer): Promise<unknown> {
  const name = new URL(url).pathname.slice(1)
  const pools = await command('show pools')
  return pools.find(({ database }) => database === name)?.['cl_waiting']
}

const pidOf = (database: Database): Promise<unknown> =>
  database.run((session) => session.execute(backend))

it.each(protocols)('a client that leaves cancels its statement: $name', async (protocol) => {
  await using bouncer = await startPgBouncer(url, { default_pool_size: 1 })
  await using served = await serve(
    { connectionString: bouncer.url },
    (app) => {
      for (const method of ['GET', 'POST'])
        app.route({ method, url: '/', handler: ({ session }) => session.execute(waitForLock) })
    },
    { isHttp2: protocol.isHttp2 },
  )
  const database = served.app.dataBridge
  const before = await pidOf(database)
  await using _lock = await holdLock(url, 7)
  const client = await protocol.request(served.port, '/')
  await untilBlocked(query, 'select pg_advisory_xact_lock')

  client.leave()

  await expectIdle(database, query)
  // The statement was cancelled: neither connection was closed for it.
  expect(await pidOf(database)).toEqual(before)
  expect(database.usage.total).toBe(1)
})

it('timeouts.statement cancels the statement, and the connection stays', async () => {
  await using bouncer = await startPgBouncer(url, { default_pool_size: 1 })
  await using database = new Database({
    connectionString: bouncer.url,
    timeouts: { statement: 200 },
  })
  const before = await pidOf(database)
  await using _lock = await holdLock(url, 7)

  await expect(database.run((session) => session.execute(waitForLock))).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT'),
  )

  expect(await pidOf(database)).toEqual(before)
  await expectIdle(database, query)
})

it('timeouts.transaction ends a transaction whose program does something else', async () => {
  await using bouncer = await startPgBouncer(url, { default_pool_size: 1 })
  await using database = new Database({
    connectionString: bouncer.url,
    timeouts: { transaction: 100 },
  })
  const over = Promise.withResolvers<void>()

  const running = database.transaction(async (session) => {
    await session.execute(backend)
    await over.promise
  })
  const failed = failure('DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT', running)
  await expectIdle(database, query)
  over.resolve()

  await failed
  expect(await pidOf(database)).toHaveLength(1)
})

it('a statement that waits in PgBouncer for a connection ends with its signal', async () => {
  await using bouncer = await startPgBouncer(url, { default_pool_size: 1 })
  await using database = new Database({ connectionString: bouncer.url })
  await using lock = await holdLock(url, 7)
  const holding = database.run((session) => session.execute(waitForLock))
  await untilBlocked(query, 'select pg_advisory_xact_lock')
  const leaving = new AbortController()
  const waiting = database.run((session) => session.execute(sql`select 1`), {
    signal: leaving.signal,
  })
  const ended = failure('DATA_BRIDGE_ERR_ABORTED', waiting)
  await expect.poll(() => queueLength(bouncer)).toBe(1)

  leaving.abort()

  await ended
  await lock[Symbol.asyncDispose]()
  await holding
  await expectIdle(database, query)
})

it('a statement that gets its connection in PgBouncer later is cancelled then', async () => {
  await using bouncer = await startPgBouncer(url, { default_pool_size: 1 })
  await using database = new Database({ connectionString: bouncer.url })
  await query(`insert into users (name, email) values ('ann', 'a')`)
  await Promise.all([pidOf(database), pidOf(database)])
  const lock = await holdLock(url, 7)
  const holding = database.run((session) => session.execute(waitForLock))
  await untilBlocked(query, 'select pg_advisory_xact_lock')
  const leaving = new AbortController()
  const waiting = database.run(
    (session) =>
      session
        .find(User)
        .filter(() => sql`pg_sleep(60) is not null`)
        .toList(),
    { signal: leaving.signal },
  )
  const ended = failure('DATA_BRIDGE_ERR_ABORTED', waiting)
  await expect.poll(() => queueLength(bouncer)).toBe(1)

  leaving.abort()
  // PgBouncer ignores the request of now.
  await setTimeout(100)
  await lock[Symbol.asyncDispose]()

  await ended
  await holding
  await expectIdle(database, query)
  expect(database.usage.total).toBe(2)
})

it('a cancel request never reaches the statement of another session', async () => {
  const next = random(11)
  await using bouncer = await startPgBouncer(url, { default_pool_size: 3 })
  await using database = new Database({ connectionString: bouncer.url })
  let cancelled = 0
  await atOnce(10, Array.from({ length: 1000 }).keys(), async (index) => {
    const leaving = new AbortController()
    const { signal } = leaving
    const leaves = index % 2 === 0
    const run = database.run((session) => session.execute(sql`select pg_sleep(0.002)`), { signal })
    if (leaves) globalThis.setTimeout(() => leaving.abort(), next() * 10)
    const error = await run.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (error === undefined) return
    expect(error).toEqual(coded('DATA_BRIDGE_ERR_ABORTED'))
    expect(leaves).toBe(true)
    cancelled += 1
  })
  expect(cancelled).toBeGreaterThan(100)
  await expectIdle(database, query)
})
