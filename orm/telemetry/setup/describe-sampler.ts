import type { TracerProvider } from '@opentelemetry/api'

/**
 * The sampler's own string, such as `ParentBased{root=AlwaysOnSampler, …}`. The API has no way to ask
 * for it, so this looks where the providers of OpenTelemetry keep their sampler. Undefined where there
 * is none, or where its string says nothing.
 */
export function samplerOf(provider: TracerProvider): string | undefined {
  const { sampler, _sampler, _tracerOptions } = provider as {
    readonly sampler?: unknown
    readonly _sampler?: unknown
    readonly _tracerOptions?: { readonly sampler?: unknown }
  }
  const found = sampler ?? _sampler ?? _tracerOptions?.sampler
  const text = typeof found === 'object' && found !== null ? String(found) : ''
  return text === '' || text === '[object Object]' ? undefined : text
}

// What begins a trace is decided by the root of ParentBased. AlwaysRecordSampler keeps the decision of its delegate.
const samplesNothing =
  /^(?:ParentBased\{root=|AlwaysRecordSampler\{)*(?:AlwaysOffSampler|TraceIdRatioBased\{0\})(?=[,}]|$)/

/** Whether the sampler's string says that it takes no trace that begins here. Of other samplers nothing is known. */
export function isNeverSampled(sampler: string | undefined): boolean {
  return sampler !== undefined && samplesNothing.test(sampler)
}
