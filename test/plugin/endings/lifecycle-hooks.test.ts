import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { receive } from '../client.ts'
import { names, serve, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

describe('a hook that answers', () => {
  it.each(['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const)(
    'an error in %s has what was written rolled back',
    async (hook) => {
      await using served = await serve({ database }, (app) => {
        app.addHook('onRequest', async ({ session }) => {
          session.add(user('ann'))
          await session.flush()
        })
        const refuse = async (_request: unknown, reply: FastifyReply): Promise<FastifyReply> =>
          reply.code(401).send({ refused: true })
        app.addHook(hook as 'preHandler', refuse)
        app.post('/', async () => 'unreachable')
      })
      const response = await served.fetch('/', { method: 'POST' })
      expect([response.status, await response.json()]).toEqual([401, { refused: true }])
      expect(response.headers.get('x-db-query-count')).toBe('1')
      expect(await names(query)).toEqual([])
    },
  )
})

describe('a path that no route has', () => {
  const writing = (more: (app: FastifyInstance) => void = () => {}) =>
    serve({ database }, (app) => {
      more(app)
      app.addHook('onRequest', async ({ session }) => {
        session.add(user('ann'))
        await session.flush()
      })
    })

  it('is a 404, and what a hook has written is rolled back', async () => {
    await using served = await writing()
    expect((await served.fetch('/nowhere')).status).toBe(404)
    expect(await names(query)).toEqual([])
  })

  it('is committed where the handler of such paths answers with a success', async () => {
    await using served = await writing((app) =>
      app.setNotFoundHandler(async (_request, reply) => reply.code(200).send('home')),
    )
    expect(await (await served.fetch('/nowhere')).text()).toBe('home')
    expect(await names(query)).toEqual(['ann'])
  })
})

describe('an onSend hook that always throws', () => {
  const always = async (): Promise<never> => Promise.reject(new Error('boom'))
  const write = (app: FastifyInstance) =>
    app.get('/', async ({ session }) => {
      session.add(user('ann'))
      return 'fine'
    })
  const handlers: [string, (app: FastifyInstance) => unknown][] = [
    ['of Fastify', () => undefined],
    ['that sets no status', (app) => app.setErrorHandler(async () => ({ handled: true }))],
  ]

  it.each(handlers)(
    'before that of the plugin is a 500, and rolled back, with an error handler %s',
    async (_what, setHandler) => {
      await using app = Fastify()
      app.addHook('onSend', always)
      await app.register(dataBridge, { database })
      setHandler(app)
      write(app)
      const origin = await app.listen({ host: '127.0.0.1', port: 0 })
      expect((await fetch(origin)).status).toBe(500)
      expect(await names(query)).toEqual([])
    },
  )

  it.each(handlers)(
    'after that of the plugin is a 500, and saved, with an error handler %s',
    async (_what, setHandler) => {
      await using served = await serve({ database }, (app) => {
        app.after(() => app.addHook('onSend', always))
        setHandler(app)
        write(app)
      })
      expect((await receive(served.port)).status).toBe(500)
      expect(await names(query)).toEqual(['ann'])
    },
  )
})

describe('a trailer of the application', () => {
  it.each([false, true])('is made when the commit is done: HTTP/2 %s', async (isHttp2) => {
    await using served = await serve(
      { database },
      (app) => {
        app.get('/', async ({ session }, reply) => {
          session.add(user('ann'))
          reply.trailer('x-users', async () => (await names(query)).join())
          return 'fine'
        })
      },
      { isHttp2 },
    )
    const received = await receive(served.port, { isHttp2 })
    expect(received).toMatchObject({
      status: 200,
      body: 'fine',
      headers: { 'x-db-query-count': '1' },
      trailers: { 'x-users': 'ann' },
    })
  })

  it('is told that the session is closed where it uses it', async () => {
    const used = Promise.withResolvers<unknown>()
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        reply.trailer('x-users', async () => {
          await (async () => session.find(User).count())().then(used.resolve, used.resolve)
          return '0'
        })
        return 'fine'
      })
    })
    expect(await receive(served.port)).toMatchObject({ status: 200, isComplete: true })
    expect(await used.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' })
  })
})
