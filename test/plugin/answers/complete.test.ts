import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { integer, type Session, table, text, timestamptz } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { holdLock, names, serve, type Served, untilBlocked, watchForLeaks } from '../serve.ts'

class Note extends table('notes', {
  id: integer().primaryKey().generated(),
  body: text(),
  length: integer().nullable(),
  updatedAt: timestamptz()
    .nullable()
    .onUpdate(() => new Date('2020-01-01')),
}) {}

class Plain extends table('plains', { id: integer().primaryKey().generated(), body: text() }) {}

const stored = await testDatabase([...blog, Note, Plain])
const { database, query, url } = stored
watchForLeaks(stored)
await query(`
  create function measure() returns trigger language plpgsql as $$
    begin new.length := length(new.body); return new; end $$`)
await query('create trigger measure before update on notes for each row execute function measure()')
beforeEach(async () => {
  await stored.truncate()
  await query(`insert into notes (body) values ('old')`)
  await query(`insert into plains (body) values ('old')`)
})

const serving = (
  handler: (request: FastifyRequest, session: Session) => unknown,
  more: (app: FastifyInstance) => void = () => {},
): Promise<Served> =>
  serve({ database }, (app) => {
    more(app)
    app.post('/', async (request, reply) => {
      void reply.code(201)
      return handler(request, request.session)
    })
  })

const post = async (served: Served): Promise<[number, unknown]> => {
  const response = await served.fetch('/', { method: 'POST' })
  return [response.status, await response.json()]
}

const add = (session: Session): User => {
  const ann = user('ann')
  session.add(ann)
  return ann
}

describe('a response has what the database made', () => {
  it('of an entity that was added', async () => {
    await using served = await serving((_request, session) => add(session))
    expect(await post(served)).toEqual([
      201,
      expect.objectContaining({ id: 1, active: true, createdAt: expect.any(String) as string }),
    ])
    expect(await names(query)).toEqual(['ann'])
  })

  it('with a response schema that requires it', async () => {
    const properties = { id: { type: 'integer' }, createdAt: { type: 'string' } }
    const schema = {
      response: { 201: { type: 'object', required: ['id', 'createdAt'], properties } },
    }
    await using served = await serve({ database }, (app) => {
      app.post('/', { schema }, async ({ session }, reply) => reply.code(201).send(add(session)))
    })
    expect(await post(served)).toMatchObject([201, { id: 1 }])
  })

  it('of related entities, inside an object', async () => {
    await using served = await serving((_request, session) => {
      const first = new Post({ title: 'first', author: add(session) })
      session.add(first)
      return { made: [first] }
    })
    expect(await post(served)).toMatchObject([201, { made: [{ id: 1, authorId: 1, likes: 0 }] }])
  })

  it('of a change: a trigger, and onUpdate()', async () => {
    await using served = await serving(async (_request, session) => {
      const note = await session.getOrThrow(Note, 1)
      note.body = 'longer'
      return note
    })
    expect(await post(served)).toEqual([
      201,
      { id: 1, body: 'longer', length: 6, updatedAt: '2020-01-01T00:00:00.000Z' },
    ])
  })

  it('of a deletion that the database refuses', async () => {
    await query(`insert into users (name, email) values ('ann', 'a')`)
    await query(`insert into posts (title, author_id) values ('first', 1)`)
    await using served = await serving(async (_request, session) => {
      session.delete(await session.getOrThrow(User, 1))
      return { deleted: true }
    })
    expect(await post(served)).toMatchObject([409, { code: 'DATA_BRIDGE_ERR_FOREIGN_KEY' }])
  })

  it('on all databases of a request', async () => {
    const other = await testDatabase(blog)
    await using served = await serve({ database, name: 'main' }, (app) => {
      app.register(dataBridge, { database: other.database, name: 'reports' })
      const items = { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } }
      const schema = { response: { 200: { type: 'array', items } } }
      app.post('/', { schema }, async (request) => {
        const { main, reports } = request.sessions as unknown as Record<string, Session>
        return [add(reports!), add(main!)]
      })
    })
    expect(await post(served)).toMatchObject([200, [{ id: 1 }, { id: 1 }]])
  })
})

describe('what a hook changes after the flush', () => {
  it('is saved too', async () => {
    await using served = await serving(
      (_request, session) => add(session),
      (app) =>
        app.after(() =>
          app.addHook('preSerialization', async ({ session }, _reply, payload) => {
            ;(payload as User).name = 'bea'
            session.add(user('zoe'))
            return payload
          }),
        ),
    )
    expect(await post(served)).toMatchObject([201, { id: 1, name: 'bea' }])
    expect(await names(query)).toEqual(['bea', 'zoe'])
  })
})

