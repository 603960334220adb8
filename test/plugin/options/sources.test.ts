import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { sql } from '../../../orm/index.ts'
import type { DataBridgeOptions } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'
import { serve, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, url } = stored
watchForLeaks(stored)
afterEach(() => vi.unstubAllEnvs())

const answer = (app: FastifyInstance): void => {
  app.get('/', async ({ session }) => ({ users: await session.find(User).count() }))
}

describe('where connections come from', () => {
  it('connectionString: a pool of its own, which ends with the application', async () => {
    const served = await serve({ connectionString: url, max: 2 }, answer)
    const own = served.app.dataBridge
    expect(await (await served.fetch('/')).json()).toEqual({ users: 0 })
    expect(own.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
    await served.app.close()
    expect(own.usage.total).toBe(0)
    await expect(own.run((session) => session.find(User).count())).rejects.toMatchObject({
      code: 'DATA_BRIDGE_ERR_SESSION_CLOSED',
    })
  })

  it('a pool with the option pipeline is refused, unless it is off', async () => {
    const options = { connectionString: url, pipeline: true }
    const pool = new pg.Pool(options)
    await expect(serve({ pool }, answer)).rejects.toThrow(
      'pool expected a pg.Pool without the option pipeline',
    )
    await pool.end()
    const off = { connectionString: url, pipeline: null }
    const usual = new pg.Pool(off as object)
    {
      await using served = await serve({ pool: usual }, answer)
      expect(await (await served.fetch('/')).json()).toEqual({ users: 0 })
    }
    await usual.end()
  })

  it('DATABASE_URL, where no other is given', async () => {
    vi.stubEnv('DATABASE_URL', url)
    await using served = await serve({}, answer)
    expect(await (await served.fetch('/')).json()).toEqual({ users: 0 })
  })

  it('DATABASE_URL, where an option is given without a value', async () => {
    vi.stubEnv('DATABASE_URL', url)
    const unset = { connectionString: undefined, pool: undefined, database: undefined }
    await using served = await serve(unset, answer)
    expect(await (await served.fetch('/')).json()).toEqual({ users: 0 })
  })

  it('the settings of a server; database is then the name of one', async () => {
    const { hostname: host, port, username: user, password, pathname } = new URL(url)
    const settings = { host, port: Number(port), user: decodeURIComponent(user) }
    await using served = await serve(
      { ...settings, password: () => decodeURIComponent(password), database: pathname.slice(1) },
      answer,
    )
    expect(await (await served.fetch('/')).json()).toEqual({ users: 0 })
  })

  it('the environment of pg, where DATABASE_URL is not set, or a name is given', async () => {
    const { hostname, port, username, password, pathname } = new URL(url)
    vi.stubEnv('DATABASE_URL', undefined)
    vi.stubEnv('PGHOST', hostname)
    vi.stubEnv('PGPORT', port)
    vi.stubEnv('PGUSER', decodeURIComponent(username))
    vi.stubEnv('PGPASSWORD', decodeURIComponent(password))
    vi.stubEnv('PGDATABASE', 'nowhere')
    await using named = await serve({ database: pathname.slice(1) }, answer)
    expect(await (await named.fetch('/')).json()).toEqual({ users: 0 })
    vi.stubEnv('PGDATABASE', pathname.slice(1))
    await using served = await serve({}, answer)
    expect(await (await served.fetch('/')).json()).toEqual({ users: 0 })
  })

  it('pool: not ended on close, and still of use', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    try {
      const unset = { connectionString: undefined } as unknown as DataBridgeOptions
      const served = await serve({ ...unset, pool, tables: blog }, answer)
      expect(await (await served.fetch('/')).json()).toEqual({ users: 0 })
      await served.app.close()
      expect(pool).toMatchObject({ ended: false, totalCount: 1, idleCount: 1 })
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      expect(pool.listenerCount('error')).toBe(0)
    } finally {
      await pool.end()
    }
  })

  it('database: not closed with the application', async () => {
    const served = await serve({ database }, answer)
    expect(await (await served.fetch('/')).json()).toEqual({ users: 0 })
    await served.app.close()
    expect(await database.run((session) => session.find(User).count())).toBe(0)
  })

  it('settings of the pool reach PostgreSQL', async () => {
    await using served = await serve(
      { connectionString: url, application_name: 'blog', statement_timeout: 1234 },
      (app) => {
        app.get('/', async ({ session }) =>
          session.execute(
            sql`select current_setting('application_name') as name, current_setting('statement_timeout') as timeout`,
          ),
        )
      },
    )
    expect(await (await served.fetch('/')).json()).toEqual([{ name: 'blog', timeout: '1234ms' }])
  })

  it.each([
    ['me@127.0.0.1:1/none', 'postgresql://me:s3cret@127.0.0.1:1/none'],
    ['50%off@127.0.0.1:1/none', 'postgresql://50%off:s3cret@127.0.0.1:1/none'],
  ])(
    'does not connect before a request needs it, and is a 503 then: %s',
    async (where, connectionString) => {
      await using served = await serve({ connectionString }, (app) => {
        answer(app)
        app.get('/health', async () => 'ok')
      })
      expect((await served.fetch('/health')).status).toBe(200)
      const response = await served.fetch('/')
      expect(response.status).toBe(503)
      expect(await response.json()).toEqual({
        statusCode: 503,
        code: 'DATA_BRIDGE_ERR_UNREACHABLE',
        error: 'Service Unavailable',
        message: 'The database is not available at the moment.',
      })
      expect(JSON.stringify(served.logs)).not.toContain('s3cret')
      expect(served.logs.find(({ err }) => err !== undefined)?.err?.stack).toContain(where)
    },
  )
})
