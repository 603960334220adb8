import FastifyOtel from '@fastify/otel'
import { NodeSDK, type NodeSDKConfiguration } from '@opentelemetry/sdk-node'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace'

const exporter = new InMemorySpanExporter()

let isStarted = false

/**
 * Starts an SDK that keeps its spans, and `@fastify/otel` as `/register` sets it up: one for the files of a
 * process, each of which begins without the spans of the one before.
 */
export function startTracing(): void {
  exporter.reset()
  if (isStarted) return
  isStarted = true
  keepSpans([
    new FastifyOtel.FastifyOtelInstrumentation({
      registerOnInitialization: true,
      instrumentHooks: false,
      instrumentHandler: false,
    }),
  ])
}

/**
 * Starts an SDK that keeps its spans. It does not look around on the machine: spans wait for what is
 * found there, and so the first ones would come after `takeSpans()`.
 */
export function keepSpans(instrumentations: NodeSDKConfiguration['instrumentations'] = []): void {
  new NodeSDK({
    autoDetectResources: false,
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    instrumentations,
  }).start()
}

/** The spans that have ended since the last call. */
export function takeSpans(): readonly ReadableSpan[] {
  const spans = exporter.getFinishedSpans()
  exporter.reset()
  return spans
}

/** A span with what lies below it, by parent ids. */
export interface SpanTree {
  readonly name: string
  readonly span: ReadableSpan
  readonly children: readonly SpanTree[]
}

/** The trees of spans, in the order in which the spans began; a span whose parent is missing is a root. */
export function treesOf(spans: readonly ReadableSpan[]): readonly SpanTree[] {
  const ids = new Set(spans.map((span) => span.spanContext().spanId))
  const begun = spans.toSorted(
    (a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1],
  )
  const below = (parent: string | undefined): SpanTree[] =>
    begun
      .filter(({ parentSpanContext }) => {
        const id = parentSpanContext?.spanId
        return parent === undefined ? id === undefined || !ids.has(id) : id === parent
      })
      .map((span) => ({ name: span.name, span, children: below(span.spanContext().spanId) }))
  return below(undefined)
}

/** A tree as text: `request(db.session.open db.query.find(db.relationship.selectinload))`. */
export function outline({ name, children }: SpanTree): string {
  return children.length === 0 ? name : `${name}(${children.map(outline).join(' ')})`
}
