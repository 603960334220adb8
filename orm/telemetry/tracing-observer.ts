import type { Context, Span, Tracer } from '@opentelemetry/api'
import type { Observer, OperationEnd, Retry, SentStatement } from '../observe/observer.ts'
import type { Operation, Outcome } from '../observe/operation.ts'
import type { OpenTelemetryApi } from './api.ts'
import { batchSummary, batchText, isRemote, returnedRows, tellStart } from './attributes.ts'
import { failureAttributes, recordedException } from './failure.ts'
import type { SpanSettings } from './span-settings.ts'
import type { SpanShapes } from './span-shapes.ts'
import type { TraceScope } from './trace-scope.ts'

/** A span under way; `context` is made where something lies below it. */
interface Traced {
  readonly operation: Operation
  readonly span: Span
  readonly parent: Context
  statements: SentStatement[] | undefined
  context: Context | undefined
}

/** Makes a span of each operation of a session. */
export class TracingObserver implements Observer {
  readonly #api: OpenTelemetryApi
  readonly #tracer: Tracer
  readonly #shapes: SpanShapes
  readonly #settings: SpanSettings
  readonly #scope: TraceScope | undefined
  // Most sessions have one span at a time, which costs no map.
  #first: Traced | undefined
  #others: Map<Operation, Traced> | undefined

  /**
   * @param shapes what spans have in common
   * @param scope the request that the session belongs to; without: whatever is active
   */
  constructor(
    api: OpenTelemetryApi,
    tracer: Tracer,
    shapes: SpanShapes,
    settings: SpanSettings,
    scope: TraceScope | undefined,
  ) {
    this.#api = api
    this.#tracer = tracer
    this.#shapes = shapes
    this.#settings = settings
    this.#scope = scope
  }

  operationStarted(operation: Operation): OperationEnd | undefined {
    if (!this.#isWanted(operation)) return undefined
    const parent = this.#parentOf(operation)
    if (isUnsampled(this.#api, parent)) return undefined
    const { SpanKind } = this.#api
    const kind = isRemote(operation) ? SpanKind.CLIENT : SpanKind.INTERNAL
    const { name, attributes } = this.#shapes.of(operation)
    const span = this.#tracer.startSpan(name, { kind }, parent)
    if (span.isRecording()) {
      span.setAttributes(attributes)
      tellStart(span, operation)
    }
    const traced: Traced = { operation, span, parent, statements: undefined, context: undefined }
    this.#keep(traced)
    return (outcome) => {
      this.#forget(traced)
      this.#end(traced, outcome)
    }
  }

  statementSent(statement: SentStatement): undefined {
    const { operation, kind } = statement
    if (kind === 'control' || operation === undefined) return
    const traced = this.#tracedOf(operation)
    if (traced === undefined) return
    // Most have one: an array that is pushed to has room for many.
    if (traced.statements === undefined) traced.statements = [statement]
    else traced.statements.push(statement)
  }

  transactionRetried({ attempt, error }: Retry): void {
    // No session of a request makes a transaction again; its own jobs do, below its span.
    const span = this.#api.trace.getActiveSpan()
    if (span?.isRecording() !== true) return
    span.addEvent('db.transaction.retry', {
      'db.transaction.attempt': attempt,
      ...failureAttributes(error),
    })
  }

  /** The context that a statement of the operation is sent in, so that spans of the driver lie below ours. */
  contextOf(operation: Operation | undefined): Context {
    if (operation === undefined) return this.#api.context.active()
    const traced = this.#tracedOf(operation)
    if (traced === undefined) return this.#parentOf(operation)
    return (traced.context ??= this.#api.trace.setSpan(traced.parent, traced.span))
  }

  around<T>(operation: Operation, fn: () => T): T {
    return this.#api.context.with(this.contextOf(operation), fn)
  }

  #keep(traced: Traced): void {
    if (this.#first === undefined) this.#first = traced
    else (this.#others ??= new Map()).set(traced.operation, traced)
  }

  #forget(traced: Traced): void {
    if (this.#first === traced) this.#first = undefined
    else this.#others?.delete(traced.operation)
  }

  #tracedOf(operation: Operation): Traced | undefined {
    return this.#first?.operation === operation ? this.#first : this.#others?.get(operation)
  }

  #isWanted({ kind, name }: Operation & { readonly name?: string }): boolean {
    const { level } = this.#settings
    if (level === 'all' || kind !== 'session') return true
    return level === 'queries+session' && name !== 'open' && name !== 'close'
  }

  /**
   * A session's own steps belong to the request. A query belongs to the span in which it was asked
   * for, if that is of the request's trace: after an abort, or out of a pool, another one may be active.
   */
  #parentOf(operation: Operation): Context {
    if (operation.parent !== undefined) return this.contextOf(operation.parent)
    const { context, trace } = this.#api
    const active = context.active()
    if (this.#scope === undefined) return active
    if (operation.kind === 'session' || active === this.#scope.context) return this.#scope.context
    const traceId = trace.getSpanContext(active)?.traceId
    const isOfRequest =
      traceId !== undefined && traceId === trace.getSpanContext(this.#scope.context)?.traceId
    return isOfRequest ? active : this.#scope.context
  }

  #end({ operation, span, statements }: Traced, { rows, error }: Outcome): void {
    if (span.isRecording()) {
      if (statements !== undefined) this.#describe(span, statements)
      if (rows !== undefined) {
        if (this.#settings.hasOldNames) span.setAttribute('db.result.count', rows)
        span.setAttribute('db.response.returned_rows', returnedRows(operation, rows))
      }
      if (error !== undefined) this.#fail(span, error)
      // At the end: a span has room for 128 attributes, and drops what comes when it is full.
      if (this.#settings.hasParameters && operation.kind !== 'session')
        tellParameters(span, statements?.[0]?.parameters ?? [])
    }
    span.end()
  }

  #describe(span: Span, statements: readonly SentStatement[]): void {
    span.setAttribute('db.query.summary', batchSummary(statements))
    if (statements.length > 1) span.setAttribute('db.operation.batch.size', statements.length)
    if (this.#settings.hasText)
      span.setAttribute('db.query.text', cut(batchText(statements), longestText))
  }

  #fail(span: Span, error: unknown): void {
    const exception = recordedException(error)
    span.recordException(exception)
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message: exception.message })
    span.setAttributes(failureAttributes(error))
  }
}

/**
 * Whether nothing below would be sampled: ids are made before a sampler is asked, and need not be.
 * What another service says is left to the sampler.
 */
export function isUnsampled({ trace, TraceFlags }: OpenTelemetryApi, parent: Context): boolean {
  const span = trace.getSpan(parent)
  if (span === undefined || span.isRecording()) return false
  const { isRemote: isFromElsewhere, traceFlags } = span.spanContext()
  return isFromElsewhere !== true && (traceFlags & TraceFlags.SAMPLED) === 0
}

// A batch of spans that is too large is refused as a whole.
const longestText = 8192
const longestValue = 1024

function tellParameters(span: Span, parameters: readonly unknown[]): void {
  parameters.forEach((value, index) => {
    span.setAttribute(`db.query.parameter.${index}`, textOf(value))
  })
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? `${value.length} bytes` : cut(String(value), longestValue)
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`
}
