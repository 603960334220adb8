import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import dataBridge, {
  type DataBridgeOptions,
  selectinload,
  type Session,
  sql,
} from '../../plugin/index.ts'
import { type Served, serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Comment, Post, User, user } from '../support/entities.ts'
import { outline, type SpanTree, startTracing, takeSpans, treesOf } from './traced.ts'

startTracing()
const { url, database, query } = await testDatabase(blog)

beforeAll(async () => {
  await database.run((session) => {
    const authors = Array.from({ length: 10 }, (_, index) => user(`user${index}`))
    const posts = authors.map((author, index) => new Post({ title: `post${index}`, author }))
    session.add(posts, new Comment({ body: 'first', post: posts[0] as Post }))
  })
})

beforeEach(() => void takeSpans())

function listen(options: DataBridgeOptions = { connectionString: url }): Promise<Served> {
  return serve(options, (app) => {
    app.get('/posts', async ({ session }) =>
      session
        .find(Post)
        .options(selectinload(Post.author))
        .orderBy((post) => post.id.asc())
        .limit(10)
        .toList(),
    )
    app.get('/lazy', async ({ session }) => {
      const posts = await session
        .find(Post)
        .orderBy((post) => post.id.asc())
        .limit(10)
        .toList()
      for (const post of posts) await post.author
      return posts
    })
    app.get('/again', async ({ session }) => {
      const [post] = await session.find(Post).options(selectinload(Post.author)).toList()
      await post?.author
      const comment = await session.find(Comment).one()
      await comment.post
      return comment
    })
    app.get('/nothing', () => 'nothing')
    app.get('/untraced', { config: { otel: false } }, ({ session }) => session.find(Post).count())
    app.get('/fails', async ({ session }) => {
      session.add(new User({ name: 'twice', email: 'user1@example.com' }))
      await session.flush()
    })
    app.get('/transaction', ({ session }) =>
      session.transaction(() => session.execute(sql`select 1 as one`)),
    )
    app.get(
      '/hook',
      { preHandler: async ({ session }) => void (await session.get(User, 1)) },
      () => 'ok',
    )
    app.get('/nested', ({ session }) =>
      session
        .find(User)
        .options(selectinload(User.posts).options(selectinload(Post.comments)))
        .toList(),
    )
    app.get('/own-span', ({ session }) =>
      trace.getTracer('own').startActiveSpan('work', async (span) => {
        const count = await session.find(Post).count()
        span.end()
        return count
      }),
    )
  })
}

async function treeOf(path: string, init?: RequestInit): Promise<SpanTree> {
  await using served = await listen()
  await served.fetch(path, init)
  const trees = treesOf(takeSpans()).filter(({ name }) => name === 'request')
  expect(trees).toHaveLength(1)
  return trees[0] as SpanTree
}

function find(tree: SpanTree, name: string): SpanTree[] {
  return [
    ...(tree.name === name ? [tree] : []),
    ...tree.children.flatMap((child) => find(child, name)),
  ]
}

