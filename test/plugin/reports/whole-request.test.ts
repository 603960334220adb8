import { describe, expect, it } from 'vitest'
import { Database } from '../../../orm/index.ts'
import dataBridge from '../../../plugin/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { serve, type Served } from '../serve.ts'
import { blogOfTen, loadAuthors, loadComments, told } from './blog-of-ten.ts'

const stored = await blogOfTen()
const { database, url } = stored
const other = await testDatabase(blog)

const headersOf = ({ headers }: Response) => ({
  queries: headers.get('x-db-query-count'),
  found: headers.get('x-db-n-plus-one'),
})

const authorsFound = { queries: '11', found: 'Post.author;n=10;k=relation' }

describe('a request', () => {
  const serving = (): Promise<Served> =>
    serve({ database }, (app) => {
      app.get('/run', () => app.dataBridge.run((session) => loadAuthors(session)))
      app.get('/scope', () => app.dataBridge.scope('authors', (session) => loadAuthors(session)))
      app.get('/transaction', () => app.dataBridge.transaction((session) => loadAuthors(session)))
      app.get('/session', async () => {
        await using session = app.dataBridge.session()
        await loadAuthors(session)
      })
      app.get('/ambient', async () => {
        for (const post of await Post.find().toList()) await post.author
      })
      app.get('/both', async ({ session }) => {
        await loadAuthors(session)
        await app.dataBridge.run((job) => loadComments(job))
      })
      app.get('/nested', async () => {
        await app.dataBridge.run(async (session) => {
          await loadAuthors(session)
          await app.dataBridge.scope('inner', (inner) => loadComments(inner))
        })
      })
      app.get('/none', async () => 'none')
    })

  it.each(['/run', '/scope', '/transaction', '/session', '/ambient'])(
    'has in its headers and its log what %s does',
    async (path) => {
      await using served = await serving()
      expect(headersOf(await served.fetch(path))).toEqual(authorsFound)
      expect(told(served)).toEqual(['Post.author 10'])
    },
  )

  it.each(['/both', '/nested'])('has the sum of what its sessions do: %s', async (path) => {
    await using served = await serving()
    expect(headersOf(await served.fetch(path))).toEqual({
      queries: '22',
      found: 'Post.author;n=10;k=relation, Post.comments;n=10;k=relation',
    })
    expect(told(served)).toEqual(['Post.author 10', 'Post.comments 10'])
  })

  it('has the name of a scope in its findings', async () => {
    await using served = await serving()
    await served.fetch('/nested')
    expect(served.logs.map(({ msg }) => msg).filter((msg) => msg.includes('inner: '))).toEqual([
      expect.stringMatching(/^N\+1: inner: Post\.comments/),
    ])
  })

  it('knows nothing of those before it and beside it', async () => {
    await using served = await serving()
    const both = await Promise.all([served.fetch('/run'), served.fetch('/scope')])
    expect(both.map(headersOf)).toEqual([authorsFound, authorsFound])
    expect(headersOf(await served.fetch('/none'))).toEqual({ queries: null, found: null })
  })
})

describe('a second database', () => {
  it('counts, also where it is not registered', async () => {
    await using second = new Database({ connectionString: url })
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        await session.find(User).count()
        await second.run((job) => loadAuthors(job))
      })
      app.get('/only', () => second.run((job) => loadAuthors(job)))
    })
    expect(headersOf(await served.fetch('/'))).toEqual({ ...authorsFound, queries: '12' })
    expect(headersOf(await served.fetch('/only'))).toEqual(authorsFound)
    expect(told(served)).toEqual(['Post.author 10', 'Post.author 10'])
  })

  it.each([
    [true, true, '3'],
    [true, false, '1'],
    [false, true, '2'],
    [false, false, null],
  ])('counts in the headers if its registration wants them: %s, %s', async (one, two, count) => {
    await using served = await serve({ database, headers: one }, (app) => {
      app.register(dataBridge, { database: other.database, name: 'reports', headers: two })
      app.get('/', async ({ session }) => {
        await session.find(User).count()
        await app.dataBridges.reports.run(async (job) => {
          await job.find(User).count()
          await job.find(Post).count()
        })
      })
    })
    expect(headersOf(await served.fetch('/')).queries).toBe(count)
  })
})

describe('ambient: false', () => {
  it('counts only what request.session does', async () => {
    await using served = await serve({ database, ambient: false }, (app) => {
      app.get('/', async ({ session }) => {
        await session.find(User).count()
        await app.dataBridge.run((job) => loadAuthors(job))
      })
    })
    expect(headersOf(await served.fetch('/'))).toEqual({ queries: '1', found: null })
    expect(told(served)).toEqual([])
  })
})

describe('work that is not awaited', () => {
  it('counts as far as it came before the response, and is told as late after it', async () => {
    const answered = Promise.withResolvers<void>()
    const done = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        await session.find(User).count()
        const begun = Promise.withResolvers<void>()
        const late = app.dataBridge.run(async (job) => {
          await job.find(User).count()
          begun.resolve()
          await answered.promise
          await loadAuthors(job)
        })
        void late.then(done.resolve, done.reject)
        await begun.promise
      })
    })
    const response = await served.fetch('/')
    await response.text()
    expect(headersOf(response)).toEqual({ queries: '2', found: null })
    expect(told(served)).toEqual([])
    answered.resolve()
    await done.promise
    expect(told(served)).toEqual(['Post.author 10'])
    expect(served.logs.find((line) => 'nPlusOne' in line)).toMatchObject({
      isLate: true,
      request: { method: 'GET', route: '/' },
      msg: expect.stringContaining('after the response') as string,
    })
  })

  it('is a job of its own if it begins after the response', async () => {
    const answered = Promise.withResolvers<void>()
    const done = Promise.withResolvers<void>()
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        await session.find(User).count()
        const late = async (): Promise<void> => {
          await answered.promise
          await app.dataBridge.run((job) => loadAuthors(job))
          await app.dataBridge.run((job) => loadAuthors(job))
        }
        void late().then(done.resolve, done.reject)
      })
    })
    expect(headersOf(await served.fetch('/'))).toEqual({ queries: '1', found: null })
    answered.resolve()
    await done.promise
    expect(told(served)).toEqual(['Post.author 10', 'Post.author 10'])
    const lines = served.logs.filter((line) => 'isLate' in line)
    expect(lines.map((line) => 'reqId' in line)).toEqual([true, true])
  })
})

describe('x-db-n-plus-one', () => {
  it('is not there, nor its like, where caches share the response', async () => {
    await using served = await serve({ database }, (app) => {
      app.get<{ Querystring: { control: string } }>('/', async ({ session, query }, reply) => {
        reply.header('cache-control', query.control)
        await loadAuthors(session)
      })
    })
    const namesFor = async (control: string): Promise<readonly string[]> => {
      const { headers } = await served.fetch(`/?control=${encodeURIComponent(control)}`)
      return [...headers.keys()].filter((name) => /^(?:x-db|server-timing)/.test(name))
    }
    for (const control of ['public', 'max-age=5, PUBLIC', 's-maxage=60', 'no-cache,s-maxage = 1'])
      expect(await namesFor(control)).toEqual([])
    for (const control of ['private', 'max-age=60', 'private="x-public-key"'])
      expect(await namesFor(control)).toHaveLength(4)
  })

  it('does not tell what is only information', async () => {
    await using served = await serve({ database }, (app) => {
      app.get('/', async ({ session }) => {
        session.add(user('eve'))
        await loadAuthors(session, 1)
      })
    })
    expect(headersOf(await served.fetch('/')).found).toBe(null)
    expect(told(served)).toEqual([])
  })
})
