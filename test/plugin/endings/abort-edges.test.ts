import { once } from 'node:events'
import type { FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { pipelined, protocols } from '../client.ts'
import {
  expectIdle,
  holdCommits,
  holdLock,
  names,
  serve,
  untilBlocked,
  watchForLeaks,
} from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
await holdCommits(query, 6)
beforeEach(stored.truncate)

const [get] = protocols as [(typeof protocols)[0]]

describe('a pipelined request whose client leaves', () => {
  it.each<[string, unknown]>([
    ['something', 'fine'],
    ['nothing', undefined],
  ])('before its response has the socket is rolled back, returning %s', async (_what, payload) => {
    const working = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const first = Promise.withResolvers<unknown>()
    const second = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => {
      app.get('/first', async (_request, reply) => {
        first.resolve(once(reply.raw, 'close'))
        await goOn.promise
      })
      app.get('/second', async ({ session }) => {
        session.add(user('ann'))
        await session.flush()
        working.resolve()
        await goOn.promise
        second.resolve()
        return payload
      })
    })
    const client = await pipelined(served.port, '/first', '/second')
    await working.promise
    client.leave()
    await first.promise
    await expectIdle(database, query)
    goOn.resolve()
    await second.promise
    await served.app.close()
    expect(await names(query)).toEqual([])
  })

  it('before it uses its session gets none', async () => {
    const first = Promise.withResolvers<unknown>()
    const refused = Promise.withResolvers<unknown>()
    await using served = await serve({ database }, (app) => {
      app.get('/first', async (_request, reply) => {
        first.resolve(once(reply.raw, 'close'))
        await first.promise
      })
      app.get('/second', async (request) => {
        await first.promise
        const use = async (): Promise<number> => request.session.find(User).count()
        await use().then(refused.resolve, refused.resolve)
      })
    })
    const client = await pipelined(served.port, '/first', '/second')
    client.leave()
    expect(await refused.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_CLIENT_GONE' })
  })

  it('is committed and answered where the client stays', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/first', async ({ session }) => session.add(user('ann')))
      app.get('/second', async ({ session }) => session.add(user('bob')))
    })
    const client = await pipelined(served.port, '/first', '/second')
    await expect.poll(() => names(query)).toEqual(['ann', 'bob'])
    client.leave()
  })
})

describe('a response that is taken out of the hands of Fastify', () => {
  const endings: [string, (session: Session, reply: FastifyReply) => unknown][] = [
    ['reply.hijack() and raw.end()', (_session, reply) => reply.hijack().raw.end('raw')],
    ['raw.end() without hijack', (_session, reply) => reply.raw.end('raw')],
  ]

  it.each(endings)('is rolled back: %s', async (_what, end) => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        await session.flush()
        end(session, reply)
      })
    })
    const response = await served.fetch('/')
    expect(await response.text()).toBe('raw')
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
    expect(served.logs.map(({ msg }) => msg)).toContain(
      'the response was ended by hand before the session was committed: what it changed is rolled back',
    )
  })

  it.each(endings)('keeps what was committed by hand before: %s', async (_what, end) => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        await session.commit()
        session.add(user('bob'))
        await session.flush()
        end(session, reply)
      })
    })
    expect(await (await served.fetch('/')).text()).toBe('raw')
    await expectIdle(database, query)
    expect(await names(query)).toEqual(['ann'])
  })

  it('is rolled back, and released, where the handler throws after it', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        await session.flush()
        reply.hijack()
        reply.raw.end('raw')
        throw new Error('boom')
      })
    })
    expect(await (await served.fetch('/')).text()).toBe('raw')
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })

  it('is rolled back, and released, where the client leaves it open', async () => {
    const open = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        await session.flush()
        reply.hijack()
        reply.raw.write('first')
        open.resolve()
      })
    })
    const client = await get.request(served.port, '/')
    await open.promise
    expect(database.usage.total - database.usage.idle).toBe(1)
    client.leave()
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })
})

describe('a time limit of Fastify', () => {
  it('handlerTimeout: the client has its 503, the statement is cancelled, and nothing is saved', async () => {
    await using _lock = await holdLock(url, 5)
    const ended = Promise.withResolvers<unknown>()
    await using served = await serve({ database }, (app) => {
      app.get('/', { handlerTimeout: 50 }, async ({ session }) => {
        session.add(user('ann'))
        const work = session.execute(sql`select pg_advisory_xact_lock(5)`)
        await work.then(() => session.add(user('bob'))).then(ended.resolve, ended.resolve)
        return 'fine'
      })
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ code: 'FST_ERR_HANDLER_TIMEOUT' })
    expect(await ended.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_ABORTED' })
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })

  it('handlerTimeout in the flush before COMMIT: it is cancelled, and the answer is a 503', async () => {
    await using other = await connect(url)
    await other.query('begin; lock table users in share mode')
    await using served = await serve({ database }, (app) => {
      app.get('/', { handlerTimeout: 50 }, async ({ session }) => {
        session.add(user('ann'))
        return 'fine'
      })
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_ABORTED' })
    await expect.poll(() => database.usage.total - database.usage.idle).toBe(0)
    await other.query('rollback')
    expect(await names(query)).toEqual([])
  })

  it('handlerTimeout during the commit: the answer is that of the commit', async () => {
    await using lock = await holdLock(url, 6)
    const timedOut = Promise.withResolvers<unknown>()
    await using served = await serve({ database }, (app) => {
      app.get('/', { handlerTimeout: 400 }, async ({ session, signal }) => {
        signal.addEventListener('abort', timedOut.resolve)
        session.add(user('held'))
        return 'fine'
      })
    })
    const answer = served.fetch('/')
    await untilBlocked(query, 'commit')
    await timedOut.promise
    await lock[Symbol.asyncDispose]()
    const response = await answer
    expect([response.status, await response.text()]).toEqual([200, 'fine'])
    expect(await names(query)).toEqual(['held'])
    expect(served.logs.map(({ msg }) => msg)).toContainEqual(
      expect.stringContaining('on its way already'),
    )
  })

  it.each([
    ['GET', {}],
    [
      'POST whose body was read',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"ann"}' },
    ],
  ])(
    'connectionTimeout: the socket is closed, and the request rolled back: %s',
    async (_, init) => {
      const gone = Promise.withResolvers<unknown>()
      await using served = await serve(
        { database },
        (app) => {
          app.route({
            method: ['GET', 'POST'],
            url: '/',
            handler: async ({ session }, reply) => {
              const closed = once(reply.raw, 'close')
              session.add(user('ann'))
              // The time may be over before it is flushed.
              await session.flush().catch(() => undefined)
              await closed
              gone.resolve(undefined)
              return 'fine'
            },
          })
        },
        { connectionTimeout: 100 },
      )
      await expect(served.fetch('/', init)).rejects.toThrow('fetch failed')
      await gone.promise
      await expectIdle(database, query)
      expect(await names(query)).toEqual([])
    },
  )
})
