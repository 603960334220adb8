import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { receive } from '../client.ts'
import { holdCommits, holdLock, names, serve, untilBlocked, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
await holdCommits(query, 8)
beforeEach(stored.truncate)

/** A handler that answers and fails then; its answer is in a hook until this resolves. */
const answeringTwice = (
  app: FastifyInstance,
  until: (reply: FastifyReply) => Promise<unknown>,
  thrown: unknown = new Error('second'),
) => {
  app.addHook('preSerialization', async (_request, reply, payload) => {
    if ('isSaved' in (payload as object)) await until(reply)
    return payload
  })
  app.get('/', async ({ session }, reply) => {
    session.add(user('ann'))
    await session.flush()
    void reply.code(201).send({ isSaved: true })
    throw thrown
  })
}

describe('an answer that the handler gave before it failed', () => {
  it.each<[string, unknown]>([
    ['its error', new Error('third')],
    ['a string', 'second'],
  ])('does not pass while an error handler has handed %s on to the next', async (_what, thrown) => {
    const handedOn = Promise.withResolvers<void>()
    const passed = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => {
      app.setErrorHandler(async (error, _request, reply) => {
        handedOn.resolve()
        await passed.promise
        await setImmediate()
        return reply.code(500).send({ isSame: error === thrown })
      })
      app.register(async (scope) => {
        scope.setErrorHandler(async () => {
          throw thrown
        })
        answeringTwice(
          scope,
          async () => {
            await handedOn.promise
            passed.resolve()
          },
          'second',
        )
      })
    })
    const response = await served.fetch('/')
    expect([response.status, await response.json()]).toEqual([500, { isSame: true }])
    expect(await names(query)).toEqual([])
  })

  it('does not pass with the status of its Response while the error is answered', async () => {
    const failed = Promise.withResolvers<void>()
    const passed = Promise.withResolvers<void>()
    await using app = Fastify()
    app.addHook('onSend', async (_request, _reply, payload) => {
      await (payload instanceof Response ? failed : passed).promise
      return payload
    })
    await app.register(dataBridge, { database })
    app.setErrorHandler((_error, _request, reply) => {
      void reply.code(502).send('failed')
      failed.resolve()
      setImmediate().then(passed.resolve, passed.reject)
    })
    app.get('/', async ({ session }, reply) => {
      session.add(user('ann'))
      void reply.send(new Response('saved', { status: 201 }))
      throw new Error('second')
    })
    const response = await fetch(await app.listen({ host: '127.0.0.1', port: 0 }))
    expect([response.status, await response.text()]).toEqual([
      502,
      expect.not.stringContaining('saved'),
    ])
    expect(await names(query)).toEqual([])
  })

  it('does not cut off that of the error, which is on its way', async () => {
    const passed = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => {
      answeringTwice(app, async ({ raw }) => {
        while (!raw.headersSent) await setImmediate()
        passed.resolve()
      })
      app.setErrorHandler(async (_error, _request, reply) => {
        reply.code(500)
        return Readable.from(
          (async function* () {
            yield 'it has '
            await passed.promise
            await setImmediate()
            yield 'failed'
          })(),
        )
      })
    })
    const { status, body, isComplete } = await receive(served.port)
    expect([status, body, isComplete]).toEqual([500, 'it has failed', true])
    expect(await names(query)).toEqual([])
  })
})

describe('a handler whose time is over', () => {
  it.each([true, false])(
    'is never answered with its success, though it comes before that of the error (in time: %s)',
    async (isInTime) => {
      const timedOut = Promise.withResolvers<void>()
      const answered = Promise.withResolvers<void>()
      await using served = await serve({ database }, (app) => {
        app.setErrorHandler(async (_error, _request, reply) => {
          timedOut.resolve()
          await answered.promise
          return reply.code(503).send({ isOver: true })
        })
        app.get('/', { handlerTimeout: 100 }, async (request, reply) => {
          if (!isInTime) await timedOut.promise
          request.session.add(user('ann'))
          if (!isInTime) await request.session.flush()
          await timedOut.promise
          return reply.code(201).send({ isSaved: true })
        })
      })
      const response = await served.fetch('/')
      answered.resolve()
      expect([response.status, await response.json()]).toMatchObject([
        503,
        { code: 'FST_ERR_HANDLER_TIMEOUT' },
      ])
      expect(await names(query)).toEqual([])
    },
  )
})

it.each<[string, (reply: FastifyReply) => void]>([
  ['an error', (reply) => reply.send(new Error('second'))],
  ['an error, with the status of a success', (reply) => reply.code(201).send(new Error('second'))],
])('a handler that sends %s and returns nothing is no success', async (_what, send) => {
  const returned = Promise.withResolvers<void>()
  await using served = await serve({ database }, (app) => {
    app.setErrorHandler(async (_error, _request, reply) => {
      await returned.promise
      return reply.code(500).send({ isLate: true })
    })
    app.get('/', async ({ session }, reply) => {
      session.add(user('ann'))
      send(reply)
    })
  })
  const response = await served.fetch('/')
  returned.resolve()
  expect([response.status, await response.json()]).toMatchObject([500, { message: 'second' }])
  expect(await names(query)).toEqual([])
})

it('an error handler may choose to answer nothing', async () => {
  await using served = await serve({ database }, (app) => {
    app.setErrorHandler((_error, _request, reply) => {
      void reply.code(204).send()
    })
    app.get('/', async ({ session }) => {
      session.add(user('ann'))
      throw new Error('boom')
    })
  })
  expect((await served.fetch('/')).status).toBe(204)
  expect(await names(query)).toEqual([])
})

it('a handler may fail, answer again and throw while its first answer waits for COMMIT', async () => {
  await using lock = await holdLock(url, 8)
  const isCommitting = Promise.withResolvers<void>()
  const again = Promise.withResolvers<void>()
  await using served = await serve({ database }, (app) => {
    app.get('/', async ({ session }, reply) => {
      session.add(user('held'))
      void reply.send('first')
      await isCommitting.promise
      void reply.send(new Error('second')).send('third')
      again.resolve()
      throw new Error('fourth')
    })
  })
  const answer = served.fetch('/')
  await untilBlocked(query, 'commit')
  isCommitting.resolve()
  await again.promise
  await setImmediate()
  await lock[Symbol.asyncDispose]()
  const response = await answer
  expect([response.status, await response.text()]).toEqual([200, 'first'])
  expect(await names(query)).toEqual(['held'])
  expect(served.logs.map(({ err }) => err?.['message'])).toEqual(
    expect.arrayContaining(['second', 'fourth']),
  )
})

it.each<[string, unknown]>([
  ['a string', 'thrown'],
  ['an object', { statusCode: 500, message: 'thrown' }],
])(
  'a handler that throws %s and has set a header that cannot be sent is a 500',
  async (_what, thrown) => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        reply.header('x-bad', 'a\nb')
        throw thrown
      })
    })
    expect((await served.fetch('/')).status).toBe(500)
    expect(await names(query)).toEqual([])
  },
)
