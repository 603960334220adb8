import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import type { DataBridgeOptions } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { WireProxy } from '../../support/wire-proxy.ts'
import { expectIdle, names, serve, type Served } from '../serve.ts'

const stored = await testDatabase(blog)
const { query } = stored
beforeEach(stored.truncate)

const serving = (
  proxy: WireProxy,
  options: DataBridgeOptions = {},
  write: (session: Session) => unknown = (session) => session.add(user('ann')),
): Promise<Served> =>
  serve({ connectionString: proxy.url, max: 2, ...options }, (app: FastifyInstance) => {
    app.post('/', async ({ session }) => {
      await write(session)
      return 'fine'
    })
    app.get('/next', async ({ session }) => ({ users: await session.find(User).count() }))
  })

const post = (served: Served): Promise<Response> => served.fetch('/', { method: 'POST' })

const told = async (response: Response): Promise<unknown[]> => [
  response.status,
  ((await response.json()) as { code: unknown }).code,
]

/** The error that was logged, by its code. */
const logged = (served: Served): unknown[] =>
  served.logs.filter(({ level }) => level >= 50).map(({ err }) => err?.['code'])

async function expectNextToWork(served: Served): Promise<void> {
  expect((await served.fetch('/next')).status).toBe(200)
  await expectIdle(served.app.dataBridge, query)
}

