import { once } from 'node:events'
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { names, serve, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

describe('a successful response', () => {
  it('leaves after the commit: who has it sees the row on another connection', async () => {
    await using served = await serve({ database }, (app) => {
      app.post<{ Body: { name: string } }>('/users', async (request, reply) => {
        request.session.add(user(request.body.name))
        reply.code(201)
        return { ok: true }
      })
    })
    for (const name of ['ann', 'bob', 'cyd', 'dan', 'eve']) {
      const response = await served.fetch('/users', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name }),
      })
      expect(await names(query)).toContain(name)
      expect(response.status).toBe(201)
      expect(await response.json()).toEqual({ ok: true })
    }
  })

  it('may carry what the flush at the commit only makes: entities added before have their keys when flushed', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        const ann = user('ann')
        session.add(ann)
        await session.flush()
        return ann
      })
    })
    const response = await served.fetch('/')
    expect(await response.json()).toMatchObject({ id: 1, name: 'ann', age: null, active: true })
  })

  it('commits changed and deleted entities, too', async () => {
    await query(`insert into users (name, email) values ('ann', 'a'), ('bob', 'b')`)
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        const [ann, bob] = await session
          .find(User)
          .orderBy((each) => each.id.asc())
          .toList()
        ann!.name = 'anna'
        session.delete(bob!)
        return 'done'
      })
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await names(query)).toEqual(['anna'])
  })
})

describe('every kind of reply commits', () => {
  it.each<[string, unknown, { status: number; body: string }]>([
    ['an object', { a: 1 }, { status: 200, body: '{"a":1}' }],
    ['an array', [1, 2], { status: 200, body: '[1,2]' }],
    ['a string', 'text', { status: 200, body: 'text' }],
    ['a buffer', Buffer.from('bytes'), { status: 200, body: 'bytes' }],
    ['a typed array', new TextEncoder().encode('bytes'), { status: 200, body: 'bytes' }],
    ['nothing', undefined, { status: 200, body: '' }],
    ['null', null, { status: 200, body: 'null' }],
    ['a web stream', new Blob(['web']).stream(), { status: 200, body: 'web' }],
    ['a Response', new Response('web', { status: 202 }), { status: 202, body: 'web' }],
  ])('%s', async (_kind, payload, { status, body }) => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        return payload
      })
    })
    const response = await served.fetch('/')
    expect(await names(query)).toEqual(['ann'])
    expect(response.status).toBe(status)
    expect(await response.text()).toBe(body)
    expect(response.headers.get('x-db-query-count')).toBe('1')
  })

  it('a stream', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        return Readable.from(['a', 'b'])
      })
    })
    const response = await served.fetch('/')
    expect(await response.text()).toBe('ab')
    expect(await names(query)).toEqual(['ann'])
    expect(response.headers.get('x-db-query-count')).toBe('1')
  })

  it.each([
    ['204 without a body', 204],
    ['201', 201],
    ['302', 302],
    ['304', 304],
    ['399', 399],
  ])('%s', async (_kind, status) => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        await reply.code(status).send()
      })
    })
    const response = await served.fetch('/')
    expect(await names(query)).toEqual(['ann'])
    expect(response.status).toBe(status)
  })

  it('a redirect', async () => {
    await using served = await serve({ database }, (app) => {
      app.post('/', async ({ session }, reply) => {
        session.add(user('ann'))
        return reply.redirect('/elsewhere', 303)
      })
    })
    const response = await served.fetch('/', { method: 'POST' })
    expect(await names(query)).toEqual(['ann'])
    expect([response.status, response.headers.get('location')]).toEqual([303, '/elsewhere'])
  })

  it('HEAD, answered by its GET route', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        return 'body'
      })
    })
    const response = await served.fetch('/', { method: 'HEAD' })
    expect(await names(query)).toEqual(['ann'])
    expect(response.headers.get('content-length')).toBe('4')
    expect(response.headers.get('x-db-query-count')).toBe('1')
  })

  it('reply.send() in a handler without a promise', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', (request, reply) => {
        request.session.add(user('ann'))
        setImmediate(() => void reply.send('sent'))
      })
    })
    const response = await served.fetch('/')
    expect(await names(query)).toEqual(['ann'])
    expect(await response.text()).toBe('sent')
  })

  it('an early reply of a preHandler', async () => {
    await using served = await serve({ database }, (app) => {
      app.addHook('preHandler', async ({ session }, reply) => {
        session.add(user('ann'))
        return reply.send('early')
      })
      app.get('/', () => expect.unreachable())
    })
    const response = await served.fetch('/')
    expect(await names(query)).toEqual(['ann'])
    expect(await response.text()).toBe('early')
  })

  it('a session that an onRequest hook has used, for the handler goes on with it', async () => {
    await using served = await serve({ database }, (app) => {
      app.addHook('onRequest', async ({ session }) => session.add(user('ann')))
      app.post('/', async ({ session }) => ({ users: await session.find(User).count() }))
    })
    const response = await served.fetch('/', { method: 'POST', body: 'x'.repeat(300_000) })
    expect(await response.json()).toEqual({ users: 1 })
    expect(await names(query)).toEqual(['ann'])
  })
})

describe('over HTTP/2', () => {
  it.each(['GET', 'POST'])('%s is committed before it is answered', async (method) => {
    await using served = await serve(
      { database },
      (app) => {
        app.all('/', async ({ session }) => {
          session.add(user('ann'))
          return 'fine'
        })
      },
      { isHttp2: true },
    )
    const client = connectHttp2(`http://127.0.0.1:${served.port}`)
    const stream = client.request({ ':path': '/', ':method': method })
    if (method === 'POST') stream.end('a body')
    const body = text(stream)
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    expect(headers).toMatchObject({ ':status': 200, 'x-db-query-count': '1' })
    expect(await names(query)).toEqual(['ann'])
    expect(await body).toBe('fine')
    client.close()
  })
})

describe('what was not found', () => {
  it('is answered with 404 and rolled back, by a route of its own', async () => {
    await using served = await serve({ database }, (app) => {
      app.setNotFoundHandler(async ({ session }, reply) => {
        session.add(user('ann'))
        await session.flush()
        return reply.code(404).send({ users: await session.find(User).count() })
      })
    })
    const response = await served.fetch('/nothing-here')
    expect(response.status).toBe(404)
    expect(await response.json()).toEqual({ users: 1 })
    expect(response.headers.get('x-db-query-count')).toBe('2')
    expect(await names(query)).toEqual([])
  })

  it('is answered by reply.callNotFound() and rolled back', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/users/:id', async (request, reply) => {
        request.session.add(user('ann'))
        return (await request.session.get(User, 404)) ?? reply.callNotFound()
      })
    })
    const response = await served.fetch('/users/404')
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: 'Not Found' })
    expect(response.headers.get('x-db-query-count')).toBe('2')
    expect(await names(query)).toEqual([])
  })
})
