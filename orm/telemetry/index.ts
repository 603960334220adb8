import type { TracerProvider } from '@opentelemetry/api'
import { isApiInstalled, loadApi } from './api.ts'
import { isAllowed } from './switch.ts'

/** @internal for `/register`: whether `DATA_BRIDGE_TRACING_ENABLED` allows it */
export { isAllowed as isTracingAllowed } from './switch.ts'

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
  if (api === undefined) return false
  const provider: TracerProvider & { getDelegate?(): TracerProvider } =
    api.trace.getTracerProvider()
  const registered = provider.getDelegate?.() ?? provider
  return registered.constructor.name !== 'NoopTracerProvider'
}
