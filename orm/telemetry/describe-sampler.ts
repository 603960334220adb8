import type { TracerProvider } from '@opentelemetry/api'
import type { OpenTelemetryApi } from './api.ts'

// Of a hundredth of all traces, so many probes meet none once in 20 000 times.
const mostProbes = 1000

/**
 * Whether a trace that begins here is taken, tried with spans that are not ended, so that they are
 * never exported. The first that is taken is the last.
 */
export function doesSample({ trace, ROOT_CONTEXT, TraceFlags }: OpenTelemetryApi): boolean {
  const tracer = trace.getTracer('fastify-data-bridge')
  for (let probe = 0; probe < mostProbes; probe += 1) {
    const span = tracer.startSpan('describeTelemetry', {}, ROOT_CONTEXT)
    const isSampled = (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0
    if (span.isRecording() && isSampled) return true
  }
  return false
}

/**
 * What the sampler says of itself, such as `ParentBased{root=AlwaysOnSampler, …}`. No provider has to
 * tell, so it is looked for where those of OpenTelemetry keep it.
 */
export function samplerOf(provider: TracerProvider): string | undefined {
  const { sampler, _sampler, _tracerOptions } = provider as {
    readonly sampler?: unknown
    readonly _sampler?: unknown
    readonly _tracerOptions?: { readonly sampler?: unknown }
  }
  const found = sampler ?? _sampler ?? _tracerOptions?.sampler
  return typeof found === 'object' && found !== null ? String(found) : undefined
}

/** The share of the traces that begin here which a ratio sampler takes; undefined for other samplers. */
export function ratioOf(sampler: string | undefined): number | undefined {
  const ratio = /^(?:ParentBased\{root=)?TraceIdRatioBased\{([\d.e-]+)\}/.exec(sampler ?? '')?.[1]
  return ratio === undefined ? undefined : Number(ratio)
}
