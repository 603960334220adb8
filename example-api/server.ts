/*
 * `npm start`: runs the example API until Ctrl-C or SIGTERM. PORT (default: 3000) and HOST (default: localhost)
 * set its address. With OTEL_EXPORTER_OTLP_ENDPOINT it exports its traces.
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
  // A server that was asked to stop and has finished its requests ends with 0. For systemd, Docker and
  // Kubernetes this is a success; 130 or 143 may count as a failure.
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = 1
}
// Everything is closed. If Node ended by itself, it would remove its signal handlers first. npm may pass on a Ctrl-C
// at that moment, and the clean end would look like a kill.
process.exit()
