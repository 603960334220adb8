import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import type { OpenTelemetryApi } from './api.ts'

/** The tracer provider that is registered; undefined where spans would go nowhere. */
export function tracerProvider(api: OpenTelemetryApi): TracerProvider | undefined {
  const provider: TracerProvider & { getDelegate?(): TracerProvider } =
    api.trace.getTracerProvider()
  const registered = provider.getDelegate?.() ?? provider
  return registered.constructor.name === 'NoopTracerProvider' ? undefined : registered
}

/** The meter provider that is registered; undefined where measurements would go nowhere. */
export function meterProvider(api: OpenTelemetryApi): MeterProvider | undefined {
  const provider = api.metrics.getMeterProvider()
  return provider.constructor.name === 'NoopMeterProvider' ? undefined : provider
}
