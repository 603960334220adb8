import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SimpleSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterAll, expect, it } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { blog, user } from '../support/entities.ts'
import { startTracing } from './traced.ts'

startTracing()
const { database } = await testDatabase(blog)

let calls = 0
const server = createServer((_request, response) => {
  calls += 1
  response.end()
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

async function request(): Promise<void> {
  const asked = get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  await once(response.resume(), 'end')
}

const exporter: SpanExporter = {
  export: (_spans, done) => void request().then(() => done({ code: 0 })),
  shutdown: async () => undefined,
}

it('an exporter in an open transaction is no call of the program', async () => {
  const processor = new SimpleSpanProcessor({ exporter })
  const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer('test')
  const findings = async (work: () => Promise<void>) =>
    database.run(
      async (session) => {
        session.add(user(`new${calls}`))
        await session.flush()
        await work()
        await session.flush()
        return session.stats.findings
      },
      { nPlusOne: 'detect' },
    )
  const exporting = async (): Promise<void> => {
    tracer.startSpan('work').end()
    await processor.forceFlush()
  }
  expect(await findings(exporting)).toEqual([])
  expect(calls).toBe(1)
  expect(await findings(request)).toMatchObject([{ kind: 'tx.external_io', count: 1 }])
})
