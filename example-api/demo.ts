/*
 * `npm run demo`: starts everything, sends the requests itself, says what came back, and ends with 0
 * if all was as expected. It works in a schema of its own and leaves nothing behind.
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
  print(
    paint('dim', 'what each request was answered, and the spans of what it did to the database'),
  )
  const client = new DemoClient(service.url, takeSpans, stop)
  await play(client)
  const { requests, disappointments } = client
  if (disappointments === 0) print(`${requests} requests, all answered as expected`)
  else print(paint('red', `${disappointments} things were not as expected`))
  process.exitCode = disappointments === 0 ? 0 : 1
} catch (error) {
  if (error !== stop.reason) {
    process.stderr.write(`${explain(error)}\n`)
    process.exitCode = 1
  }
}

// Unlike a server, a demo that was interrupted has not done what it was started for.
if (stop.aborted) endBySignal(stop.reason as NodeJS.Signals)
