import { once } from 'node:events'
import { diag, DiagLogLevel } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { BatchSpanProcessor, InMemorySpanExporter } from '@opentelemetry/sdk-trace'
import { expect, it } from 'vitest'
import { configureTelemetry } from '../../orm/telemetry/index.ts'
import { serve } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post } from '../support/entities.ts'

const { url } = await testDatabase(blog)

it('adds the spans of Fastify to an SDK that the application has started, and changes nothing else', async () => {
  const told: unknown[] = []
  const logger = { error() {}, warn() {}, info: told.push.bind(told), debug() {}, verbose() {} }
  diag.setLogger(logger, { logLevel: DiagLogLevel.INFO, suppressOverrideMessage: true })
  const exporter = new InMemorySpanExporter()
  new NodeSDK({
    spanProcessors: [new BatchSpanProcessor({ exporter })],
    metricReaders: [],
    logRecordProcessors: [],
  }).start()
  const before = { ...process.env }
  const warned = once(process, 'warning')
  const telemetry = configureTelemetry({ serviceName: 'other', endpoint: 'http://127.0.0.1:9' })
  const [warning] = (await warned) as [Error]
  expect(warning.message).toBe(
    'the application has started an OpenTelemetry SDK already: these options are not used: serviceName, endpoint',
  )
  expect(process.env).toEqual(before)
  expect(told).toContain(
    'a tracer provider is registered already: only the spans of Fastify are added',
  )
  await using served = await serve({ connectionString: url }, (app) => {
    app.get('/', ({ session }) => session.find(Post).count())
  })
  await served.fetch('/')
  await telemetry.flush()
  const names = exporter.getFinishedSpans().map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['request', 'db.query.count', 'db.session.commit']))
  expect(configureTelemetry()).toBe(telemetry)
})
