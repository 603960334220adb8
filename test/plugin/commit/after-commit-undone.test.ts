import { Readable } from 'node:stream'
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import { Database, type Session, sql } from '../../../orm/index.ts'
import type { DataBridgeRouteOptions } from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, User, user } from '../../support/entities.ts'
import { random } from '../../support/random.ts'
import { WireProxy } from '../../support/wire-proxy.ts'
import { holdCommits, holdLock, names, serve, untilBlocked, watchForLeaks } from '../serve.ts'

const stored = await testDatabase(blog)
const { database, query, url } = stored
watchForLeaks(stored)
await query(
  'alter table posts add constraint posts_title_key unique (title) deferrable initially deferred',
)
await holdCommits(query, 9)

let ran: string[] = []
beforeEach(async () => {
  await stored.truncate()
  ran = []
})

const write = ({ session }: { readonly session: Session }, name = 'ann'): void => {
  session.add(user(name))
  session.afterCommit(() => void ran.push(name))
}

describe('afterCommit(fn) of a request that is not committed', () => {
  it.each<[string, (request: FastifyRequest) => unknown, DataBridgeRouteOptions?]>([
    [
      'whose handler throws',
      () => {
        throw new Error('boom')
      },
    ],
    [
      'whose commit PostgreSQL refuses',
      ({ session }) => {
        session.add([1, 2].map(() => new Post({ title: 'same', authorId: 1 })))
      },
    ],
    ['whose flush fails', ({ session }) => session.add(new Post({ title: 'lost', authorId: 404 }))],
    [
      'whose statement has failed',
      ({ session }) => session.execute(sql`select 1 / 0`).catch(() => {}),
    ],
    ['whose commitOn says no', () => 'no', { commitOn: () => false }],
    ['that rolls back', ({ session }) => session.rollback()],
    [
      'that closes its session',
      async ({ session }) => {
        await session.rollback()
        session.afterCommit(() => void ran.push('closed'))
        await session.close()
      },
    ],
    [
      'whose statement takes too long',
      ({ session }) => session.execute(sql`select pg_sleep(30)`),
      {
        timeouts: { statement: 100 },
      },
    ],
    ['whose answer cannot be made', () => ({ number: 1n })],
  ])('does not run: one %s', async (_what, work, options = {}) => {
    await using served = await serve({ database }, (app) => {
      app.get('/', { config: { dataBridge: options } }, async (request) => {
        write(request)
        await request.session.flush()
        return (await work(request)) ?? 'done'
      })
      app.get('/status', async (request, reply) => {
        write(request)
        return reply.code(422).send('no')
      })
    })
    await (await served.fetch('/')).text()
    expect((await served.fetch('/status')).status).toBe(422)
    expect(ran).toEqual([])
    expect(await names(query)).toEqual([])
  })

  it('does not run where the outcome of COMMIT is unknown', async () => {
    await using proxy = await WireProxy.to(url)
    await using fragile = new Database({ connectionString: proxy.url })
    await using served = await serve({ database: fragile }, (app) => {
      app.get('/', async (request) => {
        write(request)
        await request.session.flush()
        void proxy.before('toClient', 'COMMIT', (wire) => wire.cut())
        return 'done'
      })
    })
    const response = await served.fetch('/')
    expect(await response.json()).toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN' })
    expect(await names(query)).toEqual(['ann'])
    expect(ran).toEqual([])
  })

  it('does not run where the client leaves before COMMIT', async () => {
    const written = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => {
      app.get('/', async (request, reply) => {
        write(request)
        const left = new Promise((resolve) => reply.raw.once('close', resolve))
        written.resolve()
        await left
        return 'done'
      })
    })
    const leaving = new AbortController()
    const response = served.fetch('/', { signal: leaving.signal })
    await written.promise
    leaving.abort()
    await expect(response).rejects.toThrow('aborted')
    await served.app.close()
    expect(ran).toEqual([])
  })

  it('does not run where a deferred stream fails', async () => {
    await using served = await serve({ database }, (app) => {
      const config = { dataBridge: { stream: 'deferred' } } as const
      app.get('/', { config }, async (request) => {
        write(request)
        async function* bytes(): AsyncGenerator<string> {
          yield 'some'
          await request.session.flush()
          throw new Error('boom')
        }
        return Readable.from(bytes())
      })
    })
    await served
      .fetch('/')
      .then((response) => response.text())
      .catch(() => undefined)
    await served.app.close()
    expect(ran).toEqual([])
    expect(await names(query)).toEqual([])
  })

  it('runs where the client leaves while COMMIT runs: the work is saved', async () => {
    const left = Promise.withResolvers<void>()
    const lock = await holdLock(url, 9)
    await using served = await serve({ database }, (app) => {
      app.get('/', async (request, reply) => {
        reply.raw.once('close', left.resolve)
        write(request, 'held')
        return 'done'
      })
    })
    const leaving = new AbortController()
    const response = served.fetch('/', { signal: leaving.signal })
    await untilBlocked(query, 'commit')
    leaving.abort()
    await expect(response).rejects.toThrow('aborted')
    await left.promise
    await lock[Symbol.asyncDispose]()
    await expect.poll(() => ran).toEqual(['held'])
    expect(await names(query)).toEqual(['held'])
  })

  it('goes on where the client leaves while it runs', async () => {
    const begun = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => {
      app.get('/', async (request, reply) => {
        reply.raw.once('close', left.resolve)
        request.session.afterCommit(async () => {
          begun.resolve()
          await left.promise
        })
        write(request)
        return 'done'
      })
    })
    const leaving = new AbortController()
    const response = served.fetch('/', { signal: leaving.signal })
    await begun.promise
    leaving.abort()
    await expect(response).rejects.toThrow('aborted')
    await expect.poll(() => ran).toEqual(['ann'])
  })

  it('ends before the application is closed, also where the client leaves while COMMIT runs', async () => {
    const left = Promise.withResolvers<void>()
    const lock = await holdLock(url, 9)
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', async (request, reply) => {
        reply.raw.once('close', left.resolve)
        request.session.add(user('held'))
        request.session.afterCommit(async () => {
          await setTimeout(100)
          ran.push('held')
        })
        return 'done'
      })
    })
    const leaving = new AbortController()
    const response = served.fetch('/', { signal: leaving.signal })
    await untilBlocked(query, 'commit')
    leaving.abort()
    await expect(response).rejects.toThrow('aborted')
    await left.promise
    const closing = served.app.close()
    await lock[Symbol.asyncDispose]()
    await closing
    expect(ran).toEqual(['held'])
  })

  it('ends before the application is closed, also where the client leaves while it runs', async () => {
    const begun = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    const closing = Promise.withResolvers<void>()
    await using served = await serve({ connectionString: url }, (app) => {
      app.addHook('preClose', async () => closing.resolve())
      app.get('/', async (request, reply) => {
        reply.raw.once('close', left.resolve)
        request.session.afterCommit(async () => {
          begun.resolve()
          await closing.promise
          await setImmediate()
          const count = await app.dataBridge.run((job) => job.find(User).count())
          ran.push(`${count} saved`)
        })
        write(request)
        return 'done'
      })
    })
    const leaving = new AbortController()
    const response = served.fetch('/', { signal: leaving.signal })
    await begun.promise
    leaving.abort()
    await expect(response).rejects.toThrow('aborted')
    await left.promise
    await served.app.close()
    expect(ran).toEqual(['1 saved', 'ann'])
  })
})

