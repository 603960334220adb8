import { Readable } from 'node:stream'
import { type Context, context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import pg from 'pg'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { selectinload, Session } from '../../orm/index.ts'
import { serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, User, user } from '../support/entities.ts'
import { outline, startTracing, takeSpans, treesOf } from './traced.ts'

startTracing()
const { url, database } = await testDatabase(blog)

beforeAll(async () => {
  await database.run((session) => {
    session.add(['ann', 'ben'].map((name) => new Post({ title: name, author: user(name) })))
  })
})

beforeEach(() => void takeSpans())

const outlines = (spans: readonly ReadableSpan[] = takeSpans()): string[] =>
  treesOf(spans).map(outline)

describe('parallel queries', () => {
  it('are siblings below the span that asked for them, each with its own children', async () => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', ({ session }) =>
        Promise.all([
          session.find(Post).options(selectinload(Post.author)).toList(),
          session.find(User).options(selectinload(User.posts)).toList(),
          session.find(Post).count(),
        ]).then(() => 'ok'),
      )
    })
    await served.fetch('/')
    const [request] = treesOf(takeSpans())
    expect(request?.children.map(outline).toSorted()).toEqual([
      'db.query.count',
      'db.query.find(db.relationship.selectinload)',
      'db.query.find(db.relationship.selectinload)',
      'db.session.close',
      'db.session.commit',
      'db.session.open',
    ])
  })

  it('of two requests at once stay in their own traces', async () => {
    await using served = await serve({ connectionString: url, max: 1 }, (app) => {
      app.get('/', async ({ session }) => {
        const posts = await session.find(Post).toList()
        for (const post of posts) await post.author
        return posts.length
      })
    })
    await Promise.all(Array.from({ length: 5 }, () => served.fetch('/')))
    const trees = treesOf(takeSpans())
    expect(trees.map(outline)).toEqual(
      Array.from(
        { length: 5 },
        () =>
          'request(db.session.open db.query.find db.relationship.select db.relationship.select db.session.commit db.session.close)',
      ),
    )
  })

  it('lie below the spans of the program in which they were awaited', async () => {
    const tracer = trace.getTracer('own')
    const within = (name: string, work: () => Promise<unknown>) =>
      tracer.startActiveSpan(name, async (span) => {
        await work()
        span.end()
      })
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', async ({ session }) => {
        const [first, second] = await session.find(Post).toList()
        await Promise.all([
          within('first', async () => first?.author),
          within('second', async () => second?.author),
        ])
        return 'ok'
      })
    })
    await served.fetch('/')
    expect(outlines()).toEqual([
      'request(db.session.open db.query.find first(db.relationship.select) second(db.relationship.select) ' +
        'db.session.commit db.session.close)',
    ])
  })
})

describe('a stream as a response', () => {
  it('has its session within the request, committed before the first byte', async () => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', async ({ session }, reply) => {
        const posts = await session.find(Post).toList()
        return reply.send(Readable.from(posts.map(({ title }) => title)))
      })
    })
    expect(await (await served.fetch('/')).text()).toBe('annben')
    expect(outlines()).toEqual([
      'request(db.session.open db.query.find db.session.commit db.session.close)',
    ])
  })
})

describe('a request whose client leaves', () => {
  it('has its rollback in the same trace', async () => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', async ({ session }, reply) => {
        await session.find(Post).toList()
        await new Promise((resolve) => reply.raw.once('close', resolve))
      })
    })
    const leaving = new AbortController()
    const response = served.fetch('/', { signal: leaving.signal })
    const spans: ReadableSpan[] = []
    await expect.poll(() => (spans.push(...takeSpans()), spans.length)).toBeGreaterThan(1)
    leaving.abort()
    await expect(response).rejects.toThrow('aborted')
    await expect
      .poll(() => (spans.push(...takeSpans()), spans.map(({ name }) => name)))
      .toContain('db.session.close')
    expect(spans.map(({ name }) => name)).toContain('db.session.rollback')
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1)
  })
})

describe('a job outside HTTP', () => {
  it('lies below the span of the job, and has none of another’s', async () => {
    await trace.getTracer('own').startActiveSpan('job', async (job) => {
      await database.run((session) =>
        session.find(Post).options(selectinload(Post.author)).toList(),
      )
      job.end()
    })
    expect(outlines()).toEqual([
      'job(db.session.open db.query.find(db.relationship.selectinload) db.session.commit db.session.close)',
    ])
  })
})

describe('below a span that is not sampled', () => {
  const unsampled = (isRemote: boolean): Context =>
    trace.setSpanContext(ROOT_CONTEXT, {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      traceFlags: 0,
      isRemote,
    })

  it('nothing is a span, nor is anything a trace of its own', async () => {
    await context.with(unsampled(false), () =>
      database.run((session) => session.find(Post).options(selectinload(Post.author)).toList()),
    )
    await context.with(unsampled(true), () => database.run((session) => session.find(Post).count()))
    expect(takeSpans()).toEqual([])
  })

  it('nothing is a span in a request either, whatever is active when it asks', async () => {
    const request = { context: unsampled(false), span: undefined }
    const other = trace.getTracer('test').startSpan('other request')
    await using session = new Session(database, {}, { trace: request })
    await context.with(trace.setSpan(ROOT_CONTEXT, other), () => session.find(Post).count())
    await session.close()
    expect(takeSpans()).toEqual([])
  })
})

describe('with an instrumentation of the driver', () => {
  it('has exactly one child for each statement, below the span of its operation', async () => {
    await using wrapped = wrapDriver()
    await using served = await serve({ pool: wrapped.pool }, (app) => {
      app.get('/', async ({ session }) => {
        const posts = await session.find(Post).options(selectinload(Post.author)).toList()
        const [post] = posts
        if (post !== undefined) post.likes += 1
        return posts
      })
    })
    await served.fetch('/')
    // The flush comes before the response is serialized. Below it: what it asks the catalogue once for each table; BEGIN with UPDATE.
    expect(outlines()).toEqual([
      'request(db.session.open db.query.find(pg.query db.relationship.selectinload(pg.query)) ' +
        'db.session.flush(pg.query pg.query) db.session.commit(pg.query) db.session.close)',
    ])
  })

  it('leaves them below the request where only queries are spans', async () => {
    await using wrapped = wrapDriver()
    await using served = await serve({ pool: wrapped.pool, spans: 'queries' }, (app) => {
      app.get('/', async ({ session }) => {
        const post = await session.find(Post).first()
        if (post !== null) post.likes += 1
        return post
      })
    })
    await served.fetch('/')
    expect(outlines()).toEqual(['request(db.query.first(pg.query) pg.query pg.query pg.query)'])
  })
})

/** A driver as instrumentation-pg wraps it: a span of each query, below the one that is active, and the mark. */
function wrapDriver(): AsyncDisposable & { readonly pool: pg.Pool } {
  const { query } = pg.Client.prototype as { query: (...given: unknown[]) => Promise<unknown> }
  const traced = async function (this: pg.Client, ...given: unknown[]): Promise<unknown> {
    const span = trace.getTracer('pg').startSpan('pg.query', { kind: SpanKind.CLIENT })
    try {
      return await query.apply(this, given)
    } finally {
      span.end()
    }
  }
  class Client extends pg.Client {}
  Object.defineProperty(Client.prototype, 'query', {
    value: Object.assign(traced, { __wrapped: true, __original: query }),
  })
  const pool = new pg.Pool({ connectionString: url, Client })
  return { pool, [Symbol.asyncDispose]: () => pool.end() }
}
