import { metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { beforeAll, describe, expect, it } from 'vitest'
import { Database, sql } from '../../orm/index.ts'
import { serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { coded } from '../support/failure.ts'

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
const { url, database } = await testDatabase(blog)

/** Each with a database of its own in the URL's name, so that what others measured does not count. */
async function measured(name: string): Promise<MetricData | undefined> {
  exporter.reset()
  await reader.forceFlush()
  return exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .filter(({ scope }) => scope.name === 'fastify-data-bridge')
    .flatMap((each) => each.metrics)
    .find(({ descriptor }) => descriptor.name === name)
}

async function points(name: string): Promise<readonly DataPoint<unknown>[]> {
  return (await measured(name))?.dataPoints ?? []
}

/** The most connections of each pool, by its name. */
async function limits(): Promise<Record<string, unknown>> {
  return Object.fromEntries(
    (await points('db.client.connection.max')).map(({ attributes, value }) => [
      attributes['db.client.connection.pool.name'],
      value,
    ]),
  )
}

const { port, pathname } = new URL(url)
const poolName = `127.0.0.1:${port}${pathname}`

beforeAll(async () => {
  await database.run((session) => {
    session.add(['ann', 'ben', 'eve'].map((name) => new Post({ title: name, author: user(name) })))
  })
})

describe('without a meter provider', () => {
  it('measures nothing', () => {
    expect(database.telemetry?.observers(undefined)).toEqual([])
  })
})

describe('with a meter provider', () => {
  beforeAll(() => {
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
  })

  it('measures how long operations take, in seconds, by operation and table', async () => {
    await database.run(async (session) => {
      await session.find(Post).toList()
      await session.find(Post).count()
      await session.get(Post, 1)
      await session.execute(sql`select pg_sleep(0.05)`)
    })
    const data = await measured('db.client.operation.duration')
    expect(data?.descriptor.unit).toBe('s')
    const found = (data?.dataPoints ?? []) as DataPoint<{
      count: number
      min: number
      buckets: { boundaries: number[] }
    }>[]
    expect(found[0]?.value.buckets.boundaries).toEqual([
      0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10,
    ])
    expect(
      found.map(({ attributes, value }) => [
        attributes['db.operation.name'],
        attributes['db.collection.name'],
        value.count,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ['find', 'posts', 1],
        ['count', 'posts', 1],
        ['execute', undefined, 1],
        ['commit', undefined, 1],
      ]),
    )
    // The identity map had it, so nothing was asked of PostgreSQL.
    expect(found.map(({ attributes }) => attributes['db.operation.name'])).not.toContain('get')
    const execute = found.find(({ attributes }) => attributes['db.operation.name'] === 'execute')
    expect(execute?.value.min).toBeGreaterThanOrEqual(0.05)
    expect(execute?.value.min).toBeLessThan(5)
    expect(execute?.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.namespace': pathname.slice(1),
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      'db.operation.name': 'execute',
    })
  })

  it('measures no operation that had nothing to send', async () => {
    const commits = async () => {
      const all = (await points('db.client.operation.duration')) as DataPoint<{ count: number }>[]
      return all.find(({ attributes }) => attributes['db.operation.name'] === 'commit')?.value.count
    }
    const before = await commits()
    await database.run((session) => session.find(Post).count())
    expect(await commits()).toBe(before)
    await database.run((session) => session.execute(sql`create temporary table written ()`))
    expect(await commits()).toBe((before ?? 0) + 1)
  })

  it('says of those that failed why', async () => {
    await expect(
      database.run((session) => session.execute(sql`select 1 / ${0}::int`)),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE'))
    expect(
      (await points('db.client.operation.duration')).map(({ attributes }) => attributes),
    ).toContainEqual(
      expect.objectContaining({
        'db.operation.name': 'execute',
        'error.type': '22012',
        'db.response.status_code': '22012',
      }),
    )
  })

  it('measures the connections of the pool', async () => {
    await using own = new Database({ connectionString: url, max: 3, application_name: 'own' })
    await own.transaction(async () => {
      const states = (await points('db.client.connection.count')).filter(
        ({ attributes }) => attributes['db.client.connection.pool.name'] === `${poolName}#2`,
      )
      expect(
        states.map(({ attributes, value }) => [attributes['db.client.connection.state'], value]),
      ).toEqual([
        ['idle', 0],
        ['used', 1],
      ])
    })
    const name = { 'db.client.connection.pool.name': poolName }
    expect((await points('db.client.connection.max')).map(({ value }) => value)).toContain(3)
    expect(await points('db.client.connection.pending_requests')).toContainEqual(
      expect.objectContaining({ attributes: name, value: 0 }),
    )
    for (const histogram of ['db.client.connection.wait_time', 'db.client.connection.use_time']) {
      const [point] = await points(histogram)
      expect(point).toMatchObject({ attributes: name, value: { count: expect.any(Number) } })
    }
  })

  it('tells several pools of one database apart, and gives their names away again', async () => {
    const measure = async (max: number) => {
      const own = new Database({ connectionString: url, max })
      await own.run((session) => session.find(Post).count())
      return own
    }
    await using _first = await measure(21)
    for (const max of [22, 23]) {
      await using _second = await measure(max)
      expect(await limits()).toMatchObject({ [`${poolName}#2`]: 21, [`${poolName}#3`]: max })
    }
  })

  it('counts the times that no connection became free', async () => {
    await using own = new Database({ connectionString: url, max: 1, connectionTimeoutMillis: 500 })
    await own.transaction(async () => {
      await expect(own.run((session) => session.find(Post).count())).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_POOL_EXHAUSTED'),
      )
    })
    const [point] = await points('db.client.connection.timeouts')
    expect(point?.value).toBe(1)
  })

  it('measures the queries of requests by route, and counts findings', async () => {
    await using served = await serve({ connectionString: url }, (app) => {
      app.get('/posts/:page', async ({ session }) => {
        const posts = await session.find(Post).toList()
        for (const post of posts) await post.author
        return posts.length
      })
      app.get('/nothing', () => 'nothing')
    })
    await served.fetch('/posts/1')
    await served.fetch('/posts/2')
    await served.fetch('/nothing')
    const request = { 'http.request.method': 'GET', 'http.route': '/posts/:page' }
    const queries = await points('db.request.query_count')
    expect(queries.map(({ attributes, value }) => [attributes, value])).toEqual([
      [request, expect.objectContaining({ count: 2, sum: 8 })],
    ])
    expect(
      (await points('db.n_plus_one.findings')).map(({ attributes, value }) => [attributes, value]),
    ).toEqual([
      [
        { ...request, 'db.n_plus_one.kind': 'n1.relation', 'db.n_plus_one.target': 'Post.author' },
        2,
      ],
    ])
  })

  it('says of a database that is closed that it has no pool', async () => {
    const own = new Database({ connectionString: url, max: 7 })
    await own.run((session) => session.find(Post).count())
    expect(await limits()).toMatchObject({ [`${poolName}#2`]: 7 })
    await own.close()
    expect(await limits()).toMatchObject({ [`${poolName}#2`]: 0 })
    const left = (await points('db.client.connection.count')).filter(
      ({ attributes }) => attributes['db.client.connection.pool.name'] === `${poolName}#2`,
    )
    expect(left.map(({ value }) => value)).toEqual([0, 0])
  })
})
