import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Database, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { failure } from '../../support/failure.ts'
import { WireProxy } from '../../support/wire-proxy.ts'

const { url, query } = await testDatabase()

const range = (length: number): number[] => Array.from({ length }, (_, index) => index)
let roles = 0

/** A role that may have only so many connections; the URL is its own. */
async function limitedRole(limit: number): Promise<{ name: string; url: string }> {
  const name = `${new URL(url).pathname.slice(1)}_${(roles += 1)}`
  await query(`create role ${name} login password 'pw' connection limit ${limit}`)
  onTestFinished(async () => {
    await expect
      .poll(() => query('select from pg_stat_activity where usename = $1', [name]))
      .toEqual([])
    await query(`drop role ${name}`)
  })
  const own = new URL(url)
  own.username = name
  own.password = 'pw'
  return { name, url: own.href }
}

const sleep = (database: Database, seconds = 0.02): Promise<unknown> =>
  database.run((session) => session.execute(sql`select pg_sleep(${seconds}::float8)`))

describe('fewer connections than the pool may have', () => {
  it.each(['its own pool', 'a given pool'])(
    'all requests are served by those that live: %s',
    async (kind) => {
      const role = await limitedRole(3)
      await using proxy = await WireProxy.to(role.url)
      const pool = new pg.Pool({ connectionString: proxy.url, max: 10 })
      {
        await using database = new Database(
          kind === 'its own pool' ? { connectionString: proxy.url, max: 10 } : { pool },
        )
        const answers = await Promise.allSettled(range(30).map(() => sleep(database)))
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['fulfilled']))
        expect(database.usage).toEqual({ total: 3, idle: 3, waiting: 0 })
        // One attempt for each place in the pool, not one for each request.
        expect(proxy.wires.length).toBeLessThanOrEqual(13)
        await Promise.all(range(30).map(() => sleep(database)))
        expect(proxy.wires.length).toBeLessThanOrEqual(16)
      }
      await pool.end()
    },
  )

  it('where none lives, all fail at once, and the error says what to do', async () => {
    const role = await limitedRole(1)
    await using other = new Database({ connectionString: role.url, max: 1 })
    await using holder = other.session()
    await holder.execute(sql`select 1`)
    await using database = new Database({ connectionString: role.url, max: 10 })
    const start = performance.now()
    const errors = await Promise.all(
      range(30).map(() => failure('DATA_BRIDGE_ERR_POOL_EXHAUSTED', sleep(database))),
    )
    // Far below timeouts.acquire, also on a busy machine.
    expect(performance.now() - start).toBeLessThan(10_000)
    expect(errors[29]).toMatchObject({ sqlState: '53300', statusCode: 503 })
    expect(errors[29]?.details).toMatch(/accepts no further connection.*lower max/)
    expect(database.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
    await holder.rollback()
    await other.close()
    await sleep(database)
  })

  it('those who wait longer than their limit are told of the refusal', async () => {
    const role = await limitedRole(1)
    await using database = new Database({ connectionString: role.url, max: 2 })
    await using holder = database.session()
    await holder.execute(sql`select 1`)
    const leaving = new AbortController()
    await using first = database.session({ signal: leaving.signal })
    const left = failure('DATA_BRIDGE_ERR_ABORTED', first.execute(sql`select 1`))
    await expect.poll(() => database.usage).toEqual({ total: 1, idle: 0, waiting: 1 })
    leaving.abort()
    await left
    await using waiting = database.session({ timeouts: { acquire: 100 } })
    const error = await failure('DATA_BRIDGE_ERR_POOL_EXHAUSTED', waiting.execute(sql`select 1`))
    expect(error.details).toMatch(
      /1 in use; .*PostgreSQL refused another one: too many connections/,
    )
    expect(error.sqlState).toBe('53300')
    await expect.poll(() => database.usage).toEqual({ total: 1, idle: 0, waiting: 0 })
  })

  it('a place that becomes free is found, though no connection comes back', async () => {
    const role = await limitedRole(2)
    await using other = new Database({ connectionString: role.url, max: 1 })
    await using elsewhere = other.session()
    await elsewhere.execute(sql`select 1`)
    await using database = new Database({ connectionString: role.url, max: 5 })
    await using holder = database.session()
    await holder.execute(sql`select 1`)
    const waiting = sleep(database)
    await expect.poll(() => database.usage).toEqual({ total: 1, idle: 0, waiting: 1 })
    await elsewhere.close()
    await other.close()
    await waiting
    expect(database.usage.total).toBe(2)
  })

  it('those who wait fail when the last connection is lost and none can be made', async () => {
    const role = await limitedRole(1)
    await using database = new Database({ connectionString: role.url, max: 3 })
    const session = database.session()
    const [row] = await session.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    const waiting = sleep(database)
    await expect.poll(() => database.usage.waiting).toBe(1)
    await query(`alter role ${role.name} nologin`)
    await query('select pg_terminate_backend($1)', [row?.pid])
    await session.close()
    await failure('DATA_BRIDGE_ERR_AUTHENTICATION', waiting)
    await query(`alter role ${role.name} login`)
    await sleep(database)
  })

  it('a pooler that has enough clients is known by its words', async () => {
    // PgBouncer's answer, byte for byte.
    const words = 'no more connections allowed (max_client_conn)'
    const fields = Buffer.from(`SFATAL\0C08P01\0M${words}\0\0`)
    const head = Buffer.from([0x45, 0, 0, 0, fields.length + 4])
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(Buffer.concat([head, fields])))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    await using database = new Database({ host: '127.0.0.1', port, user: 'me' })
    const error = await failure('DATA_BRIDGE_ERR_POOL_EXHAUSTED', sleep(database))
    expect(error.details).toContain(words)
    server.close()
  })
})

describe('a given pool that the application uses, too', () => {
  it('serves both in turn, where all connections are in use', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    {
      await using database = new Database({ pool })
      const order: string[] = []
      const direct = (name: string): Promise<unknown> =>
        pool.query('select pg_sleep(0.01)').then(() => order.push(name))
      const held = await pool.connect()
      const all = [direct('a'), direct('b'), sleep(database).then(() => order.push('ours'))]
      await expect.poll(() => database.usage.waiting).toBe(3)
      all.push(direct('c'), direct('d'))
      held.release()
      await Promise.all(all)
      expect(order).toEqual(['a', 'b', 'ours', 'c', 'd'])
    }
    await pool.end()
  })

  it('is an error at once when the application has ended it', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 2 })
    await using database = new Database({ pool })
    const session = database.session()
    await session.execute(sql`create temp table kept ()`)
    const ended = pool.end()
    const error = await failure('DATA_BRIDGE_ERR_UNREACHABLE', sleep(database))
    expect(error.details).toContain('Cannot use a pool after calling end')
    await session.rollback()
    await ended
  })
})