describe('a network that breaks at COMMIT', () => {
  it.each(['rst', 'fin'] as const)(
    'after PostgreSQL has committed: a 500 that says that nobody knows, and the row is there (%s)',
    async (how) => {
      await using proxy = await WireProxy.to(stored.url)
      await using served = await serving(proxy)
      const cut = proxy.before('toClient', 'COMMIT', (wire) => wire.cut(how))
      const response = await post(served)
      await cut
      expect(await told(response)).toEqual([500, 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN'])
      expect(logged(served)).toEqual(['DATA_BRIDGE_ERR_COMMIT_UNKNOWN'])
      expect(await names(query)).toEqual(['ann'])
      await expectNextToWork(served)
    },
  )

  it.each(['rst', 'fin'] as const)(
    'before COMMIT has come through: the same answer, and no row (%s)',
    async (how) => {
      await using proxy = await WireProxy.to(stored.url)
      await using served = await serving(proxy)
      const cut = proxy.before('toServer', 'commit', (wire) => wire.cut(how))
      const response = await post(served)
      await cut
      expect(await told(response)).toEqual([500, 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN'])
      expect(logged(served)).toEqual(['DATA_BRIDGE_ERR_COMMIT_UNKNOWN'])
      await expectNextToWork(served)
      expect(await names(query)).toEqual([])
    },
  )

  it.each(['rst', 'fin'] as const)(
    'before COMMIT was sent: nothing was saved, and the answer says so (%s)',
    async (how) => {
      await using proxy = await WireProxy.to(stored.url)
      await using served = await serving(proxy, {}, async (session) => {
        session.add(user('ann'))
        await session.flush()
        for (const wire of proxy.open) wire.cut(how)
        // By when the connection is known to be lost.
        await expect.poll(() => proxy.open.length).toBe(0)
        await query('select 1')
      })
      const response = await post(served)
      expect(await told(response)).toEqual([500, 'DATA_BRIDGE_ERR_COMMIT_FAILED'])
      expect(logged(served)).toEqual(['DATA_BRIDGE_ERR_COMMIT_FAILED'])
      await expectNextToWork(served)
      expect(await names(query)).toEqual([])
    },
  )

  it('in a statement: a 503, and nothing is saved', async () => {
    await using proxy = await WireProxy.to(stored.url)
    await using served = await serving(proxy, {}, (session) => {
      session.add(user('ann'))
      return session.flush()
    })
    const cut = proxy.before('toClient', 'INSERT', (wire) => wire.cut())
    const response = await post(served)
    await cut
    expect(await told(response)).toEqual([503, 'DATA_BRIDGE_ERR_CONNECTION_LOST'])
    await expectNextToWork(served)
    expect(await names(query)).toEqual([])
  })

  it('at BEGIN: that statement is lost, and a handler that goes on saves what it has changed', async () => {
    await using proxy = await WireProxy.to(stored.url)
    const cut = proxy.before('toServer', 'begin', (wire) => wire.cut())
    await using served = await serving(proxy, {}, async (session) => {
      session.add(user('ann'))
      const insert = sql`insert into users (name, email) values ('bob', 'b')`
      const lost = { code: 'DATA_BRIDGE_ERR_CONNECTION_LOST' }
      await expect(session.execute(insert)).rejects.toMatchObject(lost)
    })
    const response = await post(served)
    await cut
    expect([response.status, response.headers.get('x-db-query-count')]).toEqual([200, '1'])
    expect(await names(query)).toEqual(['ann'])
    await expectNextToWork(served)
  })

  it('after its answer: the 200 stands, and the pool replaces the connection', async () => {
    await using proxy = await WireProxy.to(stored.url)
    await using served = await serving(proxy)
    expect((await post(served)).status).toBe(200)
    for (const wire of proxy.open) wire.cut()
    await expect.poll(() => served.app.dataBridge.usage.total).toBe(0)
    expect(await names(query)).toEqual(['ann'])
    await expectNextToWork(served)
    expect(proxy.wires).toHaveLength(2)
  })
})

describe('a backend that is ended', () => {
  it('right after its COMMIT: the 200 stands, and the pool replaces the connection', async () => {
    await using proxy = await WireProxy.to(stored.url)
    await using served = await serving(proxy, { application_name: 'ended' })
    // The answer is on its way, and has not come, when PostgreSQL ends the connection behind it.
    const held = proxy.before('toClient', 'COMMIT', (wire) => wire.hold('toClient'))
    const answer = post(served)
    const wire = await held
    await query(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'ended'`,
    )
    wire.resume('toClient')
    const response = await answer
    expect([response.status, await response.text()]).toEqual([200, 'fine'])
    expect(await names(query)).toEqual(['ann'])
    await expect.poll(() => served.app.dataBridge.usage.total).toBe(0)
    await expectNextToWork(served)
  })
})

describe('a network that swallows everything', () => {
  const timeouts = { statement: 300 }

  it('in a statement: a 504 within the limit and the grace, and the connection is not used again', async () => {
    await using proxy = await WireProxy.to(stored.url)
    await using served = await serving(proxy, { timeouts }, (session) =>
      session.execute(sql`select 'into the void'`),
    )
    const swallowed = proxy.before('toServer', 'into the void', () => proxy.blackHole())
    const start = performance.now()
    const response = await post(served)
    await swallowed
    expect(await told(response)).toEqual([504, 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT'])
    expect(performance.now() - start).toBeLessThan(timeouts.statement + 1000 + 1500)
    expect(served.app.dataBridge.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
    proxy.restore()
    await expectNextToWork(served)
  })

  it.each(['toServer', 'toClient'] as const)(
    'at COMMIT: a 500 that says that nobody knows (%s)',
    async (direction) => {
      await using proxy = await WireProxy.to(stored.url)
      await using served = await serving(proxy, { timeouts })
      const text = direction === 'toServer' ? 'commit' : 'COMMIT'
      const swallowed = proxy.before(direction, text, (wire) => wire.drop())
      const response = await post(served)
      await swallowed
      expect(await told(response)).toEqual([500, 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN'])
      expect(await names(query)).toEqual(direction === 'toClient' ? ['ann'] : [])
      proxy.restore()
      await expectNextToWork(served)
    },
  )

  it('at ROLLBACK: the error of the request, and the connection is cut off', async () => {
    await using proxy = await WireProxy.to(stored.url)
    await using served = await serving(proxy, {}, async (session) => {
      session.add(user('ann'))
      await session.flush()
      throw new Error('boom')
    })
    const swallowed = proxy.before('toServer', 'rollback', (wire) => wire.drop())
    const response = await post(served)
    await swallowed
    expect(response.status).toBe(500)
    expect(served.app.dataBridge.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
    proxy.restore()
    await expectNextToWork(served)
  })

  it('when a connection is made: a 503 within the time that a session waits for one', async () => {
    await using proxy = await WireProxy.to(stored.url)
    proxy.blackHole()
    await using served = await serving(proxy, { max: 1, timeouts: { acquire: 500 } })
    const response = await post(served)
    expect(await told(response)).toEqual([503, 'DATA_BRIDGE_ERR_UNREACHABLE'])
    await expect.poll(() => served.app.dataBridge.usage.total).toBe(0)
    proxy.restore()
    await expectNextToWork(served)
  })
})

it('a network that is slow breaks nothing', async () => {
  await using proxy = await WireProxy.to(stored.url)
  await using served = await serving(proxy, { max: 2 })
  proxy.delay(5)
  await using other = await serving(proxy, { max: 1 }, async (session) => {
    session.add(user('bob'))
    await session.transaction(() => session.execute(sql`select 1`))
  })
  const responses = await Promise.all([post(served), served.fetch('/next'), post(other)])
  expect(responses.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(await names(query)).toEqual(['ann', 'bob'])
  await expectNextToWork(served)
  await expectNextToWork(other)
})
