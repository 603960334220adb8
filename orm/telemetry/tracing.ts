import type { Attributes, Context } from '@opentelemetry/api'
import type { Observer } from '../observe/observer.ts'
import type { SessionStats } from '../observe/stats.ts'
import type { OpenTelemetryApi } from './api.ts'
import { commonAttributes, type Server } from './attributes.ts'
import { notTraced, type SessionTrace, traceScope } from './trace-scope.ts'
import { TracingObserver } from './tracing-observer.ts'

// Tracing backends cut long lists of events; the attribute has the number of all.
const mostEvents = 8

/** The spans of a database's sessions. There is none where tracing is off. */
export class Tracing {
  readonly #api: OpenTelemetryApi
  readonly #common: Attributes

  constructor(api: OpenTelemetryApi, server: Server) {
    this.#api = api
    this.#common = commonAttributes(server)
  }

  /** The context that is active now: that in which a request came in. */
  arrival(): Context {
    return this.#api.context.active()
  }

  /** @param request what `request.opentelemetry()` gives, where `@fastify/otel` is registered */
  scopeOf(arrival: Context, request: unknown): SessionTrace {
    return traceScope(this.#api, arrival, request)
  }

  observer(trace: SessionTrace | undefined): Observer | undefined {
    return trace === notTraced ? undefined : new TracingObserver(this.#api, this.#common, trace)
  }

  /** Tells the request's span what the request did: its statements, and an event for each finding. */
  recordOnRequest(trace: SessionTrace, { queryCount, findings }: SessionStats): void {
    if (trace === notTraced || trace.span?.isRecording() !== true) return
    const { span } = trace
    span.setAttribute('db.request.query_count', queryCount)
    span.setAttribute('db.n_plus_one.findings', findings.length)
    for (const { kind, target, count, fix } of findings.slice(0, mostEvents)) {
      span.addEvent('db.n_plus_one', {
        'db.n_plus_one.kind': kind,
        'db.n_plus_one.target': target,
        'db.n_plus_one.count': count,
        'db.n_plus_one.suggestion': fix,
      })
    }
  }
}
