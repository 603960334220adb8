import { createRequire } from 'node:module'
import type * as OpenTelemetry from '@opentelemetry/api'

export type OpenTelemetryApi = typeof OpenTelemetry

const require = createRequire(import.meta.url)

let api: OpenTelemetryApi | null | undefined
let version: string | null | undefined

/** The API, loaded when it is first asked for; undefined where it is not installed. */
export function loadApi(): OpenTelemetryApi | undefined {
  if (api === undefined) api = tryToLoad()
  return api ?? undefined
}

const suppressed = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

/** Whether an exporter sends what was recorded: it runs in the asynchronous context of what it has recorded. */
export function isExporting(): boolean {
  // Where the API was not loaded, nothing of this library is recorded.
  return api?.context.active().getValue(suppressed) === true
}

// It is an optional peer, so it is required and not imported: without it everything else has to work.
function tryToLoad(): OpenTelemetryApi | null {
  try {
    return require('@opentelemetry/api') as OpenTelemetryApi
  } catch {
    return null
  }
}

/** Whether it is installed; it is not loaded for that. */
export function isApiInstalled(): boolean {
  try {
    require.resolve('@opentelemetry/api')
    return true
  } catch {
    return false
  }
}

/** The version of this package, for the instrumentation scope; unknown where a bundler has left the manifest behind. */
export function packageVersion(): string | undefined {
  if (version === undefined) version = readVersion()
  return version ?? undefined
}

function readVersion(): string | null {
  try {
    return (require('fastify-data-bridge/package.json') as { version: string }).version
  } catch {
    return null
  }
}
