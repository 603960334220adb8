import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sql } from '../../../orm/index.ts'
import type { DataBridgeOptions } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'
import { WireProxy } from '../../support/wire-proxy.ts'
import { expectIdle, serve, type Served } from '../serve.ts'

const stored = await testDatabase(blog)
const { query, url } = stored

interface Busy extends Served {
  /** Answers the request that holds the one connection; resolves with its status. */
  finish(): Promise<number>
}

const counter = (app: FastifyInstance): void => {
  app.get('/users', async ({ session }) => ({ users: await session.find(User).count() }))
  app.get('/health', async () => ({ status: 'ok' }))
}

/** An application whose one connection is in use. */
async function busy(options: DataBridgeOptions): Promise<Busy> {
  const isHeld = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const source = options.pool === undefined ? { connectionString: url, max: 1 } : {}
  const served = await serve({ ...source, ...options }, (app) => {
    counter(app)
    app.get('/hold', async ({ session }) => {
      await session.execute(sql`select 1`)
      isHeld.resolve()
      await goOn.promise
      return 'held'
    })
  })
  // A limit of waiting is also one for making the connection, which is there from some attempt on.
  const hold = async (): Promise<Response> => {
    const response = await served.fetch('/hold')
    return response.status === 503 ? hold() : response
  }
  const holding = hold()
  await isHeld.promise
  const finish = async (): Promise<number> => {
    goOn.resolve()
    return (await holding).status
  }
  const dispose = async (): Promise<void> => {
    await finish()
    await served.app.close()
  }
  return Object.assign(served, { finish, [Symbol.asyncDispose]: dispose })
}

const range = (length: number): number[] => Array.from({ length }, (_, index) => index)

async function expectExhausted(response: Response): Promise<void> {
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await response.json()).toEqual({
    statusCode: 503,
    code: 'DATA_BRIDGE_ERR_POOL_EXHAUSTED',
    error: 'Service Unavailable',
    message: 'The database is not available at the moment.',
  })
}

describe('every connection is in use', () => {
  it('timeouts.acquire: a 503 that says when to come again; and it takes no connection later', async () => {
    await using served = await busy({ timeouts: { acquire: 100 } })
    for (const response of await Promise.all(range(3).map(() => served.fetch('/users'))))
      await expectExhausted(response)
    const { dataBridge } = served.app
    expect(dataBridge.usage).toEqual({ total: 1, idle: 0, waiting: 0 })
    expect(await served.finish()).toBe(200)
    await expectIdle(dataBridge, query)
    expect(dataBridge.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
    expect((await served.fetch('/users')).status).toBe(200)
  })

  it('timeouts.acquire of a route counts for that route alone', async () => {
    await using served = await busy({})
    await using other = await serve({ database: served.app.dataBridge }, (app) => {
      const config = { dataBridge: { timeouts: { acquire: 50 } } }
      app.get('/hasty', { config }, async ({ session }) => session.find(User).count())
      counter(app)
    })
    const patient = other.fetch('/users')
    await expectExhausted(await other.fetch('/hasty'))
    expect(other.app.dataBridge.usage.waiting).toBe(1)
    await served.finish()
    expect((await patient).status).toBe(200)
  })

  it('maxWaiting: as many wait, one more is a 503 at once, and those who wait are served', async () => {
    await using served = await busy({ maxWaiting: 2 })
    const waiting = range(2).map(() => served.fetch('/users'))
    await expect.poll(() => served.app.dataBridge.usage.waiting).toBe(2)
    await expectExhausted(await served.fetch('/users'))
    expect(served.app.dataBridge.usage.waiting).toBe(2)
    expect(await served.finish()).toBe(200)
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200])
    await expectIdle(served.app.dataBridge, query)
  })

  it('what needs no session is answered meanwhile', async () => {
    await using served = await busy({ maxWaiting: 1 })
    const waiting = served.fetch('/users')
    await expect.poll(() => served.app.dataBridge.usage.waiting).toBe(1)
    const response = await served.fetch('/health')
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }])
    await served.finish()
    expect((await waiting).status).toBe(200)
  })

  it('maxWaiting does not count those who wait no longer', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    onTestFinished(() => pool.end())
    await using served = await busy({ pool, maxWaiting: 1, timeouts: { acquire: 50 } })
    const before = served.logs.length
    for (const _ of range(3)) await expectExhausted(await served.fetch('/users'))
    // Had the first counted for good, the others would be refused at once.
    const logged = served.logs.slice(before).flatMap(({ err }) => (err ? [err.stack] : []))
    const gaveUp: unknown = expect.stringContaining('within timeouts.acquire (50 ms')
    expect(logged).toEqual([gaveUp, gaveUp, gaveUp])
    await served.finish()
    await expectIdle(served.app.dataBridge, query)
    expect(served.app.dataBridge.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
  })

  it('maxWaiting counts those who come in one moment, before a free connection is taken', async () => {
    await using served = await serve({ connectionString: url, max: 1, maxWaiting: 1 }, counter)
    expect((await served.fetch('/users')).status).toBe(200)
    const { dataBridge } = served.app
    expect(dataBridge.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
    const ends = await Promise.allSettled(
      range(4).map(() => dataBridge.run((session) => session.find(User).count())),
    )
    expect(ends.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ])
    await expectIdle(dataBridge, query)
  })
})

