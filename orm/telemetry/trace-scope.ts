import type { Context, Span } from '@opentelemetry/api'
import type { OpenTelemetryApi } from './api.ts'

/** What `@fastify/otel` knows of a request. Its `span` is null before its first hook, and after its last. */
interface InstrumentedRequest {
  readonly instrumented: boolean
  readonly context: Context | null
  readonly span: Span | null
}

/** Where the spans of one request belong, whatever is active when they start. */
export interface TraceScope {
  readonly context: Context
  /** The request's span; undefined where nothing traces the request. */
  readonly span: Span | undefined
}

/** The scope of a session in a request; `notTraced` where no spans are wanted. */
export type SessionTrace = TraceScope | typeof notTraced

/** Says that the spans of a request are not wanted: its route has `otel: false`. */
export const notTraced: unique symbol = Symbol('not traced')

/**
 * The scope of a request.
 *
 * @param arrival the context that was active when the request came in
 * @param request what `request.opentelemetry()` gives, where `@fastify/otel` is registered
 */
export function traceScope(
  api: OpenTelemetryApi,
  arrival: Context,
  request: unknown,
): SessionTrace {
  if (isInstrumentedRequest(request)) {
    if (!request.instrumented || request.context === null) return notTraced
    return { context: request.context, span: request.span ?? undefined }
  }
  return { context: arrival, span: api.trace.getSpan(arrival) }
}

function isInstrumentedRequest(request: unknown): request is InstrumentedRequest {
  return typeof request === 'object' && request !== null && 'instrumented' in request
}
