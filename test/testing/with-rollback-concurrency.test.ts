import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { sql } from '../../orm/index.ts'
import { withRollback } from '../../plugin/testing/index.ts'
import { type Served, serve, watchForLeaks } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, user, User } from '../support/entities.ts'
import { seenNames } from './seen-names.ts'

const { database, query, truncate } = await testDatabase(blog)

watchForLeaks({ database, query })
beforeEach(truncate)

const namesIn = (): Promise<string[]> => seenNames(database)

/** Routes that stop in their transaction until the test goes on. */
interface Held {
  readonly served: Served
  /** Resolves when the request has begun its transaction. */
  readonly begun: Promise<void>
  readonly goOn: (isToFail: boolean) => void
}

async function held(): Promise<Held> {
  const begun = Promise.withResolvers<void>()
  const end = Promise.withResolvers<boolean>()
  const served = await serve({ database }, (app) => {
    app.get('/held', async ({ session }) => {
      session.add(user('held'))
      await session.flush()
      begun.resolve()
      if (await end.promise) throw new Error('no')
      return {}
    })
    app.get('/other', async ({ session }) => {
      session.add(user('other'))
      await session.flush()
      return {}
    })
    app.get('/read', async ({ session }) => ({ count: await session.find(User).count() }))
  })
  onTestFinished(() => served.app.close())
  return { served, begun: begun.promise, goOn: end.resolve }
}

async function served(routes: (app: FastifyInstance) => void): Promise<FastifyInstance> {
  const { app } = await serve({ database }, routes)
  onTestFinished(() => app.close())
  return app
}

/** Whether a promise is still pending after a statement of another session. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false
  void promise.finally(() => (isSettled = true))
  await database.run((session) => session.find(User).count())
  return !isSettled
}

describe('requests at the same time', () => {
  for (const isToFail of [false, true]) {
    it(`take turns with their transactions, where the first ${isToFail ? 'fails' : 'commits'}`, async () => {
      const { served, begun, goOn } = await held()
      await withRollback(served.app, async () => {
        const first = served.fetch('/held')
        await begun
        const second = served.fetch('/other')
        expect((await served.fetch('/read')).status).toBe(200)
        expect(await isPending(second)).toBe(true)
        goOn(isToFail)
        expect((await first).status).toBe(isToFail ? 500 : 200)
        expect((await second).status).toBe(200)
        expect(await namesIn()).toEqual(isToFail ? ['other'] : ['held', 'other'])
      })
    })
  }

  it('of a large number all succeed', async () => {
    const app = await served((each) => {
      each.post<{ Body: { name: string } }>('/users', async ({ session, body }) => {
        session.add(user(body.name))
        await session.flush()
        return { count: await session.find(User).count() }
      })
    })
    await withRollback(app, async () => {
      const all = Array.from({ length: 50 }, (_, index) => ({ name: `user${index % 40}` }))
      const answers = await Promise.all(
        all.map((payload) => app.inject({ method: 'POST', url: '/users', payload })),
      )
      const codes = answers.map(({ statusCode }) => statusCode)
      expect(codes.filter((code) => code === 200)).toHaveLength(40)
      expect(codes.filter((code) => code === 409)).toHaveLength(10)
      expect(await namesIn()).toHaveLength(40)
    })
    expect(await namesIn()).toEqual([])
  })
})

describe('a session in the transaction of another one', () => {
  it('nests in that of its request, which goes on behind it', async () => {
    const app = await served((each) => {
      each.get('/', async ({ session }) => {
        session.add(user('outer'))
        await session.flush()
        await database.run((inner) => inner.add(user('inner')))
        const failing = database.run(async (inner) => {
          inner.add(user('failed'))
          await inner.flush()
          expect(await session.find(User).count()).toBe(3)
          throw new Error('no')
        })
        await expect(failing).rejects.toThrow('no')
        session.add(user('last'))
        return {}
      })
    })
    await withRollback(app, async () => {
      expect((await app.inject('/')).statusCode).toBe(200)
      expect(await namesIn()).toEqual(['inner', 'last', 'outer'])
    })
  })

  it('is not undone with a transaction that had failed before', async () => {
    const app = await served((each) => {
      each.get('/', async ({ session }) => {
        session.add(user('outer'))
        await session.flush()
        const failing = session.execute(sql`select 1 / 0`)
        await failing.catch(() => database.run((audit) => audit.add(user('audit'))))
        throw new Error('no')
      })
    })
    await withRollback(app, async () => {
      expect((await app.inject('/')).statusCode).toBe(500)
      expect(await namesIn()).toEqual(['audit'])
    })
  })

  it('lets the outer one end only behind it', async () => {
    await withRollback(database, async () => {
      await database.run(async (outer) => {
        outer.add(user('outer'))
        await outer.flush()
        const goOn = Promise.withResolvers<void>()
        const begun = Promise.withResolvers<void>()
        const inner = database.run(async (session) => {
          session.add(user('inner'))
          await session.flush()
          begun.resolve()
          await goOn.promise
        })
        await begun.promise
        outer.add(user('second'))
        const committing = outer.flush()
        expect(await isPending(committing)).toBe(true)
        goOn.resolve()
        await inner
        await committing
      })
      expect(await namesIn()).toEqual(['inner', 'outer', 'second'])
    })
  })

  it('stays where a query of the outer one fails', async () => {
    await withRollback(database, async () => {
      const outer = database.run(async (session) => {
        session.add(user('outer'))
        await session.flush()
        await database.run(async (inner) => {
          inner.add(user('inner'))
          await inner.flush()
          const broken = session.find(User).filter(() => sql<boolean>`1 / 0 = 1`)
          await expect(broken.toList()).rejects.toMatchObject({ sqlState: '22012' })
          inner.add(user('more'))
          await inner.flush()
          expect(await namesIn()).toEqual(['inner', 'more', 'outer'])
        })
      })
      await expect(outer).rejects.toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_FAILED' })
      expect(await namesIn()).toEqual([])
    })
  })

  it('fails with a clear error where it would wait for ever', async () => {
    const options = { timeouts: { acquire: 100 } }
    const message =
      'the transaction of another session on it did nothing for timeouts.acquire (100 ms)'
    await withRollback(database, async () => {
      const goOn = Promise.withResolvers<void>()
      const begun = Promise.withResolvers<void>()
      const first = database.run(async (session) => {
        session.add(user('first'))
        await session.flush()
        begun.resolve()
        await goOn.promise
      })
      await begun.promise
      const second = database.run((session) => session.add(user('second')), options)
      await expect(second).rejects.toThrow(message)
      goOn.resolve()
      await first
      const crossed = database.run(async (outer) => {
        outer.add(user('outer'))
        await outer.flush()
        await database.run(async (inner) => {
          inner.add(user('inner'))
          await inner.flush()
          outer.add(user('late'))
          await expect(outer.flush()).rejects.toThrow(message)
        })
      }, options)
      await expect(crossed).rejects.toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_FAILED' })
      expect(await namesIn()).toEqual(['first'])
    })
  })
})
