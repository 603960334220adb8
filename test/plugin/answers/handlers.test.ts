import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { holdLock, names, serve, type Served, untilBlocked, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
beforeEach(stored.truncate)

const lockKey = 7

const serving = (routes: (app: FastifyInstance) => void): Promise<Served> =>
  serve({ database }, routes)

/** A handler that does this with its session, and answers `fine`. */
const working = (work: (session: Session) => unknown): Promise<Served> =>
  serving((app) => {
    app.get('/', async ({ session }) => {
      await work(session)
      return 'fine'
    })
  })

describe('a handler that answers twice', () => {
  it('keeps its first answer, with what was committed for it, when it throws afterwards', async () => {
    await using served = await serving((app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        void reply.send('first')
        throw new Error('second')
      })
    })
    const response = await served.fetch('/')
    expect([response.status, await response.text()]).toEqual([200, 'first'])
    expect(response.headers.get('x-db-query-count')).toBe('1')
    expect(await names(query)).toEqual(['ann'])
    const { err } = served.logs.find(({ msg }) => msg.includes('on its way already')) ?? {}
    expect(err).toMatchObject({ message: 'second' })
  })

  it('is answered with 500, and nothing saved, where the commit of the first fails', async () => {
    await query(`insert into users (name, email) values ('ann', 'ann@example.com')`)
    await using served = await serving((app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        void reply.send('first')
        throw Object.assign(new Error('second'), { statusCode: 418 })
      })
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_UNIQUE' })
    expect(await names(query)).toEqual(['ann'])
  })

  // It passes the hook when the handler has failed, and the error is answered after that.
  const slowly = (app: FastifyInstance, answer: (reply: FastifyReply, error: Error) => unknown) => {
    const failed = Promise.withResolvers<void>()
    const passed = Promise.withResolvers<void>()
    app.addHook('onError', async () => failed.resolve())
    app.addHook('preSerialization', async (_request, _reply, payload) => {
      if ('isSaved' in (payload as object)) {
        await failed.promise
        passed.resolve()
      }
      return payload
    })
    app.setErrorHandler(async (error: Error, _request, reply) => {
      await passed.promise
      await setImmediate()
      return answer(reply, error)
    })
  }

  const failing = (app: FastifyInstance): void => {
    app.get('/', async ({ session }, reply) => {
      session.add(user('ann'))
      await session.flush()
      void reply.code(201).send({ isSaved: true })
      throw new Error('second')
    })
  }

  it('is answered with its error where the first answer was still in a hook: it is not true any more', async () => {
    await using served = await serving((app) => {
      slowly(app, (reply, { message }) => reply.code(500).send({ message }))
      failing(app)
    })
    const response = await served.fetch('/')
    expect([response.status, await response.json()]).toEqual([500, { message: 'second' }])
    expect(response.headers.get('x-db-query-count')).toBe('1')
    expect(await names(query)).toEqual([])
  })

  it('is so where the error handler gives its answer instead of sending it, and throws', async () => {
    await using served = await serving((app) => {
      slowly(app, (reply, { message }) => {
        if (message === 'second') throw new Error('third')
        reply.code(502)
        return { message }
      })
      failing(app)
    })
    const response = await served.fetch('/')
    expect([response.status, await response.json()]).toMatchObject([500, { message: 'third' }])
    expect(await names(query)).toEqual([])
  })

  it('is so where its time was over', async () => {
    await using served = await serving((app) => {
      slowly(app, (reply, { message }) => reply.code(503).send({ message }))
      app.get('/', { handlerTimeout: 300 }, async ({ session }) => {
        session.add(user('ann'))
        await session.flush()
        return { isSaved: true }
      })
    })
    const response = await served.fetch('/')
    expect([response.status, await response.text()]).toEqual([
      503,
      expect.stringContaining('timed'),
    ])
    expect(await names(query)).toEqual([])
  })

  it('commits once for two calls of reply.send()', async () => {
    await using served = await serving((app) => {
      app.get('/', (request, reply) => {
        request.session.add(user('ann'))
        void reply.send('first')
        void reply.send('second')
      })
    })
    expect(await (await served.fetch('/')).text()).toBe('first')
    expect(await names(query)).toEqual(['ann'])
  })

  it('may call reply.send() and return nothing, which is no second answer', async () => {
    await using served = await serving((app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        await session.flush()
        void reply.code(201).send({ ok: true })
      })
    })
    const response = await served.fetch('/')
    expect([response.status, await response.json()]).toEqual([201, { ok: true }])
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await names(query)).toEqual(['ann'])
    await served.app.close()
    expect(served.logs.filter(({ level }) => level > 30)).toEqual([])
  })

  it('may call reply.send() with an error and return nothing, or something', async () => {
    await using served = await serving((app) => {
      app.get('/:returned', async ({ session, params }, reply) => {
        session.add(user('ann'))
        await session.flush()
        void reply.send(Object.assign(new Error('boom'), { statusCode: 418 }))
        return (params as { returned: string }).returned === 'nothing' ? undefined : 'something'
      })
    })
    for (const path of ['/nothing', '/something']) {
      const response = await served.fetch(path)
      expect(response.status).toBe(418)
      expect(await response.json()).toMatchObject({ message: 'boom' })
      expect(response.headers.get('x-db-query-count')).toBe('1')
    }
    expect(await names(query)).toEqual([])
  })
})

