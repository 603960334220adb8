import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { blog, user } from '../support/entities.ts'
import { receive } from './client.ts'
import { holdLock, names, serve, untilBlocked, watchForLeaks } from './serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
await query(`
  create function hold() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock(8); return null; end $$`)
await query(`
  create constraint trigger hold after insert on users deferrable initially deferred
  for each row when (new.name = 'held') execute function hold()`)
beforeEach(stored.truncate)

/** A handler that answers and fails then; its answer is in a hook until this resolves. */
const answeringTwice = (app: FastifyInstance, until: (reply: FastifyReply) => Promise<unknown>) => {
  app.addHook('preSerialization', async (_request, reply, payload) => {
    if ('isSaved' in (payload as object)) await until(reply)
    return payload
  })
  app.get('/', async ({ session }, reply) => {
    session.add(user('ann'))
    await session.flush()
    void reply.code(201).send({ isSaved: true })
    throw new Error('second')
  })
}

describe('an answer that the handler gave before it failed', () => {
  it('does not pass while an error handler has handed its error on to the next', async () => {
    const handedOn = Promise.withResolvers<void>()
    const passed = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => {
      app.setErrorHandler(async ({ message }: Error, _request, reply) => {
        handedOn.resolve()
        await passed.promise
        await setImmediate()
        return reply.code(500).send({ message })
      })
      app.register(async (scope) => {
        scope.setErrorHandler(async () => {
          throw new Error('third')
        })
        answeringTwice(scope, async () => {
          await handedOn.promise
          passed.resolve()
        })
      })
    })
    const response = await served.fetch('/')
    expect([response.status, await response.json()]).toEqual([500, { message: 'third' }])
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
