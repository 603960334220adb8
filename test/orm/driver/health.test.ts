import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { Database, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { WireProxy } from '../../support/wire-proxy.ts'

const { database, url } = await testDatabase()

/** How much later than its limit an answer may be, on a busy machine. */
const slack = 1500

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

describe('health()', () => {
  it('is up where PostgreSQL answers, and tells how long that took and how busy the pool is', async () => {
    await using session = database.session()
    await session.execute(sql`select 1`)
    const { latencyMs, ...health } = await database.health()
    expect(health).toEqual({
      isUp: true,
      error: undefined,
      pool: { total: 2, idle: 1, waiting: 0 },
    })
    expect(latencyMs).toBeGreaterThan(0)
    expect(latencyMs).toBeLessThan(1000 + slack)
  })

  it('is not up where nobody listens', async () => {
    const nowhere = new URL(url)
    nowhere.port = String(await freePort())
    await using other = new Database({ connectionString: nowhere.href })
    expect(await other.health()).toMatchObject({
      isUp: false,
      error: 'DATA_BRIDGE_ERR_UNREACHABLE',
      pool: { total: 0, idle: 0, waiting: 0 },
    })
  })

  it('is not up where PostgreSQL refuses', async () => {
    const refused = new URL(url)
    refused.pathname = '/there_is_none'
    await using other = new Database({ connectionString: refused.href })
    expect(await other.health()).toMatchObject({
      isUp: false,
      error: 'DATA_BRIDGE_ERR_AUTHENTICATION',
    })
  })

  it('is not up, in time, where every connection is in use; and takes none later', async () => {
    await using small = new Database({ connectionString: url, max: 1 })
    await using session = small.session()
    await session.execute(sql`select 1`)
    const health = await small.health({ timeoutMs: 50 })
    expect(health).toMatchObject({
      isUp: false,
      error: 'DATA_BRIDGE_ERR_POOL_EXHAUSTED',
      pool: { total: 1, idle: 0, waiting: 0 },
    })
    expect(health.latencyMs).toBeGreaterThan(40)
    expect(health.latencyMs).toBeLessThan(50 + slack)
    await session.rollback()
    expect(await small.health({ timeoutMs: 5000 })).toMatchObject({
      isUp: true,
      pool: { total: 1, idle: 1, waiting: 0 },
    })
  })

  it('is not up, at once, where as many sessions wait as may', async () => {
    await using small = new Database({ connectionString: url, max: 1, maxWaiting: 0 })
    await using session = small.session()
    await session.execute(sql`select 1`)
    expect(await small.health({ timeoutMs: 60_000 })).toMatchObject({
      isUp: false,
      error: 'DATA_BRIDGE_ERR_POOL_EXHAUSTED',
    })
  })

  it('is not up, in time, where nothing comes back; and keeps no connection of that kind', async () => {
    await using proxy = await WireProxy.to(url)
    await using other = new Database({ connectionString: proxy.url, max: 2 })
    expect(await other.health()).toMatchObject({ isUp: true })
    proxy.blackHole()
    const health = await other.health({ timeoutMs: 100 })
    expect(health).toMatchObject({ isUp: false, error: 'DATA_BRIDGE_ERR_CONNECTION_LOST' })
    expect(health.latencyMs).toBeLessThan(100 + slack)
    expect(other.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
    proxy.restore()
    expect(await other.health({ timeoutMs: 5000 })).toMatchObject({ isUp: true })
    expect(other.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
  })

  it('is not up, in time, where no connection can be made', async () => {
    await using proxy = await WireProxy.to(url)
    proxy.blackHole()
    await using other = new Database({ connectionString: proxy.url, timeouts: { acquire: 200 } })
    const health = await other.health({ timeoutMs: 100 })
    expect(health).toMatchObject({ isUp: false, error: 'DATA_BRIDGE_ERR_UNREACHABLE' })
    expect(health.latencyMs).toBeLessThan(100 + slack)
    await expect.poll(() => other.usage.total).toBe(0)
  })

  it('is not up, and rejects nothing, when the database is closed, or a given pool is ended', async () => {
    const closed = new Database({ connectionString: url })
    await closed.close()
    expect(await closed.health()).toMatchObject({
      isUp: false,
      error: 'DATA_BRIDGE_ERR_UNREACHABLE',
    })
    const pool = new pg.Pool({ connectionString: url })
    await using given = new Database({ pool })
    await pool.end()
    expect(await given.health()).toMatchObject({
      isUp: false,
      error: 'DATA_BRIDGE_ERR_UNREACHABLE',
    })
  })

  it('serves as many who ask at once as there are connections, and the others after them', async () => {
    await using small = new Database({ connectionString: url, max: 2 })
    const all = await Promise.all(
      Array.from({ length: 20 }, () => small.health({ timeoutMs: 5000 })),
    )
    expect(all.map(({ isUp }) => isUp)).toEqual(Array(20).fill(true))
    expect(small.usage).toMatchObject({ waiting: 0, idle: small.usage.total })
  })
})
