import Fastify from 'fastify'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { sql } from '../../orm/index.ts'
import dataBridge from '../../plugin/index.ts'
import { injectWithDb, recordQueries } from '../../plugin/testing/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, User } from '../support/entities.ts'
import { postsApp, seedPosts } from './posts.ts'

const { database } = await testDatabase(blog)
const off = await testDatabase(blog, { nPlusOne: 'off' })

beforeAll(async () => {
  await seedPosts(database, 4)
  await seedPosts(off.database, 4)
})

describe('injectWithDb()', () => {
  it('gives the response, and what the request has sent', async () => {
    const { response, db } = await injectWithDb(postsApp(database), '/eager')
    expect(response.json()).toEqual(['post0', 'post1', 'post2', 'post3'])
    expect(db).toMatchObject({
      route: 'GET /eager',
      sessions: 1,
      queryCount: 2,
      counts: { total: 2, select: 2, insert: 0, update: 0, delete: 0, write: 0 },
      truncated: false,
      tables: ['posts', 'users'],
      findings: [],
      implicitLoads: [],
      inconclusive: [],
      statements: [
        {
          sql: expect.stringMatching(/^select .* from "posts" as "t0"$/),
          kind: 'read',
          summary: 'SELECT posts',
          operation: 'find',
          rows: 4,
          site: { file: 'test/testing/posts.ts', line: 24 },
        },
        { summary: 'SELECT users', operation: 'selectinload', rows: 4 },
      ],
    })
    expect(db.durationMs).toBeGreaterThan(0)
    expect(db.statements.every(({ durationMs }) => durationMs > 0)).toBe(true)
  })

  it('names the pattern of the route', async () => {
    const { db } = await injectWithDb(postsApp(database), '/users/1?x=2')
    expect(db.route).toBe('GET /users/:id')
  })

  it('names the path where no handler runs', async () => {
    const app = postsApp(database)
    const paths = [
      '/none?x=2',
      { url: '/none#x' },
      { method: 'POST', path: '/none' },
      { url: { pathname: '/none' } },
    ] as const
    const routes: (string | undefined)[] = []
    for (const path of paths) routes.push((await injectWithDb(app, path)).db.route)
    expect(routes).toEqual(['GET /none', 'GET /none', 'POST /none', 'GET /none'])
  })

  it('finds lazy loads, also where the database looks for nothing', async () => {
    for (const each of [database, off.database]) {
      const { db } = await injectWithDb(postsApp(each), '/lazy')
      const site = { file: 'test/testing/posts.ts', line: 33 }
      expect(db).toMatchObject({
        queryCount: 5,
        implicitLoads: [{ relation: 'Post.author', count: 4, site }],
        findings: [{ kind: 'n1.relation', target: 'Post.author', count: 4, site }],
      })
    }
  })

  it('counts by verbs, and BEGIN, COMMIT and the rest not at all', async () => {
    const { db } = await injectWithDb(postsApp(database), { method: 'POST', url: '/users' })
    expect(db.counts).toEqual({ total: 3, select: 0, insert: 1, update: 1, delete: 1, write: 3 })
    expect(db.statements.map(({ summary, kind }) => [summary, kind])).toEqual([
      ['INSERT users', 'write'],
      ['UPDATE users', 'write'],
      ['DELETE users', 'write'],
    ])
    expect(db.tables).toEqual(['users'])
  })

  it('records a request that fails, without the values of its statements', async () => {
    const { response, db } = await injectWithDb(postsApp(database), '/broken')
    expect(response.statusCode).toBe(500)
    expect(db.statements).toMatchObject([
      {
        sql: 'select ? as word, ? as number, $1::int from nowhere',
        rows: undefined,
        error: expect.objectContaining({ sqlState: '42P01' }),
      },
    ])
  })

  it('records the jobs of a handler too', async () => {
    const { db } = await injectWithDb(postsApp(database), '/job')
    expect(db).toMatchObject({ sessions: 1, queryCount: 1, tables: ['users'] })
  })

  it('records all databases of a request', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    app.register(dataBridge, { database, name: 'one' })
    app.register(dataBridge, { database: off.database, name: 'other' })
    app.get('/', async ({ sessions }) => {
      const { one, other } = sessions as unknown as Record<'one' | 'other', typeof sessions.main>
      return (await one.find(User).count()) + (await other.find(Post).count())
    })
    const { db } = await injectWithDb(app, '/')
    expect(db).toMatchObject({ sessions: 2, queryCount: 2, tables: ['posts', 'users'] })
  })

  it('does not mix requests that run at the same time', async () => {
    const app = postsApp(database)
    const paths = ['/lazy', '/eager', '/job', '/lazy', '/eager']
    const all = await Promise.all(paths.map((path) => injectWithDb(app, path)))
    expect(all.map(({ db }) => [db.route, db.queryCount, db.findings.length])).toEqual([
      ['GET /lazy', 5, 1],
      ['GET /eager', 2, 0],
      ['GET /job', 1, 0],
      ['GET /lazy', 5, 1],
      ['GET /eager', 2, 0],
    ])
  })

  it('does not count what the application does when it starts', async () => {
    const app = postsApp(database)
    app.addHook('onReady', async () => void (await database.run((each) => each.find(User).count())))
    const { db } = await injectWithDb(app, '/eager')
    expect(db.queryCount).toBe(2)
  })
})

describe('recordQueries()', () => {
  it('records work without a request, and one in the other', async () => {
    let inner
    const outer = await recordQueries(async () => {
      await database.run((session) => session.find(User).count())
      inner = await recordQueries(() => database.run((session) => session.find(Post).count()))
    })
    expect(inner).toMatchObject({ route: undefined, queryCount: 1, tables: ['posts'] })
    expect(outer).toMatchObject({ queryCount: 2, tables: ['posts', 'users'] })
  })

  it('records what begins when it is awaited', async () => {
    const db = await recordQueries(() => postsApp(database).inject('/eager'))
    expect(db.queryCount).toBe(2)
  })

  it('rejects if the function does', async () => {
    await expect(
      recordQueries(() => {
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
  })

  it('keeps a thousand statements, counts the others, and can be read again', async () => {
    const db = await recordQueries(() =>
      database.run(async (session) => {
        for (let index = 0; index < 1_005; index += 1) await session.execute(sql`select 1`)
      }),
    )
    expect(db).toMatchObject({ queryCount: 1_005, truncated: true, counts: { write: 0 } })
    expect(db.statements).toHaveLength(1_000)
  })

  it('does not see sessions that begin after it', async () => {
    let later: (() => Promise<unknown>) | undefined
    const db = await recordQueries(() => {
      const go = Promise.withResolvers<void>()
      const work = (async () => {
        await go.promise
        await using session = off.database.session()
        for (const post of await session.find(Post).toList()) await post.author
        return session.stats.findings
      })()
      later = () => (go.resolve(), work)
    })
    expect(await later?.()).toEqual([])
    expect(db).toMatchObject({ sessions: 0, queryCount: 0 })
  })
})
