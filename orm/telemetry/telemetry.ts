import type { Attributes, Context } from '@opentelemetry/api'
import type { Observer } from '../observe/observer.ts'
import type { OpenTelemetryApi } from './api.ts'
import { poolName, type Server, serverAttributes } from './attributes.ts'
import { cleanExceptions } from './failure.ts'
import { type MeasuredPool, Metrics } from './metrics.ts'
import type { SpanSettings } from './span-settings.ts'
import { fastifySpan, notTraced, type SessionTrace, traceScope } from './trace-scope.ts'
import { type RequestRecord, Tracing } from './tracing.ts'

/** What telemetry asks of a database's pool. */
export interface ObservedPool extends MeasuredPool {
  readonly server: Server
  readonly isInstrumented: boolean
}

/** Spans and measurements of a database. There is none where tracing is off. */
export class Telemetry {
  readonly #api: OpenTelemetryApi
  readonly #tracing: Tracing
  readonly #metrics: Metrics

  constructor(api: OpenTelemetryApi, pool: ObservedPool, settings: SpanSettings) {
    const common = serverAttributes(pool.server)
    this.#api = api
    this.#tracing = new Tracing(api, common, settings, () => pool.isInstrumented)
    this.#metrics = new Metrics(api, common, poolName(pool.server), pool)
  }

  /** The context that is active now: that in which a request came in. */
  arrival(): Context {
    return this.#api.context.active()
  }

  /** @param request that of Fastify */
  scopeOf(arrival: Context, request: object): SessionTrace {
    return traceScope(this.#api, arrival, request)
  }

  /** Calls `fn` in the context of a request, so that what it logs has the ids of its trace. */
  within<T>(trace: SessionTrace, fn: () => T): T {
    return trace === notTraced ? fn() : this.#api.context.with(trace.context, fn)
  }

  /**
   * Keeps values out of the exception that a request's span is about to record.
   *
   * @param request that of Fastify
   */
  requestFailed(request: object): void {
    const span = fastifySpan(request)
    if (span?.isRecording() === true) cleanExceptions(span)
  }

  /** What watches a session. */
  observers(trace: SessionTrace | undefined): readonly Observer[] {
    return [this.#tracing.observer(trace), this.#metrics.observer()].filter(
      (each) => each !== undefined,
    )
  }

  /** Says of a request what it did. */
  recordRequest(trace: SessionTrace, request: Attributes, record: RequestRecord): void {
    this.#tracing.recordOnRequest(trace, record)
    this.#metrics.recordRequest(request, record)
  }

  close(): void {
    this.#metrics.close()
  }
}
