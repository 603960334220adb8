import { once } from 'node:events'
import Fastify from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { sql } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { protocols, receive } from '../client.ts'
import { holdLock, names, serve, untilBlocked, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { query, url } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

const [get, post] = protocols as [(typeof protocols)[0], (typeof protocols)[0]]
const lockKey = 3

/** How many connections the application has, as PostgreSQL sees it. */
const connections = async (): Promise<number> => {
  const rows = await query(
    `select from pg_stat_activity where datname = current_database() and application_name = 'app'`,
  )
  return rows.length
}

const options = { connectionString: url, application_name: 'app', max: 3 }

describe('app.close()', () => {
  // Over HTTP/2 Fastify waits with forceCloseConnections, too.
  it.each([
    { isHttp2: false, forceCloseConnections: false },
    { isHttp2: true, forceCloseConnections: false },
    { isHttp2: true, forceCloseConnections: true },
  ])(
    'waits for a request in flight, which is answered and committed: %j',
    async ({ isHttp2, forceCloseConnections }) => {
      const lock = await holdLock(url, lockKey)
      await using served = await serve(
        options,
        (app) => {
          app.get('/', async ({ session }) => {
            session.add(user('ann'))
            await session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
            return 'fine'
          })
        },
        { isHttp2, forceCloseConnections },
      )
      const answer = receive(served.port, { isHttp2 })
      await untilBlocked(query, 'select pg_advisory')
      const closed = served.app.close()
      await expect.poll(() => served.app.server.listening).toBe(false)
      await lock[Symbol.asyncDispose]()
      expect(await answer).toMatchObject({ status: 200, body: 'fine', isComplete: true })
      await closed
      expect(await names(query)).toEqual(['ann'])
      await expect.poll(connections).toBe(0)
    },
  )

  it.each([get, post])(
    'ends though the handler of a departed client still runs: $name',
    async (protocol) => {
      const working = Promise.withResolvers<void>()
      const gone = Promise.withResolvers<unknown>()
      const goOn = Promise.withResolvers<void>()
      const refused = Promise.withResolvers<unknown>()
      await using served = await serve(options, (app) => {
        app.route({
          method: ['GET', 'POST'],
          url: '/',
          handler: async ({ session }, reply) => {
            gone.resolve(once(reply.raw, 'close'))
            session.add(user('ann'))
            await session.flush()
            working.resolve()
            await goOn.promise
            await session.flush().then(refused.resolve, refused.resolve)
          },
        })
      })
      const client = await protocol.request(served.port, '/')
      await working.promise
      client.leave()
      await gone.promise
      await served.app.close()
      await expect.poll(connections).toBe(0)
      goOn.resolve()
      expect(await refused.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
      expect(await names(query)).toEqual([])
    },
  )

  it('does not wait for the statement of a departed client, which was cancelled', async () => {
    await using _lock = await holdLock(url, lockKey)
    const gone = Promise.withResolvers<unknown>()
    await using served = await serve(options, (app) => {
      app.get('/', async ({ session }, reply) => {
        gone.resolve(once(reply.raw, 'close'))
        session.add(user('ann'))
        await session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
        return 'fine'
      })
    })
    const client = await get.request(served.port, '/')
    await untilBlocked(query, 'select pg_advisory')
    client.leave()
    await gone.promise
    await served.app.close()
    await expect.poll(connections).toBe(0)
    expect(await names(query)).toEqual([])
  })

  it('with forceCloseConnections rolls back what is in flight', async () => {
    const working = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<unknown>()
    await using served = await serve(
      options,
      (app) => {
        app.get('/', async ({ session }) => {
          session.add(user('ann'))
          await session.flush()
          working.resolve()
          await goOn.promise
          await session.flush().then(ended.resolve, ended.resolve)
        })
      },
      { forceCloseConnections: true },
    )
    const answer = receive(served.port)
    await working.promise
    await served.app.close()
    expect(await answer).toMatchObject({ status: undefined, isComplete: false })
    await expect.poll(connections).toBe(0)
    goOn.resolve()
    expect(await ended.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
    expect(await names(query)).toEqual([])
  })

  it('rolls back an injected request, which it does not wait for: never a 200 without its rows', async () => {
    const working = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const app = Fastify()
    app.register(dataBridge, options)
    app.get('/', async ({ session }) => {
      session.add(user('ann'))
      await session.flush()
      working.resolve()
      await goOn.promise
      return 'fine'
    })
    const answer = app.inject('/')
    await working.promise
    await app.close()
    await expect.poll(connections).toBe(0)
    goOn.resolve()
    expect((await answer).json()).toMatchObject({
      statusCode: 500,
      code: 'DATA_BRIDGE_ERR_SESSION_CLOSED',
    })
    expect(await names(query)).toEqual([])
  })

  it('does not wait for the lock of an injected request: its statement is cancelled', async () => {
    await using _lock = await holdLock(url, lockKey)
    const app = Fastify()
    app.register(dataBridge, options)
    app.get('/', async ({ session }) => {
      session.add(user('ann'))
      await session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
      return 'fine'
    })
    const answer = app.inject('/')
    await untilBlocked(query, 'select pg_advisory')
    await app.close()
    expect((await answer).json()).toMatchObject({
      statusCode: 500,
      code: 'DATA_BRIDGE_ERR_SESSION_CLOSED',
    })
    await expect.poll(connections).toBe(0)
    expect(await names(query)).toEqual([])
  })

  it('refuses a session that is first used afterwards', async () => {
    const goOn = Promise.withResolvers<void>()
    const app = Fastify()
    app.register(dataBridge, options)
    const entered = Promise.withResolvers<void>()
    app.get('/', async (request) => {
      entered.resolve()
      await goOn.promise
      return request.session.execute(sql`select 1`)
    })
    const answer = app.inject('/')
    await entered.promise
    await app.close()
    goOn.resolve()
    expect((await answer).json()).toMatchObject({
      statusCode: 500,
      code: 'DATA_BRIDGE_ERR_SESSION_CLOSED',
    })
  })

  it('runs the onClose hooks of scopes below and of plugins that came later first, with the database', async () => {
    const found: unknown[] = []
    const app = Fastify()
    await app.register(dataBridge, options)
    const find = async (): Promise<void> => {
      found.push(...(await app.dataBridge.run((session) => session.execute(sql`select 1 as one`))))
    }
    app.addHook('onClose', find)
    app.register(async (scope) => scope.addHook('onClose', find))
    await app.ready()
    await app.close()
    expect(found).toEqual([{ one: 1 }, { one: 1 }])
    await expect.poll(connections).toBe(0)
  })
})
