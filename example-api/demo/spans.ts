import FastifyOtel from '@fastify/otel'
import { NodeSDK } from '@opentelemetry/sdk-node'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace'

/** Gives the spans that have ended since the last call. */
export type TakeSpans = () => readonly ReadableSpan[]

/**
 * Keeps the spans of this process instead of exporting them. It is called before the application is
 * built; a service of your own has `node --import fastify-data-bridge/register` and needs none of this.
 */
export function collectSpans(): TakeSpans {
  const exporter = new InMemorySpanExporter()
  const sdk = new NodeSDK({
    // Spans wait for what is found out about the machine: the first ones would come after their request.
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
