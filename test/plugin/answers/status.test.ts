import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Session } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user } from '../../support/entities.ts'
import { receive } from '../client.ts'
import { names, serve, type Served, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

const writing = (
  answer: (reply: FastifyReply, session: Session) => unknown,
  more: (app: FastifyInstance) => void = () => {},
  isHttp2 = false,
): Promise<Served> =>
  serve(
    { database },
    (app) => {
      more(app)
      app.get('/', (request, reply) => {
        request.session.add(user('ann'))
        return answer(reply, request.session)
      })
    },
    { isHttp2 },
  )

const later = (work: () => unknown): void => void setImmediate(work)

describe.each([false, true])(
  'the status that the session ended by leaves: HTTP/2 %s',
  (isHttp2) => {
    it.each<[string, number, (reply: FastifyReply) => unknown, readonly string[]]>([
      [
        'a failure whose status is changed at once',
        409,
        (reply) => {
          void reply.code(409).send({})
          void reply.code(200)
        },
        [],
      ],
      [
        'a success whose status is changed while it is committed',
        201,
        (reply) => {
          void reply.code(201).send({ saved: true })
          later(() => reply.code(500))
        },
        ['ann'],
      ],
      [
        'a string',
        422,
        (reply) => {
          void reply.code(422).send('no')
          later(() => reply.code(200))
        },
        [],
      ],
      [
        'a status of the raw response',
        201,
        (reply) => {
          void reply.code(201).send('saved')
          later(() => (reply.raw.statusCode = 500))
        },
        ['ann'],
      ],
      [
        'statusCode of the reply',
        201,
        (reply) => {
          void reply.code(201).send('saved')
          later(() => (reply.statusCode = 503))
        },
        ['ann'],
      ],
      [
        'a web Response',
        400,
        (reply) => {
          void reply.send(new Response('no', { status: 400 }))
          later(() => reply.code(200))
        },
        [],
      ],
      [
        'a stream',
        201,
        (reply) => {
          void reply.code(201).send(Readable.from(['saved']))
          later(() => reply.code(500))
        },
        ['ann'],
      ],
      [
        'an error, whose handler goes on',
        500,
        (reply) => {
          void reply.send(new Error('boom'))
          void reply.code(200)
        },
        [],
      ],
    ])('%s', async (_what, status, answer, saved) => {
      await using served = await writing((reply) => void answer(reply), undefined, isHttp2)
      expect(await receive(served.port, { isHttp2 })).toMatchObject({ status, isComplete: true })
      expect(await names(query)).toEqual(saved)
    })
  },
)

describe('a hook that runs after that of the plugin', () => {
  const hooked = (
    hook: (reply: FastifyReply) => unknown,
    answer: (reply: FastifyReply) => unknown,
  ) =>
    writing(answer, (app) =>
      app.after(() =>
        app.addHook('onSend', async (_request, reply, payload) => {
          await turn()
          return hook(reply) ?? payload
        }),
      ),
    )

  it('cannot make a failure of what was saved, nor a success of what was not', async () => {
    await using committed = await hooked(
      (reply) => void reply.code(500),
      (reply) => reply.code(201).send('saved'),
    )
    expect((await committed.fetch('/')).status).toBe(201)
    expect(await names(query)).toEqual(['ann'])
    expect(committed.logs).toContainEqual(
      expect.objectContaining({ status: 201, ignored: 500, level: 40 }),
    )
    await stored.truncate()
    await using refused = await hooked(
      (reply) => void reply.code(200),
      (reply) => reply.code(409).send('no'),
    )
    expect((await refused.fetch('/')).status).toBe(409)
    expect(await names(query)).toEqual([])
  })

  it('cannot do so with a Response of its own', async () => {
    await using served = await hooked(
      () => new Response('other', { status: 500 }),
      (reply) => reply.code(201).send('saved'),
    )
    expect((await served.fetch('/')).status).toBe(201)
    expect(await names(query)).toEqual(['ann'])
  })

  it('may answer a conditional request, and change the status where nothing was written', async () => {
    await using conditional = await hooked(
      (reply) => {
        void reply.code(304)
        return ''
      },
      (reply) => reply.send('saved'),
    )
    expect((await conditional.fetch('/')).status).toBe(304)
    expect(await names(query)).toEqual(['ann'])
    await using reading = await serve({ database }, (app) => {
      app.after(() => app.addHook('onSend', async (_request, reply) => void reply.code(404)))
      app.get('/', async ({ session }) => ({ isUsed: session.isUsed }))
    })
    expect((await reading.fetch('/')).status).toBe(404)
  })

  it('still makes a failure by throwing', async () => {
    await using served = await hooked(
      () => {
        throw Object.assign(new Error('boom'), { statusCode: 502 })
      },
      (reply) => reply.code(201).send('saved'),
    )
    expect((await served.fetch('/')).status).toBe(502)
    expect(await names(query)).toEqual(['ann'])
  })
})

it('the status of a failed commit replaces it', async () => {
  await query(`insert into users (name, email) values ('ann', 'ann@example.com')`)
  await using served = await writing((reply) => {
    void reply.code(201).send('saved')
    later(() => reply.code(204))
  })
  expect((await served.fetch('/')).status).toBe(409)
})

it('an error that is thrown after the answer leaves it, where handlers are traced', async () => {
  const listen = (): void => {}
  subscribe('tracing:fastify.request.handler:error', listen)
  try {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        void reply.code(200).send('saved')
        throw new Error('second')
      })
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await names(query)).toEqual(['ann'])
  } finally {
    unsubscribe('tracing:fastify.request.handler:error', listen)
  }
})

it('a deferred stream is committed by the status that left with its head', async () => {
  const config = { dataBridge: { stream: 'deferred' } } as const
  await using served = await serve({ database }, (app) => {
    app.get('/', { config }, ({ session }, reply) => {
      void reply.code(201).send(
        Readable.from(
          (async function* () {
            yield 'first'
            session.add(user('ann'))
            void reply.code(500)
            yield 'second'
          })(),
        ),
      )
      later(() => reply.code(409))
    })
  })
  expect(await receive(served.port)).toMatchObject({ status: 201, isComplete: true })
  expect(await names(query)).toEqual(['ann'])
})

it('is decided once for several databases', async () => {
  let asked = 0
  const commitOn = (): boolean => {
    asked += 1
    return true
  }
  const other = await testDatabase(blog)
  await using served = await serve({ database: other.database, name: 'main', commitOn }, (app) => {
    app.register(dataBridge, { database, name: 'reports', commitOn })
    app.get('/', (request, reply) => {
      const { main, reports } = request.sessions as unknown as Record<'main' | 'reports', Session>
      main.add(user('ann'))
      reports.add(user('zoe'))
      void reply.code(201).send('both')
      later(() => reply.code(500))
    })
  })
  expect((await served.fetch('/')).status).toBe(201)
  expect([await names(other.query), await names(query)]).toEqual([['ann'], ['zoe']])
  expect(asked).toBe(2)
})