describe('nothing is flushed before the payload is serialized', () => {
  const flushes = async (
    work: (session: Session) => unknown,
    status = 201,
  ): Promise<boolean | undefined> => {
    let isFlushed: boolean | undefined
    await using served = await serve({ database }, (app) => {
      app.after(() =>
        app.addHook('preSerialization', async ({ session }, _reply, payload) => {
          isFlushed ??= session.stats.queryCount > 0
          return payload
        }),
      )
      app.setErrorHandler((_error, _request, reply) => reply.code(200).send({ handled: true }))
      app.post('/', async ({ session }, reply) => {
        void reply.code(status)
        await work(session)
        return {}
      })
    })
    await served.fetch('/', { method: 'POST' })
    return isFlushed
  }

  it('at a status from 400 on, after an error, or where the handler has rolled back', async () => {
    expect(await flushes((session) => void add(session))).toBe(true)
    expect(await flushes((session) => void add(session), 422)).toBe(false)
    expect(
      await flushes((session) => {
        add(session)
        throw new Error('boom')
      }),
    ).toBe(false)
    expect(
      await flushes(async (session) => {
        add(session)
        await session.close()
      }),
    ).toBe(false)
  })

  it('where an UPDATE brings nothing back', async () => {
    await using session = database.session()
    const row = await session.getOrThrow(Plain, 1)
    row.body = 'known'
    await session.commit()
    const before = session.stats.queryCount
    expect(before).toBeGreaterThan(0)
    await using served = await serve({ database }, (app) => {
      app.after(() =>
        app.addHook('preSerialization', async (request, reply, payload) => {
          void reply.header('x-before', String(request.session.stats.queryCount))
          return payload
        }),
      )
      app.post('/', async (request) => {
        const plain = await request.session.getOrThrow(Plain, 1)
        plain.body = 'new'
        return plain
      })
    })
    const response = await served.fetch('/', { method: 'POST' })
    expect(await response.json()).toEqual({ id: 1, body: 'new' })
    expect(response.headers.get('x-before')).toBe('1')
    expect(await query('select body from plains')).toEqual([{ body: 'new' }])
  })

  it('and a request without changes makes no promise there', async () => {
    const made: string[] = []
    const watch = createHook({ init: (_id, type) => void (type === 'PROMISE' && made.push(type)) })
    await using served = await serve({ database }, (app) => {
      app.get('/', (request, reply) => {
        request.session.getOrThrow(Note, 1).then(
          (note) => {
            watch.enable()
            void reply.send(note)
            watch.disable()
          },
          (error: Error) => void reply.send(error),
        )
      })
    })
    expect(await (await served.fetch('/')).json()).toMatchObject({ id: 1 })
    expect(made).toEqual([])
  })
})

it('commitOn is asked once, at the commit', async () => {
  const asked: boolean[] = []
  await using served = await serve(
    {
      database,
      commitOn: ({ session }) => {
        asked.push(session.stats.queryCount > 0)
        return true
      },
    },
    (app) => app.post('/', async ({ session }) => add(session)),
  )
  expect(await post(served)).toMatchObject([200, { id: 1 }])
  expect(asked).toEqual([true])
})

it('a flush that fails is an error of the request, and nothing is saved', async () => {
  await query(`insert into users (name, email) values ('bob', 'ann@example.com')`)
  await using served = await serving((_request, session) => add(session))
  expect(await post(served)).toMatchObject([409, { code: 'DATA_BRIDGE_ERR_UNIQUE' }])
})

describe('while it is flushed', () => {
  const waiting = async (
    answer: 'throws' | 'sends' | 'waits',
    run: (served: Served, closed: Promise<unknown>) => Promise<void>,
  ): Promise<void> => {
    const lock = await holdLock(url, 77)
    await query(`
      create function wait() returns trigger language plpgsql as $$
        begin perform pg_advisory_xact_lock(77); return new; end $$`)
    await query('create trigger wait before insert on users for each row execute function wait()')
    const closed = Promise.withResolvers<unknown>()
    try {
      await using served = await serve({ database }, (app) => {
        app.post('/', async (request, reply) => {
          closed.resolve(once(reply.raw, 'close'))
          void reply.code(201).send(add(request.session))
          if (answer === 'throws') throw new Error('second')
          if (answer === 'sends') void reply.send({ second: true })
          return reply
        })
      })
      await run(served, closed.promise)
    } finally {
      await lock[Symbol.asyncDispose]()
      await query('drop function wait cascade')
    }
  }

  it.each(['throws', 'sends'] as const)('a handler that %s keeps its first answer', (answer) =>
    waiting(answer, async (served) => {
      const answered = post(served)
      await untilBlocked(query, 'insert into "users"')
      await query(
        `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and objid = 77`,
      )
      expect(await answered).toMatchObject([201, { id: 1 }])
      expect(await names(query)).toEqual(['ann'])
    }),
  )

  it('a client that leaves cancels it', async () => {
    await waiting('waits', async (served, closed) => {
      const leaving = new AbortController()
      const answered = served.fetch('/', { method: 'POST', signal: leaving.signal })
      await untilBlocked(query, 'insert into "users"')
      leaving.abort()
      await expect(answered).rejects.toThrow('aborted')
      await closed
      await expect.poll(() => database.usage.total - database.usage.idle).toBe(0)
    })
    expect(await names(query)).toEqual([])
  })
})
