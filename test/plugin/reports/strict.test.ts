import { afterEach, describe, expect, it, vi } from 'vitest'
import { Database, sql } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { names, serve, type Served } from '../serve.ts'
import { blogOfTen, loadAuthors, told } from './blog-of-ten.ts'

const { url, query } = await blogOfTen()
const other = await testDatabase(blog)
afterEach(() => vi.unstubAllEnvs())

const saved = async (): Promise<number> =>
  (await names(query)).filter((name) => name === 'eve').length

const refusal = {
  statusCode: 500,
  code: 'DATA_BRIDGE_ERR_N_PLUS_ONE',
  message: 'Nothing was saved: n1.relation Post.author, 10 statements.',
}

const serving = (): Promise<Served> =>
  serve({ connectionString: url, nPlusOne: 'strict' }, (app) => {
    app.get('/read', ({ session }) => loadAuthors(session))
    app.post('/write', async ({ session }) => {
      session.add(user('eve'))
      await loadAuthors(session)
    })
    app.get('/job', () => app.dataBridge.run((session) => loadAuthors(session)))
    app.get('/in-parts', async () => {
      const posts = await app.dataBridge.run((session) => session.find(Post).toList())
      for (const { authorId } of posts)
        await app.dataBridge.run((session) =>
          session.execute(sql`select name from users where id = ${authorId}`),
        )
    })
    app.post('/job-that-writes', async () => {
      await app.dataBridge.run(async (session) => {
        session.add(user('eve'))
        await loadAuthors(session)
      })
    })
    app.post('/caught', async ({ session }) => {
      session.add(user('eve'))
      await app.dataBridge.run((job) => loadAuthors(job)).catch(() => 'caught')
      return 'done'
    })
    app.get('/fails', async ({ session }, reply) => {
      await loadAuthors(session)
      return reply.code(404).send({ is: 'not here' })
    })
    app.get('/stream', async ({ session }) => {
      await loadAuthors(session)
      return new Response(new Blob(['streamed']).stream())
    })
    app.get('/fine', async ({ session }) => session.find(User).count())
    app.post('/fine', async ({ session }) => {
      session.add(user('eve'))
      return 'saved'
    })
  })

describe("nPlusOne: 'strict'", () => {
  it.each([
    ['GET', '/read'],
    ['POST', '/write'],
    ['GET', '/job'],
    ['POST', '/job-that-writes'],
    ['POST', '/caught'],
    ['GET', '/stream'],
  ])('answers a flagged request with a 500, and saves nothing: %s %s', async (method, path) => {
    await using served = await serving()
    const response = await served.fetch(path, { method })
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject(refusal)
    expect(response.headers.get('x-db-n-plus-one')).toBe('Post.author;n=10;k=relation')
    expect(told(served)).toEqual(['Post.author 10'])
    expect(await saved()).toBe(0)
  })

  it('answers so where several jobs, each of which is fine, make the pattern', async () => {
    await using served = await serving()
    const response = await served.fetch('/in-parts')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({
      code: 'DATA_BRIDGE_ERR_N_PLUS_ONE',
      message: expect.stringMatching(/n1\.query SELECT users/) as string,
    })
  })

  it('leaves requests alone that are not flagged, and those that fail by themselves', async () => {
    await using served = await serving()
    expect((await served.fetch('/fine')).status).toBe(200)
    expect((await served.fetch('/fine', { method: 'POST' })).status).toBe(200)
    expect(await saved()).toBe(1)
    const failed = await served.fetch('/fails')
    expect(failed.status).toBe(404)
    expect(await failed.json()).toEqual({ is: 'not here' })
    expect(told(served)).toEqual(['Post.author 10'])
  })

  it('refuses a request with sessions on two databases, and saves nothing on either', async () => {
    const options = { connectionString: other.url, name: 'reports' }
    await using served = await serve({ connectionString: url, nPlusOne: 'strict' }, (app) => {
      app.register(dataBridge, options)
      app.post('/', async ({ session, sessions }) => {
        session.add(user('eve'))
        const { reports } = sessions as unknown as { readonly reports: typeof session }
        reports.add(user('eve'))
        await loadAuthors(session)
      })
    })
    expect((await served.fetch('/', { method: 'POST' })).status).toBe(500)
    expect(await saved()).toBe(0)
    expect(await names(other.query)).toEqual([])
  })

  it('makes a job reject before its commit', async () => {
    await using database = new Database({ connectionString: url, nPlusOne: 'strict' })
    const work = async (session: Parameters<typeof loadAuthors>[0]): Promise<void> => {
      session.add(user('eve'))
      await loadAuthors(session)
    }
    for (const job of [
      () => database.run(work),
      () => database.scope('job', work),
      () => database.transaction(work),
    ]) {
      await expect(job()).rejects.toThrow(coded('DATA_BRIDGE_ERR_N_PLUS_ONE', 'Post.author'))
      expect(await saved()).toBe(0)
    }
  })

  it('says in the stack where, and what to write instead', async () => {
    await using database = new Database({ connectionString: url, nPlusOne: 'strict' })
    const error = await database.run(loadAuthors).catch((reason: unknown) => reason)
    expect((error as Error).stack).toMatch(
      /blog-of-ten\.ts:\d+:\d+; instead: find\(Post\)\.options\(selectinload\(Post\.author\)\)/,
    )
  })

  it('is refused in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    const message = "where NODE_ENV is production, got 'strict'"
    for (const nPlusOne of ['strict', { mode: 'strict' }] as const)
      await expect(serve({ connectionString: url, nPlusOne }, () => {})).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_OPTION', message),
      )
    await using database = new Database({ connectionString: url })
    expect(() => database.session({ nPlusOne: 'strict' })).toThrow(message)
  })
})
