import { trace } from '@opentelemetry/api'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { isTracingEnabled, OTEL_AVAILABLE } from '../../orm/telemetry/index.ts'
import { serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { keepSpans, outline, takeSpans, treesOf } from './traced.ts'

const { url, database } = await testDatabase(blog)

afterEach(() => vi.unstubAllEnvs())

describe('without @fastify/otel', () => {
  it('tracing is not enabled before a provider is registered, nor against the environment', () => {
    expect(OTEL_AVAILABLE).toBe(true)
    expect(isTracingEnabled()).toBe(false)
    keepSpans()
    expect(isTracingEnabled()).toBe(true)
    vi.stubEnv('DATA_BRIDGE_TRACING_ENABLED', 'false')
    expect(isTracingEnabled()).toBe(false)
  })

  it('the spans and the finding belong to the span in which the request came in', async () => {
    await database.run((session) => {
      session.add([1, 2, 3].map((n) => new Post({ title: 'post', author: user(`user${n}`) })))
    })
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/', async ({ session }) => {
        const posts = await session.find(Post).toList()
        for (const post of posts) await post.author
        return posts
      })
    })
    takeSpans()
    await trace.getTracer('http').startActiveSpan('GET /', async (span) => {
      await served.app.inject('/')
      span.end()
    })
    const trees = treesOf(takeSpans())
    expect(trees.map(outline)).toEqual([
      `GET /(db.session.open db.query.find ${'db.relationship.select '.repeat(3)}db.session.commit db.session.close)`,
    ])
    const [request] = trees
    expect(request?.span.attributes).toMatchObject({
      'db.request.query_count': 4,
      'db.n_plus_one.findings': 1,
    })
    expect(request?.span.events).toMatchObject([
      { name: 'db.n_plus_one', attributes: { 'db.n_plus_one.target': 'Post.author' } },
    ])
  })
})
