import { isApiInstalled, loadApi } from './api.ts'
import { tracerProvider } from './provider.ts'
import { isAllowed } from './switch.ts'

export { describeTelemetry } from './setup/describe.ts'
export type { TelemetryProblem, TelemetryReport } from './setup/describe-report.ts'
export { configureTelemetry } from './setup/configure.ts'
export type { TelemetryBatchOptions, TelemetryOptions, TelemetryProtocol } from './setup/options.ts'
export type { Telemetry } from './setup/telemetry.ts'

/**
 * Whether `@opentelemetry/api` can be loaded.
 *
 * @example
 * ```ts
 * import { isTracingEnabled, OTEL_AVAILABLE } from 'fastify-data-bridge/telemetry'
 *
 * console.log(`OpenTelemetry available: ${OTEL_AVAILABLE}, tracing enabled: ${isTracingEnabled()}`)
 * ```
 */
export const OTEL_AVAILABLE: boolean = isApiInstalled()

/**
 * Whether spans go anywhere: `@opentelemetry/api` can be loaded, `DATA_BRIDGE_TRACING_ENABLED` does
 * not say no, and a tracer provider is registered.
 */
export function isTracingEnabled(): boolean {
  const api = isAllowed() ? loadApi() : undefined
  return api !== undefined && tracerProvider(api) !== undefined
}
