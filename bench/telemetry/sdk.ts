import { createRequire } from 'node:module'
import { context, SpanKind, trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace'
import type { RequestScope } from './workload.ts'

/** An SDK like that of an application. Its exporter drops the spans instead of sending them. */
export interface BenchSdk {
  readonly request: RequestScope
  /** Exports the waiting spans. Returns how many were exported since the last call. */
  flush(): Promise<number>
  shutdown(): Promise<void>
}

/** The environment: which spans are sampled, and no metrics and no logs. */
export function sdkEnvironment(isSampled: boolean): Readonly<Record<string, string>> {
  return {
    OTEL_TRACES_SAMPLER: isSampled ? 'parentbased_always_on' : 'parentbased_always_off',
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_NODE_RESOURCE_DETECTORS: 'none',
  }
}

/** Starts the SDK with {@link sdkEnvironment}, and one span as the request of all sessions. */
export function startSdk(isDriverTraced: boolean): BenchSdk {
  let exported = 0
  const exporter: SpanExporter = {
    export: (spans, done) => {
      exported += spans.length
      done({ code: 0 })
    },
    shutdown: () => Promise.resolve(),
  }
  const processor = new BatchSpanProcessor({ exporter })
  const sdk = new NodeSDK({
    spanProcessors: [processor],
    instrumentations: isDriverTraced ? [driverInstrumentation()] : [],
  })
  sdk.start()
  const span = trace.getTracer('bench').startSpan('GET /users')
  return {
    request: { span, context: trace.setSpan(context.active(), span) },
    flush: async () => {
      await processor.forceFlush()
      const count = exported
      exported = 0
      return count
    },
    shutdown: () => sdk.shutdown(),
  }
}

// As many attributes as the library's span of a query has, set by hand.
const attributes = {
  'db.system': 'postgresql',
  'db.system.name': 'postgresql',
  'db.namespace': 'bench',
  'server.address': '127.0.0.1',
  'server.port': 5432,
  'db.operation.name': 'get',
  'db.collection.name': 'bench_users',
  'db.query.filters_count': 1,
  'db.query.cache_hit': false,
  'db.query.summary': 'SELECT bench_users',
  'db.query.text': 'select "id", "name", "email" from "bench_users" where "id" = $1',
}

/** Creates the span of a query with the API only. It shows the share of the SDK in the cost of a span. */
export function spanByHand({ context: parent }: RequestScope): () => void {
  const tracer = trace.getTracer('bench')
  const span = tracer.startSpan('db.query.get', { kind: SpanKind.CLIENT }, parent)
  span.setAttributes(attributes)
  return () => {
    span.setAttributes({ 'db.result.count': 1, 'db.response.returned_rows': 1 })
    span.end()
  }
}

type Instrumentations = NonNullable<ConstructorParameters<typeof NodeSDK>[0]>['instrumentations']
type Instrumentation = Extract<NonNullable<Instrumentations>[number], { enable(): void }>

// A dependency of the installed instrumentations, not of this package.
function driverInstrumentation(): Instrumentation {
  const require = createRequire(import.meta.url)
  const installed = require.resolve('@opentelemetry/auto-instrumentations-node')
  const { PgInstrumentation } = createRequire(installed)('@opentelemetry/instrumentation-pg') as {
    PgInstrumentation: new (settings: { ignoreConnectSpans: boolean }) => Instrumentation
  }
  return new PgInstrumentation({ ignoreConnectSpans: true })
}
