import type { Attributes, Context, Tracer, TracerProvider } from '@opentelemetry/api'
import type { Finding } from '../observe/finding.ts'
import type { Observer } from '../observe/observer.ts'
import { type OpenTelemetryApi, packageVersion } from './api.ts'
import { tracerProvider } from './provider.ts'
import type { SpanSettings } from './span-settings.ts'
import { SpanShapes } from './span-shapes.ts'
import { liveSpan, notTraced, type SessionTrace } from './trace-scope.ts'
import { isUnsampled, TracingObserver } from './tracing-observer.ts'

// Tracing backends cut long lists of events; the attribute has the number of all.
const mostEvents = 8

/** What a request did on its databases. */
export interface RequestRecord {
  readonly queryCount: number
  /** Undefined if its span must not say so. */
  readonly onSpan: readonly Finding[] | undefined
  /** Those that are counted. */
  readonly measured: readonly Finding[]
}

/** The spans of a database's sessions. */
export class Tracing {
  readonly #api: OpenTelemetryApi
  readonly #shapes: SpanShapes
  readonly #settings: SpanSettings
  readonly #isDriverTraced: () => boolean
  #provider: TracerProvider | undefined
  #tracer: Tracer | undefined

  /**
   * @param common what every span has
   * @param isDriverTraced whether somebody makes spans of what the driver does, which belong below ours
   */
  constructor(
    api: OpenTelemetryApi,
    common: Attributes,
    settings: SpanSettings,
    isDriverTraced: () => boolean,
  ) {
    this.#api = api
    this.#shapes = new SpanShapes(
      settings.hasOldNames ? { 'db.system': 'postgresql', ...common } : common,
    )
    this.#settings = settings
    this.#isDriverTraced = isDriverTraced
  }

  /** None where no tracer provider is registered, no spans are wanted, or the request is not sampled. */
  observer(trace: SessionTrace | undefined): Observer | undefined {
    if (trace === notTraced) return undefined
    const tracer = this.#currentTracer()
    if (tracer === undefined) return undefined
    const isDriverTraced = this.#isDriverTraced()
    // The driver's spans still have to find their request.
    if (!isDriverTraced && trace !== undefined && isUnsampled(this.#api, trace.context)) {
      return undefined
    }
    const observer = new TracingObserver(this.#api, tracer, this.#shapes, this.#settings, trace)
    return isDriverTraced ? activating(this.#api, observer) : observer
  }

  // Asked for at each session: of two copies of the API, ours would not hear of an SDK that is started later.
  #currentTracer(): Tracer | undefined {
    const provider = tracerProvider(this.#api)
    if (provider === this.#provider) return this.#tracer
    this.#provider = provider
    this.#tracer = provider && this.#api.trace.getTracer('fastify-data-bridge', packageVersion())
    return this.#tracer
  }

  /** Tells the request's span what the request did: its statements, and an event for each finding. */
  recordOnRequest(trace: SessionTrace, { queryCount, onSpan }: RequestRecord): void {
    const span = trace === notTraced ? undefined : liveSpan(trace)
    if (span === undefined) return
    span.setAttribute('db.request.query_count', queryCount)
    if (onSpan === undefined) return
    span.setAttribute('db.n_plus_one.findings', onSpan.length)
    for (const finding of onSpan.slice(0, mostEvents))
      span.addEvent('db.n_plus_one', attributesOf(finding))
  }
}

function attributesOf({ kind, target, count, fix, avoidableMs, site }: Finding): Attributes {
  return {
    'db.n_plus_one.kind': kind,
    'db.n_plus_one.target': target,
    'db.n_plus_one.count': count,
    'db.n_plus_one.suggestion': fix,
    'db.n_plus_one.avoidable_ms': avoidableMs,
    ...(site !== undefined && {
      'code.file.path': site.file,
      'code.line.number': site.line,
    }),
  }
}

// A span of the driver takes the active one for its parent, and only for that ours has to be it.
function activating(api: OpenTelemetryApi, observer: TracingObserver): Observer {
  return {
    operationStarted: (operation) => observer.operationStarted(operation),
    statementSent: (statement) => observer.statementSent(statement),
    transactionRetried: (retry) => observer.transactionRetried(retry),
    around: (operation, fn) => observer.around(operation, fn),
    within: (operation, send) => {
      const context: Context = observer.contextOf(operation)
      return api.context.with(context, send)
    },
  }
}
