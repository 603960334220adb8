import { loadApi } from '../api.ts'
import { tracerProvider } from '../provider.ts'
import { isAllowed, isSdkDisabled } from '../switch.ts'
import { type Diagnostics, diagnosticsOf, summaryOf } from './diagnostics.ts'
import { sdkEnvironment } from './environment.ts'
import { traceFastify } from './fastify.ts'
import { bounded, flushAtTheEnd } from './flush.ts'
import { requireTelemetryOptions, type TelemetryOptions } from './options.ts'
import { requireInstalled } from './packages.ts'
import { flush, startSdk } from './sdk.ts'
import { idleTelemetry, type Telemetry } from './telemetry.ts'

let running: Telemetry | undefined

const forFastify = ['@opentelemetry/api', '@fastify/otel'] as const
const forAll = [
  ...forFastify,
  '@opentelemetry/sdk-node',
  '@opentelemetry/auto-instrumentations-node',
] as const

/**
 * Starts the OpenTelemetry SDK: spans of HTTP servers, of Fastify's requests and of this package are
 * exported over OTLP. An option wins over the environment, which wins over the defaults.
 * `node --import fastify-data-bridge/register` does the same by the environment alone.
 *
 * Call it before `Fastify()`. A second call, or the first beside the preload, changes nothing and gives what
 * is there already. Where the application has started an SDK of its own, only the spans of Fastify's requests
 * are added. Options that are not used for that are told in a process warning. With
 * `DATA_BRIDGE_TRACING_ENABLED=false` or `OTEL_SDK_DISABLED=true` it does nothing.
 *
 * @throws DataBridgeError `DATA_BRIDGE_ERR_OPTION` for an option that is not usable, or a package that is missing
 * @example
 * ```ts
 * import { configureTelemetry } from 'fastify-data-bridge/telemetry'
 *
 * configureTelemetry({
 *   serviceName: 'my-api',
 *   environment: 'production',
 *   endpoint: 'http://localhost:4317',
 *   sampleRatio: 0.1,
 * })
 * ```
 */
export function configureTelemetry(options: TelemetryOptions = {}): Telemetry {
  const chosen = requireTelemetryOptions(options)
  if (!isAllowed() || isSdkDisabled()) return idleTelemetry
  if (running === undefined) return (running = start(chosen))
  tellUnused('telemetry is configured already', chosen)
  return running
}

function start(options: TelemetryOptions): Telemetry {
  const isForeign = hasProvider()
  requireInstalled(isForeign ? forFastify : forAll)
  const diagnostics = diagnosticsOf()
  if (isForeign) {
    tellUnused('the application has started an OpenTelemetry SDK already', options)
    return joinForeign(diagnostics)
  }
  const { changes, warnings } = sdkEnvironment(process.env, options)
  for (const warning of warnings) warn(warning)
  apply(changes)
  const telemetry = bounded(startSdk(process.env), diagnostics)
  traceFastify(diagnostics)
  flushAtTheEnd(telemetry)
  diagnostics.info(`started: ${summaryOf(process.env)}`)
  return telemetry
}

/** Whoever has said where spans go would look for them there. */
function tellUnused(why: string, options: TelemetryOptions): void {
  const unused = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  )
  if (unused.length > 0) warn(`${why}: these options are not used: ${unused.join(', ')}`)
}

function warn(message: string): void {
  process.emitWarning(message, { code: 'DATA_BRIDGE_TELEMETRY' })
}

/** An SDK that the application has started is left as it is; only the requests of Fastify are missing. */
function joinForeign(diagnostics: Diagnostics): Telemetry {
  traceFastify(diagnostics)
  diagnostics.info('a tracer provider is registered already: only the spans of Fastify are added')
  return bounded({ flush: () => flush(), shutdown: () => flush() }, diagnostics)
}

function hasProvider(): boolean {
  const api = loadApi()
  return api !== undefined && tracerProvider(api) !== undefined
}

function apply(changes: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}
