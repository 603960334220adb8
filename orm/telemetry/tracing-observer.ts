import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api'
import { DataBridgeError } from '../errors.ts'
import type { Observer, OperationEnd, SentStatement } from '../observe/observer.ts'
import type { Operation, Outcome } from '../observe/operation.ts'
import { type OpenTelemetryApi, packageVersion } from './api.ts'
import { endAttributes, isRemote, spanName, startAttributes } from './attributes.ts'
import type { TraceScope } from './trace-scope.ts'

interface Traced {
  readonly span: Span
  readonly context: Context
}

/** Makes a span of each operation of a session. */
export class TracingObserver implements Observer {
  readonly #api: OpenTelemetryApi
  readonly #tracer: Tracer
  readonly #common: Attributes
  readonly #scope: TraceScope | undefined
  readonly #traced = new WeakMap<Operation, Traced>()

  /**
   * @param common what every span has
   * @param scope the request that the session belongs to; without: whatever is active
   */
  constructor(api: OpenTelemetryApi, common: Attributes, scope: TraceScope | undefined) {
    this.#api = api
    // Not kept for later sessions: of two copies of the API, ours would not hear of an SDK that is started later.
    this.#tracer = api.trace.getTracer('fastify-data-bridge', packageVersion())
    this.#common = common
    this.#scope = scope
  }

  operationStarted(operation: Operation): OperationEnd {
    const { SpanKind, trace } = this.#api
    const parent = this.#parentOf(operation)
    const kind = isRemote(operation) ? SpanKind.CLIENT : SpanKind.INTERNAL
    const span = this.#tracer.startSpan(spanName(operation), { kind }, parent)
    if (span.isRecording()) span.setAttributes({ ...this.#common, ...startAttributes(operation) })
    this.#traced.set(operation, { span, context: trace.setSpan(parent, span) })
    return (outcome) => this.#end(span, operation, outcome)
  }

  statementSent({ operation, summary, text, kind }: SentStatement): undefined {
    if (kind === 'control' || operation === undefined || operation.kind === 'session') return
    const span = this.#traced.get(operation)?.span
    if (span?.isRecording() !== true) return
    span.setAttribute('db.query.summary', summary)
    // Values are bound parameters, so the text has none.
    span.setAttribute('db.query.text', text)
  }

  /**
   * A session's own steps belong to the request. A query belongs to the span in which it was asked
   * for, if that is of the request's trace: after an abort, or out of a pool, another one may be active.
   */
  #parentOf(operation: Operation): Context {
    const { context, trace } = this.#api
    const outer = operation.parent === undefined ? undefined : this.#traced.get(operation.parent)
    if (outer !== undefined) return outer.context
    const active = context.active()
    if (this.#scope === undefined) return active
    if (operation.kind === 'session') return this.#scope.context
    const traceId = trace.getSpanContext(active)?.traceId
    const isOfRequest =
      traceId !== undefined && traceId === trace.getSpanContext(this.#scope.context)?.traceId
    return isOfRequest ? active : this.#scope.context
  }

  #end(span: Span, operation: Operation, { rows, error }: Outcome): void {
    if (span.isRecording()) {
      span.setAttributes(endAttributes(operation, rows))
      if (error !== undefined) this.#fail(span, error)
    }
    span.end()
  }

  #fail(span: Span, error: unknown): void {
    const { SpanStatusCode } = this.#api
    const exception = error instanceof Error ? error : new Error(String(error))
    const sqlState = error instanceof DataBridgeError ? error.sqlState : undefined
    span.recordException(exception)
    span.setStatus({ code: SpanStatusCode.ERROR, message: exception.message })
    span.setAttribute(
      'error.type',
      sqlState ?? (error instanceof DataBridgeError ? error.code : exception.name),
    )
    if (sqlState !== undefined) span.setAttribute('db.response.status_code', sqlState)
  }
}
