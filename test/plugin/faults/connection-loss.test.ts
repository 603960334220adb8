import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import type { DataBridgeOptions } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import {
  expectIdle,
  holdCommits,
  holdLock,
  names,
  serve,
  type Served,
  untilBlocked,
} from '../serve.ts'

const stored = await testDatabase(blog)
const { query, url } = stored
const lockKey = 9
await holdCommits(query, lockKey)
beforeEach(stored.truncate)

// An error event that nobody hears ends the process; vitest reports it, and fails the run.

const serving = (
  work: (session: Session) => unknown,
  options: DataBridgeOptions = {},
  more: (app: FastifyInstance) => void = () => {},
): Promise<Served> =>
  serve({ connectionString: url, application_name: 'app', max: 2, ...options }, (app) => {
    more(app)
    app.get('/', async ({ session }) => {
      await work(session)
      return 'fine'
    })
    app.get('/next', async ({ session }) => ({ users: await session.find(User).count() }))
  })

const ofApplication = `
  select pid from pg_stat_activity
  where datname = current_database() and application_name = 'app'`

/** Ends the connections of the application, and waits until they are gone. */
async function kill(): Promise<void> {
  await query(`select pg_terminate_backend(pid, 5000) from (${ofApplication}) as connections`)
}

async function expectNextToWork(served: Served): Promise<void> {
  const next = await served.fetch('/next')
  expect(next.status).toBe(200)
  await expectIdle(served.app.dataBridge, query)
}

const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { code: unknown }).code

describe('a connection that is ended', () => {
  it('while it is idle in the pool is replaced', async () => {
    await using served = await serving((session) => session.find(User).count())
    expect((await served.fetch('/')).status).toBe(200)
    expect(served.app.dataBridge.usage.total).toBe(1)
    await kill()
    await expect.poll(() => served.app.dataBridge.usage.total).toBe(0)
    expect((await served.fetch('/')).status).toBe(200)
  })

  it('before COMMIT is sent: nothing was saved, and the answer says so', async () => {
    await using served = await serving(async (session) => {
      session.add(user('ann'))
      await session.flush()
      await kill()
      // What PostgreSQL has sent before is read by then.
      await query('select 1')
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(500)
    expect(await codeOf(response)).toBe('DATA_BRIDGE_ERR_COMMIT_FAILED')
    expect(await names(query)).toEqual([])
    await expectNextToWork(served)
  })

  it('in a transaction: the next statement is a 503, and so is the request', async () => {
    await using served = await serving(async (session) => {
      session.add(user('ann'))
      await session.flush()
      await kill()
      await session.find(User).count()
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(503)
    expect(await codeOf(response)).toBe('DATA_BRIDGE_ERR_CONNECTION_LOST')
    expect(await names(query)).toEqual([])
    await expectNextToWork(served)
  })

  it('in a transaction, with the error swallowed: the commit has failed', async () => {
    await using served = await serving(async (session) => {
      session.add(user('ann'))
      await session.flush()
      await kill()
      await session
        .find(User)
        .count()
        .catch(() => undefined)
      await session
        .find(User)
        .count()
        .catch(() => undefined)
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(500)
    expect(await codeOf(response)).toBe('DATA_BRIDGE_ERR_COMMIT_FAILED')
    expect(await names(query)).toEqual([])
    await expectNextToWork(served)
  })

  it('in a transaction, and the handler rolls back by hand and goes on with another connection', async () => {
    await using served = await serving(async (session) => {
      session.add(user('ann'))
      await session.flush()
      await kill()
      await session
        .find(User)
        .count()
        .catch(() => undefined)
      await session.rollback()
      session.add(user('bob'))
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await names(query)).toEqual(['bob'])
    await expectNextToWork(served)
  })

  it('during a statement: a 503', async () => {
    await using lock = await holdLock(url, lockKey)
    await using served = await serving((session) =>
      session.execute(sql`select pg_advisory_xact_lock(${lockKey})`),
    )
    const answer = served.fetch('/')
    await untilBlocked(query, 'select pg_advisory')
    await kill()
    const response = await answer
    expect(response.status).toBe(503)
    expect(await codeOf(response)).toBe('DATA_BRIDGE_ERR_CONNECTION_LOST')
    await expectNextToWork(served)
    expect(lock).toBeDefined()
  })

  it.each<[string, (app: FastifyInstance) => unknown]>([
    ['', () => {}],
    [
      ', with an error handler that sets no status',
      (app) => app.setErrorHandler(async (error: { code: string }) => ({ code: error.code })),
    ],
  ])('during COMMIT: a 500 that says that nobody knows%s', async (_what, more) => {
    await using lock = await holdLock(url, lockKey)
    await using served = await serving((session) => session.add(user('held')), {}, more)
    const answer = served.fetch('/')
    await untilBlocked(query, 'commit')
    await kill()
    const response = await answer
    expect(response.status).toBe(500)
    expect(await codeOf(response)).toBe('DATA_BRIDGE_ERR_COMMIT_UNKNOWN')
    await expectNextToWork(served)
    expect(await names(query)).toEqual([])
    expect(lock).toBeDefined()
  })

  it('by PostgreSQL, which has a limit for idle transactions: nothing was saved', async () => {
    await using served = await serving(
      async (session) => {
        session.add(user('ann'))
        await session.flush()
        await expect.poll(() => query(ofApplication)).toHaveLength(0)
      },
      { idle_in_transaction_session_timeout: 300 },
    )
    const response = await served.fetch('/')
    expect(response.status).toBe(500)
    expect(await codeOf(response)).toMatch(/_COMMIT_(FAILED|UNKNOWN)$/)
    expect(await names(query)).toEqual([])
    await expectNextToWork(served)
  })

  it('while its client has left is closed without an error', async () => {
    const goOn = Promise.withResolvers<void>()
    const leaving = new AbortController()
    await using served = await serving(async (session) => {
      session.add(user('ann'))
      await session.flush()
      await kill()
      leaving.abort()
      await goOn.promise
    })
    await expect(served.fetch('/', { signal: leaving.signal })).rejects.toThrow('aborted')
    await expectIdle(served.app.dataBridge, query)
    goOn.resolve()
    await expectNextToWork(served)
  })
})

it('a connection that the application gave back within a transaction is not passed on', async () => {
  const pool = new pg.Pool({ connectionString: url, max: 1, application_name: 'app' })
  const client = await pool.connect()
  await client.query('begin')
  client.release()
  await using served = await serve({ pool }, (app) => {
    app.get('/', async ({ session }) => ({ users: await session.find(User).count() }))
  })
  expect((await served.fetch('/')).status).toBe(200)
  await expect.poll(() => query(ofApplication)).toEqual([])
  await pool.end()
})
