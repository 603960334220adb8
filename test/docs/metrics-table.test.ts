import { readFileSync } from 'node:fs'
import { metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../../orm/index.ts'
import { serve } from '../plugin/serve.ts'
import { coded } from '../support/failure.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { codesIn, tableBelow } from './markdown-table.ts'

const document = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
const rows = tableBelow(document, '# Metrics').map(
  ([name = '', instrument = '', unit = '', attributes = '']) => ({
    name: codesIn(name).join(),
    instrument,
    unit: codesIn(unit).join(),
    attributes: codesIn(attributes).toSorted(),
  }),
)

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
const { url } = await testDatabase(blog)

let measured: readonly MetricData[] = []
beforeAll(async () => {
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
  await using database = new Database({
    connectionString: url,
    max: 1,
    connectionTimeoutMillis: 2000, // long enough for a first connection on a busy machine
    tracing: true,
  })
  await fill(database)
  await fail(database)
  await requestWithFinding(database)
  await reader.forceFlush()
  measured = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .filter(({ scope }) => scope.name === 'fastify-data-bridge')
    .flatMap((scope) => scope.metrics)
})

describe('the table of metrics in docs/metrics.md', () => {
  it('has the metrics that are measured, with their instruments and units, and no others', () => {
    const documented = rows.map(({ name, instrument, unit }) => `${name} ${instrument} ${unit}`)
    const found = measured.map(
      (metric) => `${metric.descriptor.name} ${instrumentOf(metric)} ${metric.descriptor.unit}`,
    )
    expect(documented.toSorted()).toEqual(found.toSorted())
  })

  it.each(rows.map((row) => [row.name, row.attributes] as const))(
    'has the attributes of %s, and no others',
    (name, attributes) => {
      const points = measured.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []
      const found = new Set(points.flatMap((point) => Object.keys(point.attributes)))
      expect(attributes).toEqual([...found].toSorted())
    },
  )
})

function instrumentOf({ dataPointType, ...metric }: MetricData): string {
  if (dataPointType === DataPointType.HISTOGRAM) return 'histogram'
  return 'isMonotonic' in metric && metric.isMonotonic ? 'counter' : 'up-down counter'
}

async function fill(database: Database): Promise<void> {
  await database.run((session) => {
    session.add([1, 2, 3].map((n) => new Post({ title: 'post', author: user(`user${n}`) })))
  })
}

/** A statement that PostgreSQL refuses, and a session that gets no connection. */
async function fail(database: Database): Promise<void> {
  await using session = database.session()
  session.add(user('user1'))
  await expect(session.flush()).rejects.toThrow('a unique constraint is violated')
  await expect(database.run((other) => other.find(Post).count())).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_POOL_EXHAUSTED'),
  )
  await session.rollback()
}

async function requestWithFinding(database: Database): Promise<void> {
  await using served = await serve({ database }, (app) => {
    app.get('/lazy', async ({ session }) => {
      for (const post of await session.find(Post).toList()) await post.author
      return 'done'
    })
  })
  expect((await served.fetch('/lazy')).status).toBe(200)
}