describe('a session after its answer', () => {
  it('refuses a handler that replies and goes on', async () => {
    const late = Promise.withResolvers<unknown>()
    await using served = await serving((app) => {
      app.get('/', async ({ session }, reply) => {
        session.add(user('ann'))
        await reply.send('early')
        await session.execute(sql`select 1`).then(late.resolve, late.resolve)
      })
    })
    expect(await (await served.fetch('/')).text()).toBe('early')
    expect(await late.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' })
    expect(await names(query)).toEqual(['ann'])
  })

  it.each<[string, (session: Session) => unknown]>([
    ['find', (session) => session.find(User).toList()],
    ['get', (session) => session.get(User, 1)],
    ['add', (session) => session.add(user('bob'))],
    ['flush', (session) => session.flush()],
    ['commit', (session) => session.commit()],
    ['rollback', (session) => session.rollback()],
    ['transaction', (session) => session.transaction(() => 1)],
    ['execute', (session) => session.execute(sql`select 1`)],
  ])('refuses %s', async (_name, use) => {
    const kept: Session[] = []
    await using served = await working(async (session) => {
      kept.push(session)
      await session.find(User).count()
    })
    await served.fetch('/')
    await expect((async () => use(kept[0]!))()).rejects.toMatchObject({
      code: 'DATA_BRIDGE_ERR_SESSION_CLOSED',
      message: expect.stringContaining('its request has been answered') as string,
    })
  })

  it('is not opened by an onSend hook that runs after the commit', async () => {
    await using served = await serving((app) => {
      app.addHook('onSend', async ({ session }, reply) => {
        if (reply.statusCode < 400) await session.find(User).count()
      })
      app.get('/', async () => 'early')
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' })
  })

  it('is not opened after raw.end()', async () => {
    const late = Promise.withResolvers<unknown>()
    await using served = await serving((app) => {
      app.get('/', async (request, reply) => {
        reply.hijack().raw.end('raw')
        await (async () => request.session.find(User).count())().then(late.resolve, late.resolve)
      })
    })
    expect(await (await served.fetch('/')).text()).toBe('raw')
    expect(await late.promise).toMatchObject({
      code: 'DATA_BRIDGE_ERR_SESSION_CLOSED',
      message: expect.stringContaining('after the response was sent') as string,
    })
  })

  it('is not opened any more where it was not asked for before', async () => {
    const late = Promise.withResolvers<unknown>()
    await using served = await serving((app) => {
      app.addHook('onResponse', async (request) => {
        await (async () => request.session.find(User).count())().then(late.resolve, late.resolve)
      })
      app.get('/', async () => 'early')
    })
    expect(await (await served.fetch('/')).text()).toBe('early')
    expect(await late.promise).toMatchObject({
      code: 'DATA_BRIDGE_ERR_SESSION_CLOSED',
      message: expect.stringContaining('after the response was sent') as string,
    })
    expect(database.usage.waiting).toBe(0)
  })
})

describe('a query that nobody awaits', () => {
  it('is finished before the commit, and committed', async () => {
    await using served = await working((session) => {
      void session.execute(sql`insert into users (name, email) values ('ann', 'a')`)
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await names(query)).toEqual(['ann'])
  })

  it('holds the answer back while it runs', async () => {
    const lock = await holdLock(url, lockKey)
    await using served = await working((session) => {
      void session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
      session.add(user('ann'))
    })
    let isAnswered = false
    const answer = served.fetch('/').then((response) => {
      isAnswered = true
      return response
    })
    await untilBlocked(query, 'select pg_advisory')
    expect(isAnswered).toBe(false)
    await lock[Symbol.asyncDispose]()
    expect((await answer).status).toBe(200)
    expect(await names(query)).toEqual(['ann'])
  })

  it('leaves nothing open where it starts others behind the back of the commit', async () => {
    const ended = Promise.withResolvers<unknown>()
    await using served = await working((session) => {
      const write = async (): Promise<never> => {
        for (let index = 0; ; index += 1)
          await session.execute(sql`insert into users (name, email) values ('x', ${index})`)
      }
      void write().catch(ended.resolve)
    })
    expect((await served.fetch('/')).status).toBe(200)
    expect(await ended.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' })
  })
})

describe('many queries at once', () => {
  it('of one handler run one after the other, on one connection', async () => {
    await using served = await serving((app) => {
      app.get('/', async ({ session }) => {
        session.add(user('ann'))
        const pids = await Promise.all(
          Array.from({ length: 10 }, () =>
            session.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`),
          ),
        )
        return { pids: new Set(pids.map(([row]) => row?.pid)).size }
      })
    })
    const response = await served.fetch('/')
    expect(await response.json()).toEqual({ pids: 1 })
    expect(response.headers.get('x-db-query-count')).toBe('11')
  })
})
