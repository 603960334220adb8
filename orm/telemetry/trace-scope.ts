import type { Context, Span } from '@opentelemetry/api'
import type { OpenTelemetryApi } from './api.ts'

/** A request of Fastify, as `@fastify/otel` decorates it. */
interface InstrumentedRequest {
  opentelemetry?(): RequestTrace
}

/** Its `span` is null before the first hook of `@fastify/otel`, and after its last; its `context` stays. */
interface RequestTrace {
  readonly enabled: boolean
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
 * @param request that of Fastify
 */
export function traceScope(api: OpenTelemetryApi, arrival: Context, request: object): SessionTrace {
  const trace = (request as InstrumentedRequest).opentelemetry?.()
  if (trace === undefined) return { context: arrival, span: api.trace.getSpan(arrival) }
  const { enabled, context, span } = trace
  return enabled && context !== null ? { context, span: span ?? undefined } : notTraced
}

/** The span of a request that is not over yet. That of `@fastify/otel` is when the first byte leaves, that of HTTP with the last. */
export function liveSpan({ context, span }: TraceScope): Span | undefined {
  return [span, httpSpan(context)].find((each) => each?.isRecording() === true)
}

// Where instrumentation-http keeps the span of its server.
const rpcMetadata = Symbol.for('OpenTelemetry SDK Context Key RPC_METADATA')

function httpSpan(context: Context): Span | undefined {
  return (context.getValue(rpcMetadata) as { readonly span?: Span } | undefined)?.span
}

/** The span that `@fastify/otel` has for a request of Fastify. */
export function fastifySpan(request: object): Span | undefined {
  return (request as InstrumentedRequest).opentelemetry?.().span ?? undefined
}
