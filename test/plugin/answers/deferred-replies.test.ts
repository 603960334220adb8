import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { Session } from '../../../orm/index.ts'
import { config, counting, deferredRoute, taken } from './deferred.ts'
import { Post, user, User } from '../../support/entities.ts'
import { receive } from '../client.ts'
import { names, serve } from '../serve.ts'

const { stored, serving } = await deferredRoute()
const { query, database } = stored

describe('the query count of a deferred stream', () => {
  it.each([false, true])('is a trailer: HTTP/2 %s', async (isHttp2) => {
    await using served = await serving((session) => Readable.from(counting(session)), { isHttp2 })
    expect(await receive(served.port, { isHttp2 })).toMatchObject({
      body: 'first 2',
      headers: { trailer: 'x-db-query-count' },
      trailers: { 'x-db-query-count': '2' },
    })
  })

  it('is nowhere where headers are not wanted', async () => {
    await using served = await serving((session) => Readable.from(counting(session)), {
      options: { headers: false },
    })
    const { headers, trailers, body } = await receive(served.port)
    expect([body, headers['trailer'], trailers]).toEqual(['first 2', undefined, {}])
  })

  it('stands beside the trailers of the application', async () => {
    await using served = await serving((session, reply) => {
      reply.trailer('x-own', async () => 'mine')
      return Readable.from(counting(session))
    })
    const { trailers } = await receive(served.port)
    expect(trailers).toEqual({ 'x-own': 'mine', 'x-db-query-count': '2' })
  })

  it('is a header, too, where the stream fails before its first byte', async () => {
    await using served = await serving(async (session) => {
      await session.find(User).count()
      return new Readable({
        read() {
          this.destroy(new Error('broken'))
        },
      })
    })
    const { status, headers, trailers } = await receive(served.port)
    expect([status, headers['x-db-query-count']]).toEqual([500, '1'])
    expect(trailers).toEqual({ 'x-db-query-count': '1' })
  })
})

describe('a response of a deferred route that has no body', () => {
  // Would be refused: the session is closed when it is asked.
  const late = (session: Session): Readable => Readable.from(counting(session))

  it('HEAD is committed before, and its stream is not read', async () => {
    await using served = await serving((session) => {
      session.add(user('cleo'))
      return late(session)
    })
    expect(await receive(served.port, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    expect(await names(query)).toEqual(['ann', 'cleo'])
    await served.app.close()
    expect(served.logs.filter(({ level }) => level > 30)).toEqual([])
  })

  it('HEAD has no stream read that would be the first to use the session', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', { config }, async (request) =>
        Readable.from(
          (async function* () {
            yield* counting(request.session)
          })(),
        ),
      )
    })
    expect((await receive(served.port, { method: 'HEAD' })).status).toBe(200)
    await served.app.close()
    expect(served.logs.filter(({ level }) => level > 30)).toEqual([])
  })

  it('HEAD is a 500 where its commit fails', async () => {
    await using served = await serving((session) => {
      session.add(new Post({ title: 'taken', authorId: 1 }))
      return late(session)
    })
    expect((await receive(served.port, { method: 'HEAD' })).status).toBe(500)
  })

  it.each([204, 304])('%i is committed before, or a 500', async (status) => {
    await using served = await serving(
      (session, reply) => {
        session.add(user('cleo'))
        return reply.code(status).send(late(session))
      },
      {
        routes: (app) =>
          app.get('/fails', { config }, async ({ session }, reply) => {
            session.add(new Post({ title: 'taken', authorId: 1 }))
            return reply.code(status).send(late(session))
          }),
      },
    )
    expect(await receive(served.port)).toMatchObject({ status, body: '', isComplete: true })
    expect(await names(query)).toEqual(['ann', 'cleo'])
    expect((await receive(served.port, { path: '/fails' })).status).toBe(500)
  })

  it('a HEAD route of its own may answer with a Response', async () => {
    await using served = await serving(() => 'unused', {
      routes: (app) =>
        app.head('/own', { config }, async ({ session }) => {
          session.add(user('cleo'))
          return new Response(ReadableStream.from(late(session)), { headers: { 'x-own': 'mine' } })
        }),
    })
    const { status, headers } = await receive(served.port, { path: '/own', method: 'HEAD' })
    expect([status, headers['x-own']]).toEqual([200, 'mine'])
    expect(await names(query)).toEqual(['ann', 'cleo'])
  })
})

describe('a deferred route', () => {
  it('commits what is no stream before it answers, with the count in the head', async () => {
    await using served = await serving(async (session) => {
      session.add(user('bob'))
      return 'fine'
    })
    const { status, body, headers } = await receive(served.port)
    expect([status, body, headers['x-db-query-count']]).toEqual([200, 'fine', '1'])
    expect(await names(query)).toEqual(['ann', 'bob'])
  })

  it('rolls back a stream with an error status, which is complete', async () => {
    await using served = await serving((session, reply) =>
      reply.code(422).send(Readable.from(counting(session))),
    )
    expect(await receive(served.port)).toMatchObject({
      status: 422,
      body: 'first 2',
      isComplete: true,
    })
    expect(await names(query)).toEqual(['ann'])
  })

  it('rolls back a Response with an error status', async () => {
    await using served = await serving((session) => {
      const body = ReadableStream.from(
        (async function* () {
          for await (const chunk of counting(session)) yield Buffer.from(chunk)
        })(),
      )
      return new Response(body, { status: 422 })
    })
    expect(await receive(served.port)).toMatchObject({ status: 422, isComplete: true })
    expect(await names(query)).toEqual(['ann'])
  })

  it('asks commitOn when the stream has ended, and rolls back where it says no', async () => {
    const asked: number[] = []
    await using served = await serving((session) => Readable.from(counting(session)), {
      route: {
        commitOn: (request) => {
          asked.push(request.session.stats.queryCount)
          return false
        },
      },
    })
    expect(await receive(served.port)).toMatchObject({ status: 200, isComplete: true })
    expect(asked).toEqual([2])
    expect(await names(query)).toEqual(['ann'])
  })

  it('cuts the stream off where commitOn throws', async () => {
    await using served = await serving((session) => Readable.from(counting(session)), {
      route: {
        commitOn: () => {
          throw new Error('broken')
        },
      },
    })
    expect((await receive(served.port)).isComplete).toBe(false)
    expect(await names(query)).toEqual(['ann'])
  })

  it('forgets a length that was set behind the back of Fastify', async () => {
    await using served = await serving((session, reply) => {
      reply.raw.setHeader('content-length', '5')
      return Readable.from(taken(session))
    })
    expect((await receive(served.port)).isComplete).toBe(false)
    expect(await names(query)).toEqual(['ann'])
  })

  it('streams what has nothing to do with the database', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', { config }, async () => Readable.from(['plain']))
    })
    expect(await receive(served.port)).toMatchObject({ status: 200, body: 'plain' })
  })

  it.each<[string, () => unknown]>([
    [
      'a Response that was read',
      async () => {
        const response = new Response('read')
        await response.text()
        return response
      },
    ],
    [
      'a web stream that somebody else reads',
      () => {
        const stream = new ReadableStream()
        stream.getReader()
        return stream
      },
    ],
  ])('leaves it to Fastify to refuse %s', async (_what, make) => {
    await using served = await serving(async (session) => {
      await session.find(User).count()
      return make()
    })
    expect(await receive(served.port)).toMatchObject({ status: 500, isComplete: true })
  })
})
