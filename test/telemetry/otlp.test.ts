import { beforeAll, describe, expect, it, vi } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { attributesOf, type OtlpSpan, type Receiver, startReceiver } from './receiver.ts'
import { startService } from './service.ts'

const { url: databaseUrl, database } = await testDatabase(blog)
const common = { DATABASE_URL: databaseUrl, OTEL_BSP_SCHEDULE_DELAY: '50' }

beforeAll(async () => {
  await database.run((session) => {
    session.add(
      Array.from(
        { length: 10 },
        (_, index) => new Post({ title: 'post', author: user(`user${index}`) }),
      ),
    )
  })
})

// Taken by every sampler, and by none that takes less than all.
const firstTrace = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
const lastTrace = 'ffffffff000000000000000000000000'
const callerSpan = 'bbbbbbbbbbbbbbbb'

function calledIn(traceId: string): RequestInit {
  return { headers: { traceparent: `00-${traceId}-${callerSpan}-01` } }
}

async function spansIn(receiver: Receiver, root: string): Promise<Receiver['spans']> {
  // Not expect.poll: it takes tests that run at once for one.
  await vi.waitFor(() => named(receiver.spans, root), { timeout: 10_000 })
  return receiver.spans
}

function named(spans: Receiver['spans'], name: string): OtlpSpan {
  const found = spans.find((span) => span.name === name)
  if (found === undefined) throw new Error(`there is no span ${name}`)
  return found
}

