import { createRequire } from 'node:module'
import { SpanStatusCode } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { testDatabase } from '../../../support/database.ts'
import { feeds, openLane, rowsOf, send } from './lanes.ts'

const { url } = await testDatabase()

interface Instrumentation {
  setTracerProvider(provider: TracerProvider): void
  init(): { patch(exports: unknown): void; unpatch(exports: unknown): void }[]
}

// It comes with the automatic instrumentations.
const require = createRequire(import.meta.url)
const { PgInstrumentation } = createRequire(
  require.resolve('@opentelemetry/auto-instrumentations-node'),
)('@opentelemetry/instrumentation-pg') as {
  PgInstrumentation: new (settings: object) => Instrumentation
}

/** Watches `pg` until the test ends. The spans of queries come without those of connecting. */
function watch(settings: object): () => readonly ReadableSpan[] {
  const exporter = new InMemorySpanExporter()
  const instrumentation = new PgInstrumentation({ ...settings, enabled: false })
  instrumentation.setTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
  )
  const [ofPg] = instrumentation.init()
  ofPg!.patch(pg)
  onTestFinished(() => ofPg!.unpatch(pg))
  return () => exporter.getFinishedSpans().filter(({ name }) => name.startsWith('pg.query'))
}

const parts = [
  { text: 'select $1::text', name: 'echo', parameters: ['a value'] },
  { text: 'select 2 as n' },
]

describe.each(feeds)('an exchange that reads %s', (feed) => {
  it.each([
    ['by default', {}],
    ['with comments in the SQL', { addSqlCommenterCommentToQueries: true }],
  ])('is one query for OpenTelemetry (%s)', async (_, settings) => {
    const spans = watch({ ...settings, enhancedDatabaseReporting: true })
    const { lane } = await openLane(url, feed)
    const { failure, results } = await send(lane, ...parts)
    expect(failure).toBeUndefined()
    expect(results.map(({ rows }) => rows)).toEqual([[['a value']], [['2']]])
    expect(spans().map(({ attributes }) => attributes)).toEqual([
      expect.objectContaining({
        'db.query.text': 'select $1::text; select 2 as n',
        'db.postgresql.values': ['a value'],
      }),
    ])
    expect(spans()[0]!.status.code).toBe(SpanStatusCode.UNSET)
  })

  it('is a failed query for OpenTelemetry if it fails', async () => {
    const spans = watch({})
    const { lane } = await openLane(url, feed)
    await send(lane, 'select 1', 'select 1 / 0')
    expect(spans().map(({ status }) => status)).toEqual([
      { code: SpanStatusCode.ERROR, message: 'division by zero' },
    ])
  })

  it('ends the span when query_timeout is over', async () => {
    const spans = watch({})
    const { lane } = await openLane(url, feed, { query_timeout: 100 })
    await send(lane, 'select pg_sleep(.5)')
    expect(spans().map(({ status }) => status.message)).toEqual(['Query read timeout'])
  })

  it('tells hooks the number of rows', async () => {
    const told: unknown[] = []
    const responseHook = (_: unknown, { data }: { data: pg.QueryResult }): number =>
      told.push(data.rowCount)
    watch({ responseHook })
    const { lane } = await openLane(url, feed)
    await rowsOf(lane, 'select generate_series(1, 5)')
    expect(told).toEqual([5])
  })
})
