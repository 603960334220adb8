import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Session } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { names, serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

/** Writes ann, in the database already, and bob, who waits for the commit. */
async function write(session: Session): Promise<void> {
  session.add(user('ann'))
  await session.flush()
  session.add(user('bob'))
}

const failing = (
  handler: (reply: FastifyReply) => unknown,
  more: (app: FastifyInstance) => void = () => {},
): Promise<Served> =>
  serve({ database }, (app) => {
    more(app)
    app.post('/', async ({ session }, reply) => {
      await write(session)
      return handler(reply)
    })
  })

const post = (served: Served): Promise<Response> => served.fetch('/', { method: 'POST' })

describe('is rolled back, with its count in the header:', () => {
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const error = (statusCode: number): Error => Object.assign(new Error('boom'), { statusCode })

  it.each<[string, number, (reply: FastifyReply) => unknown, string?]>([
    ['a handler that throws', 500, () => Promise.reject(new Error('boom'))],
    ['a handler that throws with a status', 404, () => Promise.reject(error(404))],
    ['reply.send(error)', 500, (reply) => reply.send(new Error('boom'))],
    ['reply.send(error) with a status', 409, (reply) => reply.send(error(409))],
    ['an object with 400', 400, (reply) => reply.code(400).send({ wrong: true })],
    ['an object with 422', 422, (reply) => reply.code(422).send({ wrong: true })],
    ['a string with 500', 500, (reply) => reply.code(500).send('sorry')],
    ['nothing with 503', 503, (reply) => reply.code(503).send()],
    ['a Response with 400', 400, () => new Response('no', { status: 400 })],
    // What is serialized is flushed first.
    ['a bigint', 500, () => ({ id: 1n }), '2'],
    ['an object that contains itself', 500, () => circular, '2'],
    ['a toJSON that throws', 500, () => ({ toJSON: () => JSON.parse('{') as unknown }), '2'],
  ])('%s', async (_what, status, handler, count = '1') => {
    await using served = await failing(handler)
    const response = await post(served)
    expect(response.status).toBe(status)
    expect(await names(query)).toEqual([])
    expect(response.headers.get('x-db-query-count')).toBe(count)
  })

  it('a response that does not fit its schema', async () => {
    await using served = await serve({ database }, (app) => {
      const properties = { name: { type: 'string' } }
      const schema = { response: { 200: { type: 'object', required: ['name'], properties } } }
      app.post('/', { schema }, async ({ session }) => {
        await write(session)
        return {}
      })
    })
    const response = await post(served)
    expect(response.status).toBe(500)
    expect(response.headers.get('x-db-query-count')).toBe('2')
    expect(await names(query)).toEqual([])
  })

  it('a preSerialization hook that throws', async () => {
    await using served = await failing(
      () => ({ fine: true }),
      (app) => app.addHook('preSerialization', async () => Promise.reject(new Error('boom'))),
    )
    expect((await post(served)).status).toBe(500)
    expect(await names(query)).toEqual([])
  })

  it('a preHandler that throws, after another has written', async () => {
    await using served = await failing(
      () => 'unreachable',
      (app) => {
        app.addHook('preHandler', async ({ session }) => write(session))
        app.addHook('preHandler', async () => Promise.reject(new Error('boom')))
      },
    )
    expect((await post(served)).status).toBe(500)
    expect(await names(query)).toEqual([])
  })

  it('a validation error, after a hook has written', async () => {
    await using served = await serve({ database }, (app) => {
      app.addHook('onRequest', async ({ session }) => write(session))
      const schema = { body: { type: 'object', required: ['name'] } }
      app.post('/', { schema }, async () => 'unreachable')
    })
    const json = { 'content-type': 'application/json' }
    for (const body of ['{}', '{ not json']) {
      const response = await served.fetch('/', { method: 'POST', headers: json, body })
      expect(response.status).toBe(400)
      expect(response.headers.get('x-db-query-count')).toBe('1')
    }
    expect(await names(query)).toEqual([])
  })

  it('an onSend hook that throws before that of the plugin', async () => {
    await using app = Fastify()
    app.addHook('onSend', async (_request, reply) => {
      if (reply.statusCode < 400) throw new Error('boom')
    })
    await app.register(dataBridge, { database })
    app.post('/', async ({ session }) => {
      await write(session)
      return 'fine'
    })
    const origin = await app.listen({ host: '127.0.0.1', port: 0 })
    expect((await fetch(origin, { method: 'POST' })).status).toBe(500)
    expect(await names(query)).toEqual([])
  })
})

describe('an error handler', () => {
  it('that answers 200 does not bring back what was written', async () => {
    await using served = await failing(
      () => Promise.reject(new Error('boom')),
      (app) =>
        app.setErrorHandler((_error, _request, reply) => reply.code(200).send('all is well')),
    )
    const response = await post(served)
    expect([response.status, await response.text()]).toEqual([200, 'all is well'])
    expect(response.headers.get('x-db-query-count')).toBe('1')
    expect(await names(query)).toEqual([])
  })

  it('cannot commit either where it is the first to use the session', async () => {
    await using served = await serve({ database }, (app) => {
      app.setErrorHandler(async (_error, { session }, reply) => {
        await write(session)
        return reply.code(200).send({ users: await session.find(User).count() })
      })
      app.post('/', async () => Promise.reject(new Error('boom')))
    })
    const response = await post(served)
    expect([response.status, await response.json()]).toEqual([200, { users: 2 }])
    expect(await names(query)).toEqual([])
  })

  it('finds the session closed that its handler has used', async () => {
    await using served = await failing(
      () => Promise.reject(new Error('boom')),
      (app) =>
        app.setErrorHandler(async (_error, { session }) => ({
          users: await session.find(User).count(),
        })),
    )
    const response = await post(served)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' })
  })

  it('may throw, too', async () => {
    await using served = await failing(
      () => Promise.reject(new Error('boom')),
      (app) => app.setErrorHandler(async () => Promise.reject(new Error('broken'))),
    )
    const response = await post(served)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ message: 'broken' })
    expect(await names(query)).toEqual([])
  })

  it('may be asynchronous: its answer waits for the rollback', async () => {
    await using served = await failing(
      () => Promise.reject(new Error('boom')),
      (app) =>
        app.setErrorHandler(async (_error, _request, reply) => reply.code(500).send('sorry')),
    )
    const response = await post(served)
    expect(database.usage.idle).toBe(database.usage.total)
    expect([response.status, await response.text()]).toEqual([500, 'sorry'])
  })
})

describe('what fails after the commit', () => {
  it('is a 500, and a warning that says that it was saved: an onSend hook', async () => {
    await using served = await failing(
      () => 'fine',
      (app) =>
        app.after(() =>
          app.addHook('onSend', async (_request, reply) => {
            if (reply.statusCode < 400) throw new Error('boom')
          }),
        ),
    )
    expect((await post(served)).status).toBe(500)
    expect(await names(query)).toEqual(['ann', 'bob'])
    expect(served.logs.map(({ msg }) => msg)).toContainEqual(expect.stringContaining('is saved'))
  })

  it.each<[string, (reply: FastifyReply) => unknown]>([
    ['a header that cannot be sent', (reply) => reply.header('x-bad', 'a\nb').send('fine')],
    ['a payload of no known type', (reply) => reply.type('text/plain').send({ a: 1 })],
    [
      'a Response that was read',
      async () => {
        const response = new Response('body')
        await response.text()
        return response
      },
    ],
  ])('is a 500 and does not end the process: %s', async (_what, handler) => {
    await using served = await failing(handler)
    expect((await post(served)).status).toBe(500)
    expect(await names(query)).toEqual(['ann', 'bob'])
    await stored.truncate()
    expect((await post(served)).status).toBe(500)
  })
})