/** The configurations of the documentation, one for each protocol. */
const configurations = [
  {
    title: 'to Jaeger, over gRPC',
    environment: ({ grpcEndpoint }: Receiver) => ({
      SERVICE_NAME: 'my-api',
      SERVICE_VERSION: '1.0.0',
      DEPLOYMENT_ENVIRONMENT: 'production',
      OTEL_EXPORTER_OTLP_ENDPOINT: grpcEndpoint,
      OTEL_EXPORTER_OTLP_INSECURE: 'true',
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic aW5zdGFuY2VfaWQ6dG9rZW4xMg==',
      DATA_BRIDGE_TRACING_ENABLED: 'true',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.1',
    }),
    arrival: { path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export' },
  },
  {
    title: 'to Grafana, over HTTP with protobuf',
    environment: ({ endpoint }: Receiver) => ({
      OTEL_SERVICE_NAME: 'my-api',
      OTEL_SERVICE_VERSION: '1.0.0',
      ENVIRONMENT: 'production',
      OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/otlp`,
      OTEL_EXPORTER_OTLP_INSECURE: 'false',
      // As `base64` prints what is long, in lines.
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic aW5zdGFuY2VfaWQ6\ndG9rZW4xMg==',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    }),
    arrival: {
      path: '/otlp/v1/traces',
      headers: { 'content-encoding': 'gzip', 'content-type': 'application/x-protobuf' },
    },
  },
  {
    title: 'to Datadog, over HTTP with JSON',
    environment: ({ endpoint }: Receiver) => ({
      DD_SERVICE: 'my-api',
      DD_ENV: 'production',
      DD_VERSION: '1.0.0',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.replace('http://', ''),
      OTEL_EXPORTER_OTLP_INSECURE: 'true',
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic aW5zdGFuY2VfaWQ6dG9rZW4xMg==',
    }),
    arrival: { path: '/v1/traces', headers: { 'content-type': 'application/json' } },
  },
]

describe('a service that is started with the preload', () => {
  it.concurrent.each(configurations)(
    'exports each request as one trace, $title',
    async (configuration) => {
      await using receiver = await startReceiver()
      await using service = await startService({
        env: { ...common, ...configuration.environment(receiver) },
      })
      const response = await fetch(`${service.url}/lazy`, calledIn(firstTrace))
      expect(response.headers.get('x-db-n-plus-one')).toBe('Post.author;n=10;k=relation')
      const spans = await spansIn(receiver, 'GET /lazy')

      expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([firstTrace]))
      const ids = new Set(spans.map(({ spanId }) => spanId))
      const orphans = spans.filter(({ parentSpanId }) => !ids.has(parentSpanId ?? ''))
      expect(orphans.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
        ['GET /lazy', callerSpan],
      ])

      const request = named(spans, 'request')
      expect(request.parentSpanId).toBe(named(spans, 'GET /lazy').spanId)
      const below = spans.filter(({ parentSpanId }) => parentSpanId === request.spanId)
      expect(below.map(({ name }) => name).toSorted()).toEqual([
        'db.query.find',
        ...Array.from({ length: 10 }, () => 'db.relationship.select'),
        'db.session.close',
        'db.session.commit',
        'db.session.open',
      ])
      const [internal, server, client] = [1, 2, 3]
      expect(Object.fromEntries(spans.map(({ name, kind }) => [name, kind]))).toMatchObject({
        'GET /lazy': server,
        request: internal,
        'db.session.open': internal,
        'db.query.find': client,
        'db.relationship.select': client,
      })
      expect(new Set(spans.map(({ scope }) => scope))).toEqual(
        new Set(['fastify-data-bridge', '@fastify/otel', '@opentelemetry/instrumentation-http']),
      )

      const expected = [
        { key: 'db.system', value: { stringValue: 'postgresql' } },
        { key: 'db.operation.name', value: { stringValue: 'find' } },
        { key: 'db.collection.name', value: { stringValue: 'posts' } },
        { key: 'db.query.filters_count', value: { intValue: 0 } },
        { key: 'db.query.limit', value: { intValue: 10 } },
        { key: 'db.result.count', value: { intValue: 10 } },
      ]
      expect(named(spans, 'db.query.find').attributes).toEqual(expect.arrayContaining(expected))
      expect(named(spans, 'db.relationship.select').attributes).toEqual(
        expect.arrayContaining([
          { key: 'db.relationship.name', value: { stringValue: 'author' } },
          { key: 'db.relationship.strategy', value: { stringValue: 'select' } },
          { key: 'db.relationship.cache_hit', value: { boolValue: false } },
        ]),
      )
      expect(
        request.events?.map(({ name, attributes }) => [name, attributesOf(attributes)]),
      ).toEqual([
        ['db.n_plus_one', expect.objectContaining({ 'db.n_plus_one.target': 'Post.author' })],
      ])

      expect(receiver.resource).toMatchObject({
        'service.name': 'my-api',
        'service.version': '1.0.0',
        'deployment.environment': 'production',
        'deployment.environment.name': 'production',
      })
      expect(receiver.arrivals[0]).toMatchObject(configuration.arrival)
      expect(receiver.arrivals[0]?.headers).toMatchObject({
        authorization: 'Basic aW5zdGFuY2VfaWQ6dG9rZW4xMg==',
      })
      expect(service.errors).toBe('')
    },
  )
})

describe('a service whose environment says no', () => {
  it.concurrent.each([{ DATA_BRIDGE_TRACING_ENABLED: 'false' }, { OTEL_SDK_DISABLED: ' True ' }])(
    'sends nothing, and does not even load the SDK: %o',
    async (switches: Record<string, string>) => {
      await using receiver = await startReceiver()
      await using service = await startService({
        env: { ...common, ...switches, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.grpcEndpoint },
        args: ['--graceful'],
      })
      const response = await fetch(`${service.url}/lazy`)
      expect(response.headers.get('x-db-query-count')).toBe('11')
      const loaded = (await (await fetch(`${service.url}/loaded`)).json()) as string[]
      expect(loaded.some((file) => file.includes('/node_modules/pg/'))).toBe(true)
      expect(
        loaded.filter((file) => /@opentelemetry\/(?!api\/)|@fastify\/otel/.test(file)),
      ).toEqual([])
      const hasApi = loaded.some((file) => file.includes('@opentelemetry/api/'))
      expect(hasApi).toBe('OTEL_SDK_DISABLED' in switches)
      service.child.kill('SIGTERM')
      expect(await service.exit).toEqual([0, null])
      expect(receiver.requests).toBe(0)
    },
  )
})

describe('the example API', () => {
  it.concurrent('sends a share of the traces as the quick start configures it, the last of them at its end', async () => {
    await using receiver = await startReceiver()
    await using api = await startService({
      file: '../../../example-api/server.ts',
      marker: /"Server listening at (http:\/\/127\.0\.0\.1:\d+)"/,
      env: {
        ...common,
        OTEL_BSP_SCHEDULE_DELAY: '60000',
        PORT: '0',
        HOST: '127.0.0.1',
        DATA_BRIDGE_TRACING_ENABLED: 'true',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.grpcEndpoint.replace('127.0.0.1', 'localhost'),
        OTEL_EXPORTER_OTLP_INSECURE: 'true',
        OTEL_SERVICE_NAME: 'my-api',
        OTEL_SERVICE_VERSION: '1.0.0',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=production',
        OTEL_TRACES_SAMPLER: 'traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.1',
      },
    })
    await (await fetch(`${api.url}/posts`, calledIn(lastTrace))).text()
    await (await fetch(`${api.url}/posts`, calledIn(firstTrace))).text()
    api.child.kill('SIGTERM')
    expect(await api.exit).toEqual([0, null])
    const spans = receiver.spans.filter(({ traceId }) => traceId === firstTrace)
    expect(named(spans, 'db.relationship.selectinload').parentSpanId).toBe(
      named(spans, 'db.query.find').spanId,
    )
    expect(named(spans, 'GET /posts').parentSpanId).toBe(callerSpan)
    expect(receiver.spans.map(({ traceId }) => traceId)).not.toContain(lastTrace)
    expect(receiver.resource).toMatchObject({
      'service.name': 'my-api',
      'service.version': '1.0.0',
      'deployment.environment': 'production',
    })
    expect(receiver.resource).not.toHaveProperty(['deployment.environment.name'])
  })
})
