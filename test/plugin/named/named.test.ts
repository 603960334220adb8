import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { describe, expect, it, vi } from 'vitest'
import { DataBridgeError, type Session, sql } from '../../../orm/index.ts'
import dataBridge, { type DataBridgeOptions } from '../../../plugin/index.ts'
import { user, User } from '../../support/entities.ts'
import { twoDatabases } from './two-databases.ts'
import { names, serve } from '../serve.ts'

const { main, reports, mainOptions, reportsOptions, serveBoth } = await twoDatabases()

async function refusalOf(define: (app: FastifyInstance) => unknown): Promise<Error> {
  await using app = Fastify()
  define(app)
  const error: unknown = await app.ready().then(
    () => expect.unreachable('the application got ready'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(DataBridgeError)
  expect(error).toMatchObject({ code: 'DATA_BRIDGE_ERR_OPTION' })
  return error as Error
}

const stored = async (): Promise<unknown> => ({
  main: await names(main.query),
  reports: await names(reports.query),
})

const writeBoth = ({ sessions }: { sessions: { main: Session; reports: Session } }): string => {
  sessions.main.add(user('ann'))
  sessions.reports.add(user('zoe'))
  return 'both'
}

describe('databases with names', () => {
  it('are each a session of the request, the same wherever it is read', async () => {
    await using served = await serveBoth((app) => {
      app.get('/', async (request) => {
        const { sessions } = request
        sessions.main.add(user('ann'))
        await sessions.main.flush()
        return {
          names: Object.keys(sessions),
          isSame: sessions.main === request.sessions.main,
          isShared: (sessions.main as unknown) === sessions.reports,
          counts: [
            await sessions.main.find(User).count(),
            await sessions.reports.find(User).count(),
          ],
          other: Object.hasOwn(sessions, 'other'),
        }
      })
    })
    expect(await (await served.fetch('/')).json()).toEqual({
      names: ['main', 'reports'],
      isSame: true,
      isShared: false,
      counts: [1, 0],
      other: false,
    })
  })

  it('are opened one by one: that which nobody reads takes no connection', async () => {
    await using served = await serve({ connectionString: main.url, name: 'main' }, (app) => {
      app.register(dataBridge, { connectionString: reports.url, name: 'reports' })
      app.get('/', async ({ sessions }) => sessions.reports.find(User).count())
    })
    expect(await (await served.fetch('/')).json()).toBe(0)
    const { dataBridges } = served.app
    expect(dataBridges.main.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
    expect(dataBridges.reports.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
    await served.app.close()
    expect(dataBridges.reports.usage.total).toBe(0)
  })

  it('are all in app.dataBridges, for work outside of requests', async () => {
    await using served = await serveBoth(() => {})
    const { dataBridges } = served.app
    expect(Object.keys(dataBridges)).toEqual(['main', 'reports'])
    expect(dataBridges.main).toBe(main.database)
    expect(dataBridges.reports).toBe(reports.database)
    expect(served.app.hasDecorator('dataBridge')).toBe(false)
    await dataBridges.reports.run(async (session) => {
      session.add(user('zoe'))
      await session.flush()
      expect(await User.find().count()).toBe(1)
    })
    expect(await stored()).toEqual({ main: [], reports: ['zoe'] })
  })

  it('stand beside the one without a name, to which User.get(1) belongs in any order', async () => {
    await main.query(`insert into users (name, email) values ('ann', 'a')`)
    await reports.query(`insert into users (name, email) values ('zoe', 'z')`)
    const routes = (app: FastifyInstance): void => {
      app.get('/', async ({ session, sessions }) => [
        (await User.get(1))?.name,
        (await session.get(User, 1))?.name,
        (await sessions.reports.get(User, 1))?.name,
        Object.keys(sessions),
      ])
    }
    await using named = await serve({ database: main.database }, (app) => {
      app.register(dataBridge, reportsOptions)
      routes(app)
    })
    await using unnamed = await serve(reportsOptions, (app) => {
      app.register(dataBridge, { database: main.database })
      routes(app)
    })
    const expected = ['ann', 'ann', 'zoe', ['reports']]
    expect(await (await named.fetch('/')).json()).toEqual(expected)
    expect(await (await unnamed.fetch('/')).json()).toEqual(expected)
    expect(named.app.dataBridge).toBe(main.database)
  })

  it('leave User.get(1) without a session where all have a name', async () => {
    await using served = await serveBoth((app) => {
      app.get('/', async () => User.get(1))
    })
    const response = await served.fetch('/')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_NO_AMBIENT_SESSION' })
  })

  it('may have names that objects have otherwise', async () => {
    const odd = ['constructor', '__proto__', 'toString', '$', 'größe']
    await using served = await serve({ database: main.database, name: odd[0] }, (app) => {
      for (const name of odd.slice(1)) {
        app.register(dataBridge, { database: main.database, name })
      }
      app.get('/', async ({ sessions }) => ({
        names: Object.keys(sessions),
        counts: await Promise.all(
          Object.values<Session>({ ...sessions }).map((each) => each.find(User).count()),
        ),
      }))
    })
    expect(await (await served.fetch('/')).json()).toEqual({ names: odd, counts: [0, 0, 0, 0, 0] })
  })

  it('can be asked for by plugins that depend on them', async () => {
    await using served = await serveBoth((app) => {
      app.register(
        fp(
          async (scope) => {
            scope.addHook('preHandler', async ({ sessions }) => {
              sessions.reports.add(user('zoe'))
            })
          },
          {
            dependencies: ['fastify-data-bridge'],
            decorators: { fastify: ['dataBridges'], request: ['sessions'] },
          },
        ),
      )
      app.get('/', async () => 'done')
    })
    expect(await (await served.fetch('/')).text()).toBe('done')
    expect(await stored()).toEqual({ main: [], reports: ['zoe'] })
  })

  it('are known to the handler of what is not found', async () => {
    await using served = await serveBoth((app) => {
      app.setNotFoundHandler(async ({ sessions }, reply) => {
        await reply.code(200).send(await sessions.reports.find(User).count())
      })
    })
    expect(await (await served.fetch('/nowhere')).json()).toBe(0)
  })

  it('say so when one is used by a hook that runs before those of the plugin', async () => {
    await using app = Fastify()
    app.addHook('onRequest', async ({ sessions }) => {
      await sessions.reports.execute(sql`select 1`)
    })
    await app.register(dataBridge, reportsOptions)
    const { promise, resolve } = Promise.withResolvers<Error>()
    app.addHook('onError', async (_request, _reply, error) => resolve(error))
    app.get('/', async () => 'never')
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    const response = await fetch(address)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' })
    expect((await promise).stack).toMatch(
      /request\.sessions\.reports was used before the hooks.*register fastify-data-bridge before/,
    )
  })

  it('refuse their sessions once the request has been answered', async () => {
    const late = Promise.withResolvers<unknown>()
    await using served = await serveBoth((app) => {
      app.get('/', async (request) => {
        request.raw.once('close', () => {
          try {
            late.resolve(request.sessions.reports)
          } catch (error) {
            late.resolve(error)
          }
        })
        return 'answered'
      })
    })
    await served.fetch('/')
    expect(await late.promise).toMatchObject({ code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' })
  })
})

describe('the source of a database with a name', () => {
  it('is given: DATABASE_URL is that of the one without', async () => {
    vi.stubEnv('DATABASE_URL', main.url)
    const unset = { name: 'reports', connectionString: undefined }
    const { message } = await refusalOf((app) => {
      app.register(dataBridge)
      app.register(dataBridge, unset)
    })
    vi.unstubAllEnvs()
    expect(message).toMatch(
      /expected connectionString, pool or database for reports.*DATABASE_URL.*got none/,
    )
  })
})

describe('names in scopes', () => {
  it('are refused twice in one scope', async () => {
    const { message } = await refusalOf((app) => {
      app.register(dataBridge, mainOptions)
      app.register(dataBridge, { ...reportsOptions, name: 'main' })
    })
    expect(message).toMatch(/registered twice with the name main in one scope/)
  })

  it('are inherited, and added to below', async () => {
    const seen: Record<string, string[]> = {}
    await using served = await serve(mainOptions, (app) => {
      app.get('/parent', async ({ sessions }) => void (seen.parent = Object.keys(sessions)))
      app.register(async (child) => {
        child.register(dataBridge, reportsOptions)
        child.post('/child', async (request) => {
          seen.child = Object.keys(request.sessions)
          return writeBoth(request)
        })
        child.register(async (inner) => {
          inner.get('/inner', async ({ sessions }) => void (seen.inner = Object.keys(sessions)))
        })
      })
    })
    for (const path of ['/parent', '/inner']) await served.fetch(path)
    expect(await (await served.fetch('/child', { method: 'POST' })).text()).toBe('both')
    expect(seen).toEqual({
      parent: ['main'],
      child: ['main', 'reports'],
      inner: ['main', 'reports'],
    })
    expect(Object.keys(served.app.dataBridges)).toEqual(['main'])
    expect(await stored()).toEqual({ main: ['ann'], reports: ['zoe'] })
  })

  it('can hide one of a scope above, also beside others of their own', async () => {
    await main.query(`insert into users (name, email) values ('ann', 'a')`)
    await reports.query(`insert into users (name, email) values ('zoe', 'z')`)
    await using served = await serve(mainOptions, (app) => {
      app.get('/parent', async ({ sessions }) => sessions.main.get(User, 1))
      app.register(async (child) => {
        child.register(dataBridge, reportsOptions)
        child.register(dataBridge, { ...reportsOptions, name: 'main' })
        child.get('/child', async ({ sessions }) => sessions.main.get(User, 1))
        await child.after()
        expect(child.dataBridges.main).toBe(reports.database)
      })
    })
    expect(await (await served.fetch('/parent')).json()).toMatchObject({ name: 'ann' })
    expect(await (await served.fetch('/child')).json()).toMatchObject({ name: 'zoe' })
    expect(served.app.dataBridges.main).toBe(main.database)
  })

  it('are each sibling’s own, and may be the same', async () => {
    await using app = Fastify()
    for (const [prefix, { database }] of [
      ['/one', main],
      ['/two', reports],
    ] as const) {
      app.register(
        async (scope) => {
          scope.register(dataBridge, { database, name: 'reports' })
          scope.get('/', async ({ sessions }) => {
            sessions.reports.add(user(prefix.slice(1)))
            return Object.keys(sessions)
          })
        },
        { prefix },
      )
    }
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    for (const path of ['/one', '/two']) {
      expect(await (await fetch(`${address}${path}`)).json()).toEqual(['reports'])
    }
    expect(app.hasDecorator('dataBridges')).toBe(false)
    expect(await stored()).toEqual({ main: ['one'], reports: ['two'] })
  })

  it.each<[string, (app: FastifyInstance) => unknown]>([
    ['another plugin', (app) => app.decorateRequest('sessions', { getter: () => ({}) as never })],
    [
      'the database without a name',
      (app) => app.register(dataBridge, { database: main.database, decorateAs: 'sessions' }),
    ],
  ])('are refused where request.sessions belongs to %s', async (_owner, take) => {
    const { message } = await refusalOf((app) => {
      take(app)
      app.register(dataBridge, reportsOptions)
    })
    expect(message).toMatch(/request\.sessions belongs to another plugin/)
  })

  it('keep request.sessions from a database that comes after them', async () => {
    const { message } = await refusalOf((app) => {
      app.register(dataBridge, reportsOptions)
      app.register(dataBridge, { database: main.database, decorateAs: 'sessions' })
    })
    expect(message).toMatch(/request\.sessions belongs to/)
  })
})

describe('a name that is not valid fails ready()', () => {
  it.each<[Partial<Record<keyof DataBridgeOptions, unknown>>, RegExp]>([
    [{ name: '' }, /name expected the name of a property, got the string ""/],
    [{ name: 'my reports' }, /name expected the name of a property, got the string "my reports"/],
    [{ name: '1st' }, /name expected the name of a property, got the string "1st"/],
    [{ name: 5 }, /name expected the name of a property, got the number 5/],
    [{ name: null }, /name expected the name of a property, got null/],
    [{ name: 'a', decorateAs: 'db' }, /expected name or decorateAs, got both/],
    [{ name: 'a', ambient: true }, /expected name or ambient: true, got both/],
  ])('%o', async (options, expected) => {
    const { message } = await refusalOf((app) =>
      app.register(dataBridge, { database: main.database, ...options } as DataBridgeOptions),
    )
    expect(message).toMatch(expected)
  })
})
