import { beforeAll, describe, expect, it } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { blog, Post, user } from '../support/entities.ts'
import { startReceiver } from './receiver.ts'
import { startService } from './service.ts'

const { url: databaseUrl, database } = await testDatabase(blog)
// Long enough that nothing is exported but by a flush.
const common = { DATABASE_URL: databaseUrl, OTEL_BSP_SCHEDULE_DELAY: '60000' }

beforeAll(() => database.run((session) => session.add(new Post({ title: 'a', author: user('a') }))))

describe('the end of a service', () => {
  it.concurrent('by SIGTERM, without a listener of its own, waits for its spans', async () => {
    await using receiver = await startReceiver()
    await using service = await startService({
      env: {
        ...common,
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.grpcEndpoint.replace('http://', ''),
        OTEL_EXPORTER_OTLP_INSECURE: 'true',
      },
    })
    await (await fetch(`${service.url}/lazy`)).text()
    service.child.kill('SIGTERM')
    expect(await service.exit).toEqual([null, 'SIGTERM'])
    expect(receiver.spans.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['GET /lazy', 'request', 'db.session.commit', 'db.session.close']),
    )
  })

  it.concurrent('by itself, when there is nothing left to do, waits for its spans', async () => {
    await using receiver = await startReceiver()
    await using job = await startService({
      file: 'job.ts',
      env: { ...common, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.grpcEndpoint },
    })
    expect(await job.exit).toEqual([0, null])
    expect(receiver.spans.map(({ name }) => name)).toContain('db.query.count')
  })

  it.concurrent('by process.exit() after close() waits for an export that is under way', async () => {
    await using receiver = await startReceiver(600)
    await using service = await startService({
      env: {
        ...common,
        OTEL_BSP_SCHEDULE_DELAY: '20',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.grpcEndpoint,
      },
      args: ['--exits'],
    })
    await (await fetch(`${service.url}/lazy`)).text()
    await receiver.begun
    service.child.kill('SIGTERM')
    expect(await service.exit).toEqual([0, null])
    // Those of the first batch, and those that the flush has sent.
    expect(receiver.spans.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['db.session.open', 'db.session.commit', 'GET /lazy']),
    )
  })

  it.concurrent('by process.exit() after close() waits for its logs too, where they are exported', async () => {
    await using receiver = await startReceiver()
    await using service = await startService({
      file: 'logging.ts',
      marker: /"Server listening at (http:\/\/127\.0\.0\.1:\d+)"/,
      env: {
        ...common,
        OTEL_BLRP_SCHEDULE_DELAY: '60000',
        OTEL_LOGS_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      },
      args: ['--exits'],
    })
    await (await fetch(`${service.url}/found`)).text()
    service.child.kill('SIGTERM')
    expect(await service.exit).toEqual([0, null])
    expect(receiver.arrivals.map(({ path }) => path).toSorted()).toEqual(['/v1/logs', '/v1/traces'])
  })
})

describe('a collector that is down', () => {
  it.concurrent.each([
    ['http/json', '', /^$/],
    ['http/protobuf', '', /^$/],
    ['grpc', 'warn', /fastify-data-bridge flush failed: .*ECONNREFUSED 127\.0\.0\.1:9/],
  ] as const)(
    'does not disturb the service, and is told of where it is asked for, over %s',
    async (protocol, logLevel, told) => {
      await using service = await startService({
        env: {
          ...common,
          OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
          OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
          // For so long the SDK tries again, which keeps the process alive.
          OTEL_EXPORTER_OTLP_TIMEOUT: '500',
          OTEL_LOG_LEVEL: logLevel,
        },
        args: ['--graceful'],
      })
      expect((await fetch(`${service.url}/lazy`)).status).toBe(200)
      service.child.kill('SIGTERM')
      expect(await service.exit).toEqual([0, null])
      expect(service.errors).toMatch(told)
    },
  )
})