describe('the spans of a request', () => {
  it('nest an eager load under its find, and all under the request', async () => {
    const tree = await treeOf('/posts')
    expect(outline(tree)).toBe(
      'request(db.session.open db.query.find(db.relationship.selectinload) db.session.commit db.session.close)',
    )
    expect(tree.span.kind).toBe(SpanKind.SERVER)
  })

  it('are one for each lazy load, beside the find', async () => {
    const tree = await treeOf('/lazy')
    expect(outline(tree)).toBe(
      `request(db.session.open db.query.find ${'db.relationship.select '.repeat(10)}db.session.commit db.session.close)`,
    )
  })

  it('have the attributes of the specification, counts as integers', async () => {
    const tree = await treeOf('/posts')
    expect(find(tree, 'db.query.find')[0]?.span).toMatchObject({
      kind: SpanKind.CLIENT,
      attributes: {
        'db.system': 'postgresql',
        'db.system.name': 'postgresql',
        'db.operation.name': 'find',
        'db.collection.name': 'posts',
        'db.query.filters_count': 0,
        'db.query.limit': 10,
        'db.query.summary': 'SELECT posts',
        'db.query.text': expect.stringMatching(/^select "t0"\."id", .* limit \$1$/),
        'db.namespace': new URL(url).pathname.slice(1),
        'server.address': new URL(url).hostname,
        'server.port': Number(new URL(url).port || 5432),
        'db.result.count': 10,
        'db.response.returned_rows': 10,
      },
      instrumentationScope: { name: 'fastify-data-bridge', version: '0.1.0' },
    })
    expect(find(tree, 'db.relationship.selectinload')[0]?.span).toMatchObject({
      kind: SpanKind.CLIENT,
      attributes: {
        'db.system': 'postgresql',
        'db.relationship.name': 'author',
        'db.relationship.target_model': 'User',
        'db.relationship.strategy': 'selectinload',
        'db.relationship.batch_count': 10,
        'db.relationship.depth': 0,
        'db.result.count': 10,
      },
    })
    expect(find(tree, 'db.session.commit')[0]?.span.attributes).toMatchObject({
      'db.session.operation': 'commit',
      'db.session.pending_count': 0,
      'db.session.dirty_count': 0,
      'db.session.deleted_count': 0,
    })
  })

  it('say of a lazy load which relation it was, and that it was sent', async () => {
    const [load] = find(await treeOf('/lazy'), 'db.relationship.select')
    expect(load?.span.attributes).toMatchObject({
      'db.relationship.name': 'author',
      'db.relationship.target_model': 'User',
      'db.relationship.strategy': 'select',
      'db.relationship.fk_column': 'author_id',
      'db.relationship.cache_hit': false,
      'db.result.count': 1,
    })
  })

  it('say of a lazy load that the identity map answered it; of a loaded relation there is none', async () => {
    const loads = find(await treeOf('/again'), 'db.relationship.select')
    expect(loads).toHaveLength(1)
    expect(loads[0]?.span).toMatchObject({
      kind: SpanKind.INTERNAL,
      attributes: { 'db.relationship.name': 'post', 'db.relationship.cache_hit': true },
    })
  })

  it('count how deep a loader is nested', async () => {
    const loads = find(await treeOf('/nested'), 'db.relationship.selectinload')
    expect(
      loads.map(({ span }) => [
        span.attributes['db.relationship.name'],
        span.attributes['db.relationship.depth'],
      ]),
    ).toEqual([
      ['posts', 0],
      ['comments', 1],
    ])
  })

  it('record an error with its stack, its class and no value', async () => {
    const tree = await treeOf('/fails')
    const [flush] = find(tree, 'db.session.flush')
    expect(flush?.span).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: {
        'error.type': '23505',
        'db.response.status_code': '23505',
        'db.session.pending_count': 1,
      },
    })
    const [exception] = flush?.span.events ?? []
    expect(exception?.name).toBe('exception')
    expect(exception?.attributes?.['exception.stacktrace']).toMatch(/DataBridgeError: .+\n +at /)
    expect(JSON.stringify(flush?.span.events)).not.toContain('user1@example.com')
    expect(outline(tree)).toBe(
      'request(db.session.open db.session.flush db.session.rollback db.session.close)',
    )
  })

  it('belong to the request from a hook too, and in a transaction', async () => {
    expect(outline(await treeOf('/hook'))).toBe(
      'request(db.session.open db.query.get db.session.commit db.session.close)',
    )
    expect(outline(await treeOf('/transaction'))).toBe(
      'request(db.session.open db.query.execute db.session.commit db.session.close)',
    )
  })

  it('nest under a span of the application, and the session under the request all the same', async () => {
    const tree = await treeOf('/own-span')
    expect(tree.children.map(({ name }) => name).toSorted()).toEqual([
      'db.session.close',
      'db.session.commit',
      'db.session.open',
      'work',
    ])
    expect(find(tree, 'work').map(outline)).toEqual(['work(db.query.count)'])
  })

  it('continue the trace of the caller', async () => {
    const caller = trace.getTracer('caller').startSpan('caller')
    const headers: Record<string, string> = {}
    propagation.inject(trace.setSpan(context.active(), caller), headers)
    const tree = await treeOf('/posts', { headers })
    caller.end()
    expect(tree.span.parentSpanContext?.spanId).toBe(caller.spanContext().spanId)
    const { traceId } = caller.spanContext()
    expect(find(tree, 'db.session.commit')[0]?.span.spanContext().traceId).toBe(traceId)
  })

  it('are none where a request uses no session, and none on a route that is not traced', async () => {
    await using served = await listen()
    await served.fetch('/nothing')
    expect(takeSpans().map(({ name }) => name)).toEqual(['request'])
    await served.fetch('/untraced')
    expect(takeSpans()).toEqual([])
  })

  it('count the queries of all the databases that a request uses', async () => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.register(dataBridge, { name: 'second', connectionString: url })
      app.get('/both', async ({ session, sessions }) => {
        const { second } = sessions as unknown as { readonly second: Session }
        await session.find(Post).count()
        await second.find(Post).count()
        return second.find(User).count()
      })
    })
    await served.fetch('/both')
    const request = takeSpans().find(({ name }) => name === 'request')
    expect(request?.attributes['db.request.query_count']).toBe(3)
  })

  it('are none with tracing: false', async () => {
    await using served = await listen({ connectionString: url, tracing: false })
    await served.fetch('/posts')
    expect(takeSpans().map(({ name }) => name)).toEqual(['request'])
  })

  it('keep to the trace of a request whose client has left', async () => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    let isHere = (): void => {}
    const here = new Promise<void>((resolve) => (isHere = resolve))
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/leaves', async ({ session }) => {
        await session.find(Post).count()
        isHere()
        await held
        return 'late'
      })
    })
    const leaving = new AbortController()
    const left = served.fetch('/leaves', { signal: leaving.signal }).catch(() => undefined)
    await here
    leaving.abort()
    await left
    await expect.poll(() => spansByNow().some(({ name }) => name === 'db.session.close')).toBe(true)
    release()
    await expect.poll(() => spansByNow().some(({ name }) => name === 'request')).toBe(true)
    const spans = spansByNow()
    expect(spans.map(({ name }) => name)).toContain('db.session.rollback')
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1)
    expect(await query('select 1')).toHaveLength(1)
  })
})

const seen: ReturnType<typeof takeSpans>[number][] = []

function spansByNow(): typeof seen {
  seen.push(...takeSpans())
  return seen
}
