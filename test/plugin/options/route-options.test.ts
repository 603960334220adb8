import Fastify, { type FastifyRequest, type RouteShorthandOptions } from 'fastify'
import { describe, expect, it } from 'vitest'
import { DataBridgeError, sql } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'
import { holdLock, serve, untilBlocked, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)

describe('options of a route', () => {
  const invalid: [string, unknown, RegExp][] = [
    [
      'an unknown one',
      { comitOn: () => true },
      /config\.dataBridge has no option comitOn; it has commitOn/,
    ],
    [
      'commitOn',
      { commitOn: 'always' },
      /config\.dataBridge\.commitOn expected a function.*got the string/,
    ],
    [
      'readOnly',
      { readOnly: 'yes' },
      /config\.dataBridge\.readOnly expected true or false, got the string "yes"/,
    ],
    [
      'isolation',
      { isolation: 'snapshot' },
      /config\.dataBridge\.isolation expected.*got the string "snapshot"/,
    ],
    [
      'deferrable',
      { deferrable: true, readOnly: true },
      /config\.dataBridge\.deferrable expected isolation: 'serializable' and readOnly: true beside it, got no isolation and/,
    ],
    [
      'transaction',
      { transaction: 'always' },
      /config\.dataBridge\.transaction expected true or false, got the string "always"/,
    ],
    [
      'transaction',
      { transaction: false, readOnly: true },
      /config\.dataBridge\.transaction expected true or no value with readOnly: true, got false/,
    ],
    [
      'transaction',
      { transaction: false, isolation: 'serializable' },
      /config\.dataBridge\.transaction expected true or no value with isolation: 'serializable', got false/,
    ],
    [
      'timeouts',
      { timeouts: 5000 },
      /config\.dataBridge\.timeouts expected an object such as .*got the number 5000/,
    ],
    [
      'timeouts',
      { timeouts: { statements: 1 } },
      /config\.dataBridge\.timeouts has no statements; it has acquire, statement, transaction/,
    ],
    [
      'timeouts',
      { timeouts: { transaction: 0.5 } },
      /config\.dataBridge\.timeouts\.transaction expected whole milliseconds.*got the number 0\.5/,
    ],
    [
      'stream',
      { stream: 'after' },
      /config\.dataBridge\.stream expected one of 'before', 'deferred', got the string "after"/,
    ],
    [
      'etag',
      { etag: 'strong' },
      /config\.dataBridge\.etag expected true or false, got the string "strong"/,
    ],
    ['stream', { stream: true }, /config\.dataBridge\.stream expected.*got the boolean true/],
    ['slowQueryMs', { slowQueryMs: 5 }, /config\.dataBridge has no option slowQueryMs; it has/],
    ['no object', true, /config\.dataBridge expected an object, got the boolean true/],
    ['null', null, /config\.dataBridge expected an object, got null/],
  ]

  it.each(invalid)(
    'are checked when the route is declared: %s',
    async (_option, config, message) => {
      await using app = Fastify()
      await app.register(dataBridge, { database })
      const declare = (): unknown =>
        app.get('/posts', { config: { dataBridge: config } } as RouteShorthandOptions, () => '')
      expect(declare).toThrow(DataBridgeError)
      expect(declare).toThrow(message)
      expect(declare).toThrow(/GET \/posts/)
    },
  )

  it.each(invalid)(
    'are checked at the first use of a route that is declared before the plugin has loaded: %s',
    async (_option, config, message) => {
      await using served = await serve({ database }, (app) => {
        const options = { config: { dataBridge: config } } as RouteShorthandOptions
        app.get('/posts', options, async ({ session }) => session.find(User).count())
      })
      expect((await served.fetch('/posts')).status).toBe(500)
      const { stack } = served.logs.find(({ err }) => err !== undefined)?.err ?? { stack: '' }
      expect(stack).toMatch(message)
      expect(stack).toMatch(/GET \/posts/)
    },
  )

  it('readOnly refuses changes, and PostgreSQL refuses writes in SQL', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/show', { config: { dataBridge: { readOnly: true } } }, async ({ session }) =>
        session.execute(sql`select current_setting('transaction_read_only') as "readOnly"`),
      )
      app.get('/write', { config: { dataBridge: { readOnly: true } } }, async ({ session }) =>
        session.execute(sql`delete from users`),
      )
    })
    expect(await (await served.fetch('/show')).json()).toEqual([{ readOnly: 'on' }])
    expect((await served.fetch('/write')).status).toBe(500)
  })

  it('isolation is that of its transactions', async () => {
    await using served = await serve({ database }, (app) => {
      const config = { dataBridge: { isolation: 'serializable' } } as const
      app.get('/', { config }, async ({ session }) =>
        session.execute(sql`select current_setting('transaction_isolation') as isolation`),
      )
    })
    expect(await (await served.fetch('/')).json()).toEqual([{ isolation: 'serializable' }])
  })

  it('deferrable is that of its transactions', async () => {
    await using served = await serve({ database }, (app) => {
      const config = {
        dataBridge: { isolation: 'serializable', readOnly: true, deferrable: true },
      } as const
      app.get('/', { config }, async ({ session }) =>
        session.execute(sql`select current_setting('transaction_deferrable') as deferrable`),
      )
    })
    expect(await (await served.fetch('/')).json()).toEqual([{ deferrable: 'on' }])
  })

  it('transaction: true begins with the first statement, which may only read', async () => {
    await using served = await serve({ database }, (app) => {
      const began = async ({ session }: FastifyRequest): Promise<unknown> => {
        await session.find(User).count()
        return query(`select pid from pg_stat_activity
          where state = 'idle in transaction' and datname = current_database()`)
      }
      app.get('/usual', began)
      app.get('/without', { config: { dataBridge: { transaction: false } } }, began)
      app.get('/with', { config: { dataBridge: { transaction: true } } }, began)
    })
    const heldBy = async (path: string): Promise<unknown> => (await served.fetch(path)).json()
    expect(await heldBy('/usual')).toEqual([])
    expect(await heldBy('/without')).toEqual([])
    expect(await heldBy('/with')).toHaveLength(1)
  })

  it('timeouts replace those of the application one by one', async () => {
    const options = { connectionString: url, timeouts: { statement: 300, transaction: 60_000 } }
    await using served = await serve(options, (app) => {
      const waiting = async ({ session }: FastifyRequest): Promise<string> => {
        await session.execute(sql`select pg_advisory_lock_shared(7)`)
        return 'locked'
      }
      app.get('/usual', waiting)
      app.get('/other', { config: { dataBridge: { timeouts: { transaction: 30_000 } } } }, waiting)
      app.get('/patient', { config: { dataBridge: { timeouts: { statement: 60_000 } } } }, waiting)
    })
    const lock = await holdLock(url, 7)
    const patient = served.fetch('/patient')
    await untilBlocked(query, 'select pg_advisory_lock_shared')
    for (const path of ['/usual', '/other']) {
      const response = await served.fetch(path)
      expect(response.status).toBe(504)
      expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT' })
    }
    await lock[Symbol.asyncDispose]()
    expect(await (await patient).text()).toBe('locked')
  })
})
