import type { Tracer, TracerProvider } from '@opentelemetry/api'
import type { OpenTelemetryApi } from '../api.ts'

// Of a hundredth of all traces, so many probes meet none once in 20 000 times.
const mostProbes = 1000

/**
 * Whether a trace that begins here is taken, tried with spans that are not ended, so that they are
 * never exported. The first that is taken is the last.
 *
 * @param sampler what the sampler says of itself
 */
export function doesSample(api: OpenTelemetryApi, sampler: string | undefined): boolean {
  const ratio = ratioOf(sampler)
  if (ratio !== undefined && ratio > 0) return true
  const tracer = api.trace.getTracer('fastify-data-bridge')
  const isConstant = ratio === 0 || /^(?:ParentBased\{root=)?Always/.test(sampler ?? '')
  for (let probe = 0; probe < (isConstant ? 1 : mostProbes); probe += 1) {
    if (isTaken(api, tracer)) return true
  }
  return false
}

function isTaken({ ROOT_CONTEXT, TraceFlags }: OpenTelemetryApi, tracer: Tracer): boolean {
  const span = tracer.startSpan('describeTelemetry', {}, ROOT_CONTEXT)
  return span.isRecording() && (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0
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
