/*
 * `npm run demo`: starts the API, sends the requests, prints the responses. The exit code is 0 if all of
 * them are as expected. The demo works in its own schema and drops it at the end.
 */
import { randomBytes } from 'node:crypto'
import { DemoClient } from './demo/client.ts'
import { paint, print } from './demo/output.ts'
import { collectSpans } from './demo/spans.ts'
import { play } from './demo/scenario.ts'
import { explain } from './problem.ts'
import { startService } from './service.ts'
import { endBySignal, stopSignal } from './stop-signal.ts'

const stop = stopSignal()
const takeSpans = collectSpans()

try {
  await using service = await startService({
    databaseUrl: process.env.DATABASE_URL,
    schema: `fastify_data_bridge_demo_${randomBytes(4).toString('hex')}`,
    isThrowaway: true,
    port: 0,
    headers: true,
    onProgress: (step) => print(paint('dim', `${step} …`)),
  })
  print(paint('dim', `listening at ${service.url}`))
  print(paint('dim', 'each request, its response, and the spans of its work on the database'))
  const client = new DemoClient(service.url, takeSpans, stop)
  await play(client)
  const { requests, unexpected } = client
  if (unexpected === 0) print(`${requests} requests, all answered as expected`)
  else print(paint('red', `${unexpected} of the checks failed`))
  process.exitCode = unexpected === 0 ? 0 : 1
} catch (error) {
  if (error !== stop.reason) {
    process.stderr.write(`${explain(error)}\n`)
    process.exitCode = 1
  }
}

// An interrupted demo is a failure, unlike an interrupted server: end by the signal.
if (stop.aborted) endBySignal(stop.reason as NodeJS.Signals)
