import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { names, serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

const failure = (): Error => Object.assign(new Error('boom'), { statusCode: 418 })

/** A handler that writes, then answers twice. */
const answering = (
  handler: (reply: FastifyReply) => unknown,
  more: (app: FastifyInstance) => void,
  options: { readonly ambient?: boolean } = {},
): Promise<Served> =>
  serve({ database, ...options }, (app) => {
    more(app)
    app.get('/', async ({ session }, reply) => {
      session.add(user('ann'))
      await session.flush()
      return handler(reply)
    })
  })

const slow = async (): Promise<void> => {
  for (let turns = 0; turns < 5; turns += 1) await turn()
}

const success = { isSaved: true }

describe.each([true, false])('an error, then a success (ambient: %s)', (ambient) => {
  const handlers: readonly (readonly [string, (reply: FastifyReply) => unknown])[] = [
    [
      'returned',
      (reply) => {
        void reply.send(failure())
        return success
      },
    ],
    [
      'returned later',
      async (reply) => {
        void reply.send(failure())
        await turn()
        return success
      },
    ],
    [
      'sent',
      (reply) => {
        void reply.send(failure())
        return reply.send(success)
      },
    ],
    [
      'sent from a timer',
      (reply) => {
        void reply.send(failure())
        setImmediate(() => void reply.code(200).send(success))
        return reply
      },
    ],
    [
      'as a Response',
      (reply) => {
        void reply.send(failure())
        return new Response('saved')
      },
    ],
  ]

  const errorHandlers: readonly (readonly [string, (app: FastifyInstance) => unknown])[] = [
    [
      'that sends',
      (app) =>
        app.setErrorHandler(async (_error, _request, reply) => {
          await slow()
          return reply.code(418).send({ sorry: true })
        }),
    ],
    [
      'that returns',
      (app) =>
        app.setErrorHandler(async (_error, _request, reply) => {
          void reply.code(418)
          await slow()
          return { sorry: true }
        }),
    ],
    [
      'that sends in a callback',
      (app) =>
        app.setErrorHandler((_error, _request, reply) => {
          setImmediate(() => void reply.code(418).send({ sorry: true }))
        }),
    ],
    ['that never answers', (app) => app.setErrorHandler(() => {})],
    [
      'that is synchronous',
      (app) => app.setErrorHandler((error, _request, reply) => reply.send(error)),
    ],
  ]

  it.each(
    handlers.flatMap(([answered, handler]) =>
      errorHandlers.map(([kind, more]) => [answered, kind, handler, more] as const),
    ),
  )('%s, beside an error handler %s, is no success', async (_answered, _kind, handler, more) => {
    await using served = await answering(handler, more, { ambient })
    const response = await served.fetch('/')
    expect(response.status).toBe(418)
    expect(await response.text()).not.toContain('saved')
    expect(await names(query)).toEqual([])
  })
})

describe('an error handler', () => {
  it.each<[string, Parameters<FastifyInstance['setErrorHandler']>[0]]>([
    [
      'sends at once',
      (_error, _request, reply) => {
        void reply.code(200).send('fine')
      },
    ],
    [
      'sends later',
      async (_error, _request, reply) => {
        await slow()
        return reply.code(200).send('fine')
      },
    ],
    [
      'returns later',
      async () => {
        await slow()
        return 'fine'
      },
    ],
    [
      'sends in a callback',
      (_error, _request, reply) => {
        setImmediate(() => void reply.code(200).send('fine'))
      },
    ],
  ])('that %s may answer with a success, and nothing is saved', async (_what, handler) => {
    await using served = await answering(
      () => Promise.reject(failure()),
      (app) => app.setErrorHandler(handler),
    )
    const response = await served.fetch('/')
    expect([response.status, await response.text()]).toEqual([200, 'fine'])
    expect(await names(query)).toEqual([])
  })

  it('gives its answer where an asynchronous onError hook comes first', async () => {
    await using served = await answering(
      () => Promise.reject(failure()),
      (app) => {
        app.after(() => app.addHook('onError', slow))
        app.setErrorHandler(async () => {
          await slow()
          return 'fine'
        })
      },
    )
    expect(await (await served.fetch('/')).text()).toBe('fine')
  })
})

it('a request that used no session answers as Fastify does', async () => {
  await using served = await serve({ database }, (app) => {
    app.setErrorHandler(slow)
    app.get('/', async (_request, reply) => {
      void reply.send(failure())
      return success
    })
  })
  const response = await served.fetch('/')
  expect([response.status, await response.json()]).toEqual([200, success])
})
