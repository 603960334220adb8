import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { Database, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import { coded, failure } from '../../support/failure.ts'
import { WireProxy } from '../../support/wire-proxy.ts'

const { url } = await testDatabase()

const range = (length: number): number[] => Array.from({ length }, (_, index) => index)
const one = (database: Database, options?: Parameters<Database['run']>[1]): Promise<unknown> =>
  database.run((session) => session.execute(sql`select 1 as one`), options)

/** Three seconds, and some for a busy machine. */
const closingMs = 5000

async function expectPrompt(close: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  await close()
  expect(performance.now() - start).toBeLessThan(closingMs)
}

/** In front of PostgreSQL. It can leave the end of a connection unanswered, as a network does that is cut. */
async function deafServer(target: string) {
  const { hostname, port } = new URL(target)
  const clients = new Set<Socket>()
  let isDeaf = false
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const backend = connect(Number(port), hostname)
    clients.add(client)
    backend.on('data', (chunk) => client.write(chunk))
    client.on('data', (chunk) => void (isDeaf || backend.write(chunk)))
    client.on('end', () => void (isDeaf || client.end()))
    for (const socket of [client, backend]) socket.on('error', () => {})
    client.on('close', () => {
      clients.delete(client)
      backend.destroy()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = new URL(target)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: url.href,
    stopListening: () => void (isDeaf = true),
    /** How many connections are not over, as the kernel says: a socket that was destroyed answers with a reset. */
    open: () => {
      for (const client of clients) client.write('x')
      return clients.size
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

describe('a network that swallows what new connections say', () => {
  it.each(['its own pool', 'a given pool'])(
    'leaves no place taken when all who waited have left: %s',
    async (kind) => {
      await using proxy = await WireProxy.to(url)
      const pool = new pg.Pool({ connectionString: proxy.url, max: 3 })
      await using database = new Database(
        kind === 'its own pool' ? { connectionString: proxy.url, max: 3 } : { pool },
      )
      proxy.swallowNew()
      const leaving = new AbortController()
      const left = range(6).map(() =>
        failure('DATA_BRIDGE_ERR_ABORTED', one(database, { signal: leaving.signal })),
      )
      await expect.poll(() => database.usage.waiting).toBe(3)
      await expect.poll(() => proxy.wires.length).toBe(3)
      leaving.abort()
      await Promise.all(left)
      await expect.poll(() => database.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
      await expect
        .poll(() => proxy.wires.map(({ isClosed }) => isClosed))
        .toEqual([true, true, true])
      proxy.openNew()
      expect(await one(database)).toEqual([{ one: 1 }])
      await database.close()
      await pool.end()
    },
  )

  it('gives up as many attempts as requests have left, and serves who stays', async () => {
    await using proxy = await WireProxy.to(url)
    await using database = new Database({ connectionString: proxy.url, max: 2 })
    proxy.swallowNew()
    const leaving = new AbortController()
    const left = failure('DATA_BRIDGE_ERR_ABORTED', one(database, { signal: leaving.signal }))
    const stays = one(database)
    await expect.poll(() => proxy.wires.length).toBe(2)
    leaving.abort()
    await left
    await expect.poll(() => database.usage.total).toBe(1)
    proxy.restore()
    // Nobody has left it, so its attempt goes on; the reset ends it, and says why.
    await expect(stays).rejects.toThrow(coded('DATA_BRIDGE_ERR_UNREACHABLE'))
    expect(await one(database)).toEqual([{ one: 1 }])
  })

  it('is left with the reason of who leaves, also when only the first statement is swallowed', async () => {
    await using proxy = await WireProxy.to(url)
    await using database = new Database({ connectionString: proxy.url, max: 1 })
    const sent = proxy.before('toServer', 'pg_backend_pid', (wire) => wire.drop())
    const leaving = new AbortController()
    const left = failure('DATA_BRIDGE_ERR_ABORTED', one(database, { signal: leaving.signal }))
    await sent
    leaving.abort()
    await left
    expect(await one(database)).toEqual([{ one: 1 }])
  })

  it.each([
    [{ acquire: 300 }, 'DATA_BRIDGE_ERR_UNREACHABLE', 'within timeouts.acquire (300 ms'],
    [{ statement: 300 }, 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', '300 ms'],
  ] as const)(
    'is given up at the limit of the first statement: %o',
    async (timeouts, code, words) => {
      await using proxy = await WireProxy.to(url)
      await using database = new Database({ connectionString: proxy.url, timeouts, max: 1 })
      void proxy.before('toServer', 'pg_backend_pid', (wire) => wire.drop())
      const { details } = await failure(code, one(database))
      expect(details).toContain(words)
    },
  )

  it('is given up after timeouts.acquire, with an error that says where to look', async () => {
    await using proxy = await WireProxy.to(url)
    await using database = new Database({
      connectionString: proxy.url,
      timeouts: { acquire: 100 },
    })
    proxy.swallowNew()
    const error = await failure('DATA_BRIDGE_ERR_UNREACHABLE', one(database))
    expect(error.details).toMatch(/within timeouts\.acquire \(100 ms; .*check that it runs/)
    await expect.poll(() => database.usage.total).toBe(0)
    proxy.restore()
    expect(await database.health({ timeoutMs: 10_000 })).toMatchObject({ isUp: true })
  })

  it('is dialled again for a session that waits longer than an attempt may take', async () => {
    await using proxy = await WireProxy.to(url)
    await using database = new Database({
      connectionString: proxy.url,
      connectionTimeoutMillis: 100,
    })
    proxy.swallowNew()
    const patient = one(database, { timeouts: { acquire: 30_000 } })
    await expect.poll(() => proxy.wires.length).toBeGreaterThan(1)
    proxy.openNew()
    expect(await patient).toEqual([{ one: 1 }])
  })

  it('is waited for without a limit by acquire: false', async () => {
    await using proxy = await WireProxy.to(url)
    await using database = new Database({
      connectionString: proxy.url,
      max: 1,
      connectionTimeoutMillis: 0,
      timeouts: { acquire: 50 },
    })
    const held = proxy.before('toClient', 'server_version', (wire) => wire.hold('toClient'))
    const patient = one(database, { timeouts: { acquire: false } })
    const wire = await held
    const hasty = await failure('DATA_BRIDGE_ERR_UNREACHABLE', one(database))
    expect(hasty.details).toContain('within timeouts.acquire (50 ms')
    wire.resume('toClient')
    expect(await patient).toEqual([{ one: 1 }])
  })
})

describe('close(), where the network is silent', () => {
  it('ends while connections are being made', async () => {
    await using proxy = await WireProxy.to(url)
    const database = new Database({ connectionString: proxy.url, max: 2 })
    proxy.swallowNew()
    const waiting = range(3).map(() => failure('DATA_BRIDGE_ERR_SESSION_CLOSED', one(database)))
    await expect.poll(() => proxy.wires.length).toBe(2)
    await expectPrompt(() => database.close())
    await Promise.all(waiting)
    await expect.poll(() => proxy.open).toHaveLength(0)
  })

  it('ends with idle connections whose end nobody confirms, and leaves no socket open', async () => {
    await using hole = await deafServer(url)
    const database = new Database({ connectionString: hole.url, max: 2 })
    await Promise.all([one(database), one(database)])
    hole.stopListening()
    await expectPrompt(() => database.close())
    await expect.poll(() => hole.open()).toBe(0)
  })

  it('ends while statements, transactions and a health check wait for answers', async () => {
    await using proxy = await WireProxy.to(url)
    const database = new Database({ connectionString: proxy.url, max: 4 })
    await Promise.all(range(4).map(() => one(database)))
    const session = database.session()
    await session.execute(sql`create temp table kept ()`)
    proxy.blackHole()
    const lost = [
      failure('DATA_BRIDGE_ERR_SESSION_CLOSED', session.execute(sql`select 2`)),
      failure('DATA_BRIDGE_ERR_SESSION_CLOSED', one(database)),
      database.health({ timeoutMs: 60_000 }),
    ]
    await expectPrompt(() => database.close())
    await Promise.all(lost)
    await expect.poll(() => proxy.open).toHaveLength(0)
  })
})