it('a crowd is served or told to come again, and leaves every connection idle', async () => {
  const options = { connectionString: url, max: 2, maxWaiting: 5, timeouts: { acquire: 5000 } }
  await using served = await serve(options, (app) => {
    app.get('/', async ({ session }) => session.execute(sql`select pg_sleep(0.005)`))
  })
  const responses = await Promise.all(range(60).map(() => served.fetch('/')))
  const statuses = responses.map(({ status }) => status)
  expect(new Set(statuses)).toEqual(new Set([200, 503]))
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(7)
  for (const response of responses)
    if (response.status === 503) await expectExhausted(response)
    else await response.text()
  await expectIdle(served.app.dataBridge, query)
  expect((await served.fetch('/')).status).toBe(200)
})

describe('a network that swallows what is sent', () => {
  it('leaves nothing behind when six clients have left: the next one is answered', async () => {
    await using proxy = await WireProxy.to(url)
    await using served = await serve({ connectionString: proxy.url, max: 6 }, counter)
    proxy.swallowNew()
    const leaving = new AbortController()
    const { signal } = leaving
    const left = range(6).map(() =>
      expect(served.fetch('/users', { signal })).rejects.toThrow('abort'),
    )
    await expect.poll(() => proxy.wires.length).toBe(6)
    leaving.abort()
    await Promise.all(left)
    await expect.poll(() => served.app.dataBridge.usage.total).toBe(0)
    proxy.openNew()
    expect(await (await served.fetch('/users')).json()).toEqual({ users: 0 })
  })

  it('does not keep the application from closing, neither by idle connections nor by those that are made', async () => {
    await using proxy = await WireProxy.to(url)
    const served = await serve({ connectionString: proxy.url, max: 3 }, (app) => {
      counter(app)
      app.get('/sleep', async ({ session }) => session.execute(sql`select pg_sleep(0.05)`))
    })
    await Promise.all(range(2).map(() => served.fetch('/sleep')))
    expect(served.app.dataBridge.usage).toEqual({ total: 2, idle: 2, waiting: 0 })
    proxy.blackHole()
    const leaving = new AbortController()
    const { signal } = leaving
    const left = range(5).map(() =>
      expect(served.fetch('/users', { signal })).rejects.toThrow('abort'),
    )
    await expect.poll(() => proxy.wires.length).toBe(3)
    leaving.abort()
    await Promise.all(left)
    const start = performance.now()
    await served.app.close()
    expect(performance.now() - start).toBeLessThan(5000)
    await expect.poll(() => proxy.open).toHaveLength(0)
  })
})

it('a server that allows fewer connections than the pool serves everyone', async () => {
  const role = `${new URL(url).pathname.slice(1)}_few`
  await query(`create role ${role} login password 'pw' connection limit 3`)
  await query(`grant select on users to ${role}`)
  const own = Object.assign(new URL(url), { username: role, password: 'pw' })
  const served = await serve({ connectionString: own.href, max: 10 }, counter)
  const responses = await Promise.all(range(30).map(() => served.fetch('/users')))
  expect(responses.map(({ status }) => status)).toEqual(Array(30).fill(200))
  await served.app.close()
  await query(`drop owned by ${role}`)
  await query(`drop role ${role}`)
})
