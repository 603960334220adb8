import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { beforeAll, describe, expect, it } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { attributesOf, type OtlpSpan, startReceiver } from './receiver.ts'

const { url: databaseUrl, database } = await testDatabase(blog)
const fixture = new URL('fixtures/server.ts', import.meta.url).pathname

interface Service extends AsyncDisposable {
  readonly url: string
  readonly child: ChildProcess
  readonly exit: Promise<unknown[]>
}

/** The service in a process of its own, configured by its environment alone. */
async function startService(
  environment: Record<string, string>,
  ...flags: string[]
): Promise<Service> {
  const preload = ['--import', 'fastify-data-bridge/register']
  const child = spawn(
    process.execPath,
    ['--conditions=fastify-data-bridge-source', ...preload, fixture, ...flags],
    {
      env: { ...process.env, DATABASE_URL: databaseUrl, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const exit = once(child, 'exit')
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
  return {
    url,
    child,
    exit,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exit
    },
  }
}

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

const json = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_BSP_SCHEDULE_DELAY: '50' }

describe('a service that is started with the preload', () => {
  it('exports each request as one trace, every parent present, over OTLP', async () => {
    await using receiver = await startReceiver()
    await using service = await startService({
      ...json,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      SERVICE_NAME: 'my-api',
      SERVICE_VERSION: '1.2.3',
      DEPLOYMENT_ENVIRONMENT: 'test',
    })
    const traceId = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    const response = await fetch(`${service.url}/lazy`, {
      headers: { traceparent: `00-${traceId}-bbbbbbbbbbbbbbbb-01` },
    })
    expect(response.headers.get('x-db-n-plus-one')).toBe('Post.author;n=10;k=relation')
    await expect
      .poll(() => receiver.spans.filter(({ kind }) => kind === 2).length, { timeout: 10_000 })
      .toBe(1)

    const spans = receiver.spans.filter((span) => span.traceId === traceId)
    const byId = new Map(spans.map((span) => [span.spanId, span]))
    const orphans = spans.filter(({ parentSpanId }) => !byId.has(parentSpanId ?? ''))
    expect(orphans.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
      ['GET /lazy', 'bbbbbbbbbbbbbbbb'],
    ])

    const request = spans.find(({ name }) => name === 'request') as OtlpSpan
    const below = spans.filter(({ parentSpanId }) => parentSpanId === request.spanId)
    expect(below.map(({ name }) => name).toSorted()).toEqual([
      'db.query.find',
      ...Array.from({ length: 10 }, () => 'db.relationship.select'),
      'db.session.close',
      'db.session.commit',
      'db.session.open',
    ])
    expect(new Set(spans.map(({ scope }) => scope))).toEqual(
      new Set(['fastify-data-bridge', '@fastify/otel', '@opentelemetry/instrumentation-http']),
    )
    const find = spans.find(({ name }) => name === 'db.query.find') as OtlpSpan
    expect(find.attributes).toContainEqual({ key: 'db.result.count', value: { intValue: 10 } })
    expect(request.events?.map(({ name, attributes }) => [name, attributesOf(attributes)])).toEqual(
      [
        [
          'db.n_plus_one',
          {
            'db.n_plus_one.kind': 'n1.relation',
            'db.n_plus_one.target': 'Post.author',
            'db.n_plus_one.count': 10,
            'db.n_plus_one.suggestion': 'find(Post).options(selectinload(Post.author))',
          },
        ],
      ],
    )
    expect(receiver.resource).toMatchObject({
      'service.name': 'my-api',
      'service.version': '1.2.3',
      'deployment.environment.name': 'test',
    })
  })

  it('flushes its spans and ends by SIGTERM, with a listener of its own and without', async () => {
    for (const [flags, ending] of [
      [['--graceful'], [0, null]],
      [[], [null, 'SIGTERM']],
    ] as const) {
      await using receiver = await startReceiver()
      await using service = await startService(
        {
          ...json,
          OTEL_BSP_SCHEDULE_DELAY: '60000',
          OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
        },
        ...flags,
      )
      await (await fetch(`${service.url}/lazy`)).text()
      service.child.kill('SIGTERM')
      expect(await service.exit).toEqual(ending)
      expect(receiver.spans.map(({ name }) => name)).toContain('db.session.commit')
    }
  })

  it('serves requests and ends well while the collector is down', async () => {
    await using service = await startService(
      { ...json, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
      '--graceful',
    )
    expect((await fetch(`${service.url}/lazy`)).status).toBe(200)
    service.child.kill('SIGTERM')
    expect(await service.exit).toEqual([0, null])
  })

  it('sends nothing and does not even load the API with DATA_BRIDGE_TRACING_ENABLED=false', async () => {
    await using receiver = await startReceiver()
    await using service = await startService(
      {
        ...json,
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
        DATA_BRIDGE_TRACING_ENABLED: 'false',
      },
      '--graceful',
    )
    const response = await fetch(`${service.url}/lazy`)
    expect(response.headers.get('x-db-query-count')).toBe('11')
    const loaded = (await (await fetch(`${service.url}/loaded`)).json()) as string[]
    expect(loaded.some((file) => file.includes('/node_modules/pg/'))).toBe(true)
    expect(loaded.filter((file) => file.includes('@opentelemetry'))).toEqual([])
    service.child.kill('SIGTERM')
    await service.exit
    expect(receiver.requests).toBe(0)
  })
})
