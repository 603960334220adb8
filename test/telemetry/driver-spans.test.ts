import { beforeAll, describe, expect, it, vi } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { type OtlpSpan, startReceiver } from './receiver.ts'
import { startService } from './service.ts'

const { url: databaseUrl, database } = await testDatabase(blog)

beforeAll(async () => {
  await database.run((session) => {
    session.add(['ann', 'ben'].map((name) => new Post({ title: name, author: user(name) })))
  })
})

describe('with instrumentation-pg switched on', () => {
  it('has exactly one span of the driver for each statement, below ours', async () => {
    await using receiver = await startReceiver()
    await using service = await startService({
      env: {
        DATABASE_URL: databaseUrl,
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'http,pg',
      },
    })
    expect((await fetch(`${service.url}/lazy`)).headers.get('x-db-query-count')).toBe('3')
    const spans = await vi.waitFor(
      () => {
        if (!receiver.spans.some(({ name }) => name === 'GET /lazy')) throw new Error('not yet')
        return receiver.spans
      },
      { timeout: 10_000 },
    )
    const below = ({ spanId }: OtlpSpan) =>
      spans.filter(({ parentSpanId }) => parentSpanId === spanId).map(({ name }) => name)
    const ours = spans.filter(({ name }) => /^db\.(query|relationship)\./.test(name))
    expect(ours.map(({ name }) => name)).toEqual([
      'db.query.find',
      'db.relationship.select',
      'db.relationship.select',
    ])
    for (const span of ours) {
      const statements = below(span).filter((name) => name.startsWith('pg.query'))
      expect(statements).toEqual([expect.stringMatching(/^pg\.query:\S+/)])
    }
    // Those of its connections, too, are in the trace of the request.
    const trace = new Set(spans.map(({ traceId }) => traceId))
    expect(trace.size).toBe(1)
    expect(spans.filter(({ name }) => name.startsWith('pg.query'))).toHaveLength(3)
  })
})
