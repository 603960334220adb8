import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { beforeEach, describe, expect, it } from 'vitest'
import { Database, DataBridgeError, type Session, sql } from '../../../orm/index.ts'
import dataBridge, { dataBridge as named } from '../../../plugin/index.ts'
import untyped from '../../../plugin/plugin.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'
import { watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
beforeEach(async () => {
  await stored.truncate()
  await query(`insert into users (name, email) values ('ann', 'a')`)
})

const other = await testDatabase(blog)

declare module 'fastify' {
  interface FastifyRequest {
    readonly db: Session
  }
}

async function failureOf(define: (app: FastifyInstance) => unknown): Promise<unknown> {
  const app = Fastify()
  try {
    define(app)
    await app.ready()
  } catch (error) {
    return error
  } finally {
    await app.close()
  }
  return undefined
}

async function nameOfFirst({ session }: { session: Session }): Promise<string | undefined> {
  return (await session.get(User, 1))?.name
}

async function answerOf(app: FastifyInstance, path = '/'): Promise<string> {
  const address = app.server.listening
    ? app.listeningOrigin
    : await app.listen({ host: '127.0.0.1', port: 0 })
  return (await fetch(`${address}${path}`)).text()
}

describe('registering', () => {
  it('works without await, for routes that are declared in the same tick', async () => {
    await using app = Fastify()
    app.register(dataBridge, { database })
    app.get('/', nameOfFirst)
    expect(await answerOf(app)).toBe('ann')
  })

  it('works with await', async () => {
    await using app = Fastify()
    await app.register(dataBridge, { database })
    app.get('/', nameOfFirst)
    expect(app.dataBridge).toBe(database)
    expect(await answerOf(app)).toBe('ann')
  })

  it('works with after() and with a callback of ready()', async () => {
    await using app = Fastify()
    app.register(dataBridge, { database }).after(() => {
      app.get('/', nameOfFirst)
    })
    const { promise, resolve } = Promise.withResolvers<Error | null>()
    app.ready((error) => resolve(error))
    expect(await promise).toBeFalsy()
    expect(await answerOf(app)).toBe('ann')
  })

  it('works within a plugin, for routes in scopes below', async () => {
    await using app = Fastify()
    app.register(async (scope) => {
      await scope.register(dataBridge, { database })
      scope.register(async (inner) => {
        inner.get('/', nameOfFirst)
      })
    })
    expect(await answerOf(app)).toBe('ann')
  })

  it('has one plugin behind every import, which Fastify knows by its name', async () => {
    await using app = Fastify()
    app.register(dataBridge, { database })
    await app.ready()
    expect(named).toBe(dataBridge)
    expect(untyped).toBe(dataBridge)
    expect(app.hasPlugin('fastify-data-bridge')).toBe(true)
    expect(app.hasRequestDecorator('session')).toBe(true)
  })

  it('makes nothing of an application that is closed before it was ever ready', async () => {
    const app = Fastify()
    app.register(dataBridge, { connectionString: url })
    await app.close()
    expect(app.dataBridge.usage.total).toBe(0)
  })
})

describe('registering several times', () => {
  it('is refused in one scope', async () => {
    const error = await failureOf((app) => {
      app.register(dataBridge, { database })
      app.register(dataBridge, { database: other.database })
    })
    expect(error).toBeInstanceOf(DataBridgeError)
    expect(error).toMatchObject({
      code: 'DATA_BRIDGE_ERR_OPTION',
      message: expect.stringContaining('registered twice in one scope') as string,
    })
  })

  it('is refused in one scope under another property, too', async () => {
    const error = await failureOf((app) => {
      app.register(dataBridge, { database })
      app.register(dataBridge, { database: other.database, decorateAs: 'db' })
    })
    expect(error).toMatchObject({ code: 'DATA_BRIDGE_ERR_OPTION' })
  })

  it('gives siblings a database each', async () => {
    await other.truncate()
    await other.query(`insert into users (name, email) values ('zoe', 'z')`)
    await using app = Fastify()
    for (const [prefix, each] of [
      ['/one', database],
      ['/two', other.database],
    ] as const) {
      app.register(
        async (scope) => {
          scope.register(dataBridge, { database: each })
          scope.get('/', nameOfFirst)
        },
        { prefix },
      )
    }
    expect(await answerOf(app, '/one')).toBe('ann')
    expect(await answerOf(app, '/two')).toBe('zoe')
    expect(app.hasDecorator('dataBridge')).toBe(false)
  })

  it('gives a child a database of its own below a parent that has one', async () => {
    await other.truncate()
    await other.query(`insert into users (name, email) values ('zoe', 'z')`)
    await using app = Fastify()
    app.register(dataBridge, { database })
    app.get('/parent', nameOfFirst)
    app.register(async (child) => {
      child.register(dataBridge, { database: other.database })
      child.get('/child', nameOfFirst)
      child.get('/child/ambient', async () => (await User.get(1))?.name)
      expect(child.dataBridge).toBe(app.dataBridge)
      await child.after()
      expect(child.dataBridge).toBe(other.database)
    })
    expect(await answerOf(app, '/parent')).toBe('ann')
    expect(await answerOf(app, '/child')).toBe('zoe')
    expect(await answerOf(app, '/child/ambient')).toBe('zoe')
  })

  it('settles the sessions of parent and child, which one request may both use', async () => {
    await other.truncate()
    await using app = Fastify()
    app.register(dataBridge, { database, decorateAs: 'db' })
    app.register(async (child) => {
      child.register(dataBridge, { database: other.database })
      child.get<{ Querystring: { fail?: string } }>('/', async (request) => {
        request.db.add(new User({ name: 'p', email: 'p' }))
        request.session.add(new User({ name: 'c', email: 'c' }))
        if (request.query.fail !== undefined) throw new Error('boom')
        return 'both'
      })
    })
    expect(await answerOf(app, '/?fail=1')).toContain('boom')
    expect(await other.query('select from users')).toHaveLength(0)
    expect(await answerOf(app)).toBe('both')
    expect(await query(`select from users where name = 'p'`)).toHaveLength(1)
    expect(await other.query(`select from users where name = 'c'`)).toHaveLength(1)
  })
})

describe('the property of the request', () => {
  it('is named by decorateAs, and the usual one is left to others', async () => {
    await using app = Fastify()
    app.decorateRequest('session', { getter: () => 'of @fastify/session' as never })
    app.register(dataBridge, { database, decorateAs: 'db' })
    app.get('/', async (request) => [request.session, await nameOfFirst({ session: request.db })])
    expect(JSON.parse(await answerOf(app))).toEqual(['of @fastify/session', 'ann'])
  })

  it.each<[string, (app: FastifyInstance) => void]>([
    ['a getter', (app) => app.decorateRequest('session', { getter: () => null as never })],
    ['a value', (app) => app.decorateRequest('session', null as never)],
    [
      'a getter of a scope above',
      (app) => app.decorateRequest('session', { getter: () => null as never }),
    ],
  ])('is refused where another plugin has taken it with %s', async (kind, decorate) => {
    const error = await failureOf((app) => {
      decorate(app)
      if (kind.endsWith('above')) {
        app.register(async (scope) => {
          scope.register(dataBridge, { database })
        })
      } else {
        app.register(dataBridge, { database })
      }
    })
    expect(error).toBeInstanceOf(DataBridgeError)
    expect(error).toMatchObject({ code: 'DATA_BRIDGE_ERR_OPTION' })
    expect((error as Error).message).toMatch(
      /request\.session belongs to .*another plugin.*decorateAs/,
    )
  })

  it.each(['body', 'query', 'params', 'id', 'raw', 'log', 'headers', 'url', 'signal', 'server'])(
    'is refused where Fastify has it itself: %s',
    async (decorateAs) => {
      const error = await failureOf((app) => app.register(dataBridge, { database, decorateAs }))
      expect(error).toBeInstanceOf(DataBridgeError)
      expect(error).toMatchObject({
        code: 'DATA_BRIDGE_ERR_OPTION',
        message: expect.stringContaining(`request.${decorateAs}`) as string,
      })
    },
  )

  it('is taken where a later plugin wants it, which Fastify refuses', async () => {
    const error = await failureOf((app) => {
      app.register(dataBridge, { database })
      app.register(
        fp(async (scope) => {
          scope.decorateRequest('session', { getter: () => null as never })
        }),
      )
    })
    expect(error).toMatchObject({ code: 'FST_ERR_DEC_ALREADY_PRESENT' })
  })

  it('cannot be assigned, and is no own property of the request', async () => {
    await using app = Fastify()
    app.register(dataBridge, { database })
    app.get('/', async (request) => {
      expect(Object.keys(request)).not.toContain('session')
      expect(() => Object.assign(request, { session: 1 })).toThrow(TypeError)
      return nameOfFirst({ session: request.getDecorator<Session>('session') })
    })
    expect(await answerOf(app)).toBe('ann')
  })

  it('says so when it is used by a hook that runs before those of the plugin', async () => {
    await using app = Fastify()
    app.addHook('onRequest', async (request) => {
      await request.session.execute(sql`select 1`)
    })
    await app.register(dataBridge, { database })
    const { promise, resolve } = Promise.withResolvers<Error>()
    app.addHook('onError', async (_request, _reply, error) => resolve(error))
    app.get('/', nameOfFirst)
    expect(JSON.parse(await answerOf(app))).toMatchObject({
      statusCode: 500,
      code: 'DATA_BRIDGE_ERR_SESSION_CLOSED',
    })
    expect((await promise).stack).toMatch(
      /request\.session was used before the hooks.*register fastify-data-bridge before/,
    )
  })

  it('is the same session throughout a request, and another one in the next', async () => {
    const seen = new Set<Session>()
    await using app = Fastify()
    app.register(dataBridge, { database })
    app.addHook('preHandler', async (request) => void seen.add(request.session))
    app.get('/', async (request) => {
      seen.add(request.session)
      return nameOfFirst(request)
    })
    await answerOf(app)
    expect(seen.size).toBe(1)
    await answerOf(app)
    expect(seen.size).toBe(2)
    expect([...seen].every((session) => session.isClosed)).toBe(true)
  })
})

describe('app.dataBridge', () => {
  it('is the database, for work outside of requests', async () => {
    await using app = Fastify()
    app.register(dataBridge, { connectionString: url, max: 2 })
    await app.ready()
    expect(app.dataBridge).toBeInstanceOf(Database)
    expect(await app.dataBridge.run(async () => (await User.get(1))?.name)).toBe('ann')
  })
})
