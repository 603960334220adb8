import FastifyOtel from '@fastify/otel'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace'
import Fastify from 'fastify'
import { expect, it } from 'vitest'
import { configureTelemetry } from '../../orm/telemetry/index.ts'

it('leaves @fastify/otel to an application that has loaded it', async () => {
  const exporter = new InMemorySpanExporter()
  new NodeSDK({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    metricReaders: [],
    logRecordProcessors: [],
  }).start()
  configureTelemetry()
  const own = new FastifyOtel.FastifyOtelInstrumentation({ instrumentHooks: false })
  const app = Fastify()
  await app.register(own.plugin())
  app.get('/', function root() {
    return 'hello'
  })
  expect((await app.inject('/')).body).toBe('hello')
  await expect
    .poll(() => exporter.getFinishedSpans().map(({ name }) => name))
    .toEqual(['handler - root', 'request'])
  await app.close()
})