describe('a thousand requests with random outcomes', () => {
  const outcomes = {
    commit: () => 'done',
    early: async ({ session }: FastifyRequest) => session.commit(),
    throw: () => {
      throw new Error('boom')
    },
    rollback: ({ session }: FastifyRequest) => session.rollback(),
    'swallowed error': ({ session }: FastifyRequest) =>
      session.execute(sql`select 1 / 0`).catch(() => undefined),
    'refused commit': ({ session }: FastifyRequest) =>
      session.add([1, 2].map(() => new Post({ title: 'same', author: user(`a${Math.random()}`) }))),
    savepoint: ({ session, id }: FastifyRequest) =>
      session
        .transaction(() => {
          write({ session }, `inner ${id}`)
          throw new Error('undone')
        })
        .catch(() => undefined),
  }
  const kinds = Object.keys(outcomes) as (keyof typeof outcomes)[]

  it('run exactly the callbacks of what PostgreSQL has stored', async () => {
    const next = random(20_260_101)
    await using served = await serve({ database }, (app) => {
      app.get<{ Params: { kind: keyof typeof outcomes; name: string } }>(
        '/:kind/:name',
        async (request) => {
          const { kind, name } = request.params
          write(request, name)
          if (next() < 0.5) await request.session.flush()
          await outcomes[kind](request)
          return 'done'
        },
      )
    })
    let sent = 0
    const client = async (): Promise<void> => {
      while (sent < 1_000) {
        const name = `u${(sent += 1)}`
        const kind = kinds[Math.floor(next() * kinds.length)] as string
        await (await served.fetch(`/${encodeURIComponent(kind)}/${name}`)).text()
      }
    }
    await Promise.all(Array.from({ length: 8 }, client))
    const saved = await names(query)
    expect(saved.length).toBeGreaterThan(100)
    expect(saved.length).toBeLessThan(900)
    expect(ran.toSorted()).toEqual(saved.toSorted())
  })
})
