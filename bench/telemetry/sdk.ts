import { createRequire } from 'node:module'
import { context, SpanKind, trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace'
import type { RequestScope } from './workload.ts'

/** An SDK as an application has one, whose spans are dropped where they would be sent. */
export interface BenchSdk {
  readonly request: RequestScope
  /** How many spans were exported since the last call, those that wait among them. */
  flush(): Promise<number>
  shutdown(): Promise<void>
}

/** Of the environment: which spans are sampled, and that there are no metrics and no logs. */
export function sdkEnvironment(isSampled: boolean): Readonly<Record<string, string>> {
  return {
    OTEL_TRACES_SAMPLER: isSampled ? 'parentbased_always_on' : 'parentbased_always_off',
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_NODE_RESOURCE_DETECTORS: 'none',
  }
}

/** Starts the SDK with {@link sdkEnvironment}, and a span that stands for the request of all sessions. */
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

// As many as the library's span of a query has, set as one would set them by hand.
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

/** The span of a query, made with the API and nothing else: what of a span's cost is the SDK's. */
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

// A dependency of the instrumentations that are installed, and none of this package.
function driverInstrumentation(): Instrumentation {
  const require = createRequire(import.meta.url)
  const installed = require.resolve('@opentelemetry/auto-instrumentations-node')
  const { PgInstrumentation } = createRequire(installed)('@opentelemetry/instrumentation-pg') as {
    PgInstrumentation: new (settings: { ignoreConnectSpans: boolean }) => Instrumentation
  }
  return new PgInstrumentation({ ignoreConnectSpans: true })
}
