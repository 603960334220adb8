import FastifyOtel from '@fastify/otel'
import { NodeSDK } from '@opentelemetry/sdk-node'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace'

/** Returns the spans that ended since the last call. */
export type TakeSpans = () => readonly ReadableSpan[]

/**
 * Keeps the spans of this process in memory. Call it before the application is built. Your own service does
 * not need this: start it with `node --import fastify-data-bridge/register`.
 */
export function collectSpans(): TakeSpans {
  const exporter = new InMemorySpanExporter()
  const sdk = new NodeSDK({
    // Spans would wait for the detection of the machine, and the first ones would arrive after their request.
    autoDetectResources: false,
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    instrumentations: [
      new FastifyOtel.FastifyOtelInstrumentation({
        registerOnInitialization: true,
        instrumentHooks: false,
        instrumentHandler: false,
      }),
    ],
  })
  sdk.start()
  return () => {
    const spans = exporter.getFinishedSpans()
    exporter.reset()
    return spans
  }
}
