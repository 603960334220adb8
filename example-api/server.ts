/*
 * `npm start`: the example API on PORT (3000 unless said) of HOST (localhost unless said), until Ctrl-C
 * or SIGTERM. With OTEL_EXPORTER_OTLP_ENDPOINT it exports its traces.
 */
import { once } from 'node:events'
import { portOf } from './port.ts'
import { explain } from './problem.ts'
import { startService } from './service.ts'
import { stopSignal } from './stop-signal.ts'

const stop = stopSignal()

try {
  await using _service = await startService({
    databaseUrl: process.env.DATABASE_URL,
    schema: 'fastify_data_bridge_example',
    port: portOf(process.env.PORT),
    ...(process.env.HOST && { host: process.env.HOST }),
    logger: true,
  })
  if (!stop.aborted) await once(stop, 'abort')
  // A server that was asked to stop, and has finished its requests, ends with 0: systemd, Docker and
  // Kubernetes take that for a success, where 130 or 143 may count as a failure.
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = 1
}
// Everything is closed. Left to itself Node would first give up its signal handlers, and what npm passes on of a
// Ctrl-C may come just then: a clean end would look like a kill.
process.exit()
