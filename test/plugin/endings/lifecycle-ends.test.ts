import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { halfClosing, protocols, receive } from '../client.ts'
import { expectIdle, holdLock, names, serve, untilBlocked, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)
const lockKey = 31

const json = { 'content-type': 'application/json' }
const post = { method: 'POST', headers: json, body: '{"name":"ann"}' }
const inUse = (): number => database.usage.total - database.usage.idle

/** A handler that writes, and never returns. */
function writeForever(
  app: FastifyInstance,
  working: () => void,
  timeouts?: { readonly transaction: number },
): void {
  app.route({
    method: ['GET', 'POST'],
    url: '/',
    config: { dataBridge: { timeouts } },
    handler: async ({ session }) => {
      session.add(user('ann'))
      await session.flush()
      working()
      await new Promise(() => {})
    },
  })
}

describe.each(protocols)('a handler that never returns: $name', ({ isHttp2, request }) => {
  it('gives its connection back when its client leaves', async () => {
    const working = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => writeForever(app, working.resolve), {
      isHttp2,
    })
    const client = await request(served.port, '/')
    await working.promise
    expect(inUse()).toBe(1)
    client.leave()
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })

  it('gives its connection back after timeouts.transaction, though its client stays', async () => {
    const working = Promise.withResolvers<void>()
    await using served = await serve(
      { database },
      (app) => writeForever(app, working.resolve, { transaction: 300 }),
      { isHttp2 },
    )
    const client = await request(served.port, '/')
    await working.promise
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
    client.leave()
  })
})

describe('a POST whose body was read', () => {
  it('is not ended by handlerTimeout, which Fastify gives up when the body has ended', async () => {
    await using served = await serve({ database }, (app) => {
      app.post('/', { handlerTimeout: 20 }, async ({ session }) => {
        session.add(user('ann'))
        await session.flush()
        await wait(100)
        return 'fine'
      })
    })
    const response = await served.fetch('/', post)
    expect([response.status, await response.text()]).toEqual([200, 'fine'])
    expect(await names(query)).toEqual(['ann'])
  })

  it('is ended by timeouts.statement: the statement is cancelled, and it is a 504', async () => {
    await using _lock = await holdLock(url, lockKey)
    await using served = await serve({ database }, (app) => {
      const config = { dataBridge: { timeouts: { statement: 300 } } }
      app.post('/', { config, handlerTimeout: 20 }, async ({ session }) => {
        session.add(user('ann'))
        await session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
        return 'fine'
      })
    })
    const response = await served.fetch('/', post)
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT' })
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })

  it('is ended by timeouts.transaction: it is rolled back, and is a 504 whatever it answers', async () => {
    await using served = await serve({ database }, (app) => {
      const config = { dataBridge: { timeouts: { transaction: 300 } } }
      app.post('/', { config, handlerTimeout: 20 }, async ({ session }) => {
        session.add(user('ann'))
        await session.flush()
        await expectIdle(database, query)
        return 'fine'
      })
    })
    const response = await served.fetch('/', post)
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT' })
    expect(await names(query)).toEqual([])
  })
})

describe('requestTimeout', () => {
  it('is a 408 for a body that does not come, and what a hook has written is rolled back', async () => {
    await using served = await serve(
      { database },
      (app) => {
        app.addHook('onRequest', async ({ session }) => {
          session.add(user('ann'))
          await session.flush()
        })
        app.post('/', async () => 'unreachable')
      },
      // Node looks for such requests every thirty seconds, and allows a head its sixty, unless told otherwise.
      { requestTimeout: 100, http: { connectionsCheckingInterval: 20, headersTimeout: 100 } },
    )
    const socket = connectTcp(served.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.write(
      'POST / HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
    )
    await once(socket, 'close')
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })
})

describe.each(['GET', 'POST'] as const)(
  'a client that closes its half of the connection: %s',
  (method) => {
    it('has left, for Node: what is not committed is rolled back', async () => {
      const working = Promise.withResolvers<void>()
      await using served = await serve({ database }, (app) => writeForever(app, working.resolve))
      const client = await halfClosing(served.port, method)
      await working.promise
      expect(inUse()).toBe(1)
      client.leave()
      await expectIdle(database, query)
      expect(await names(query)).toEqual([])
    })

    it('in a query: which is cancelled', async () => {
      await using _lock = await holdLock(url, lockKey)
      const ended = Promise.withResolvers<unknown>()
      await using served = await serve({ database }, (app) => {
        app.route({
          method: ['GET', 'POST'],
          url: '/',
          handler: async ({ session }) => {
            session.add(user('ann'))
            const work = session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
            await work.then(ended.resolve, ended.resolve)
            return 'fine'
          },
        })
      })
      const client = await halfClosing(served.port, method)
      await untilBlocked(query, 'select pg_advisory')
      client.leave()
      expect(await ended.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
      await expectIdle(database, query)
      expect(await names(query)).toEqual([])
    })
  },
)

describe('an injected request whose signal is aborted', () => {
  it('is rolled back', async () => {
    const working = Promise.withResolvers<void>()
    const leaving = new AbortController()
    await using served = await serve({ database }, (app) => writeForever(app, working.resolve))
    const answer = served.app.inject({ url: '/', signal: leaving.signal }).catch(() => 'aborted')
    await working.promise
    leaving.abort()
    expect(await answer).toBe('aborted')
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })
})

describe('raw.write() and a value that is returned', () => {
  it.each([false, true])(
    'are a response that is cut off, with what was committed for it: HTTP/2 %s',
    async (isHttp2) => {
      await using served = await serve(
        { database },
        (app) => {
          app.get('/', async ({ session }, reply) => {
            session.add(user('ann'))
            reply.raw.write('raw')
            return 'fine'
          })
        },
        { isHttp2 },
      )
      const { isComplete } = await receive(served.port, { isHttp2 })
      expect(isComplete).toBe(false)
      await expect.poll(() => names(query)).toEqual(['ann'])
      await expectIdle(database, query)
    },
  )
})
