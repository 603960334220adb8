/**
 * Preload for traces without a change of code:
 * `node --import fastify-data-bridge/register server.js`. The environment says where they go, as for
 * every OpenTelemetry SDK: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, …
 *
 * @module
 */
import { subscribe } from 'node:diagnostics_channel'
import { createRequire } from 'node:module'
import type * as FastifyOtel from '@fastify/otel'
import type { TracerProvider } from '@opentelemetry/api'
import type * as AutoInstrumentations from '@opentelemetry/auto-instrumentations-node'
import type * as SdkNode from '@opentelemetry/sdk-node'
import { isTracingAllowed, isTracingEnabled } from '../orm/telemetry/index.ts'
import { sdkEnvironment } from './sdk-environment.ts'

const require = createRequire(import.meta.url)

// The first would say of every statement what our spans say already, the others of every connection.
const unwanted = {
  '@opentelemetry/instrumentation-pg': { enabled: false },
  '@opentelemetry/instrumentation-net': { enabled: false },
  '@opentelemetry/instrumentation-dns': { enabled: false },
}

const signals = ['SIGTERM', 'SIGINT'] as const
const longestFlushMs = 3000

if (isTracingAllowed() && process.env.OTEL_SDK_DISABLED?.toLowerCase() !== 'true') start()

function start(): void {
  // An SDK that the application has started is left as it is; only the requests of Fastify are missing.
  const isStarted = isTracingEnabled()
  const { FastifyOtelInstrumentation } = load<typeof FastifyOtel>('@fastify/otel')
  const fastify = new FastifyOtelInstrumentation({
    registerOnInitialization: true,
    instrumentHooks: false,
    instrumentHandler: false,
  })
  if (isStarted) return
  Object.assign(process.env, sdkEnvironment(process.env))
  const { NodeSDK } = load<typeof SdkNode>('@opentelemetry/sdk-node')
  const { getNodeAutoInstrumentations } = load<typeof AutoInstrumentations>(
    '@opentelemetry/auto-instrumentations-node',
  )
  const isChosen = (process.env.OTEL_NODE_ENABLED_INSTRUMENTATIONS ?? '') !== ''
  const sdk = new NodeSDK({
    instrumentations: [getNodeAutoInstrumentations(isChosen ? {} : unwanted), fastify],
  })
  sdk.start()
  flushAtTheEnd(sdk)
}

function flushAtTheEnd(sdk: SdkNode.NodeSDK): void {
  let shutdown: Promise<void> | undefined
  const stop = (): Promise<void> => (shutdown ??= settled(sdk.shutdown()))
  // One after the other: of two at the same time the second has nothing to send, and would not wait for the first.
  let flushed: Promise<void> = Promise.resolve()
  const flushAll = (): Promise<void> => (flushed = flushed.then(() => settled(flush())))
  process.once('beforeExit', () => void stop())
  subscribe('fastify.initialization', (message) => {
    const { fastify } = message as {
      fastify: { addHook(name: 'onClose', hook: () => Promise<void>): void }
    }
    fastify.addHook('onClose', flushAll)
  })
  for (const signal of signals) {
    const onSignal = (): void => {
      // With a listener of its own the application ends itself; the spans of its last requests come with onClose.
      const isAlone = process.listenerCount(signal) === 0
      void (isAlone ? stop().then(() => process.kill(process.pid, signal)) : flushAll())
    }
    process.once(signal, onSignal)
  }
}

async function flush(): Promise<void> {
  const { trace } = load<{ trace: { getTracerProvider(): TracerProvider } }>('@opentelemetry/api')
  const provider = trace.getTracerProvider() as TracerProvider & {
    getDelegate?(): { forceFlush?(): Promise<void> }
    forceFlush?(): Promise<void>
  }
  await (provider.getDelegate?.() ?? provider).forceFlush?.()
}

/** Waits for the export, but never for long, and never fails: a collector that is down is not the application's business. */
async function settled(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, longestFlushMs)
  })
  await Promise.race([work.catch(() => undefined), limit])
  clearTimeout(timer)
}

function load<T>(name: string): T {
  try {
    return require(name) as T
  } catch (cause) {
    throw new Error(
      `fastify-data-bridge/register needs the package ${name}: ` +
        'npm install @opentelemetry/api @opentelemetry/sdk-node @opentelemetry/auto-instrumentations-node @fastify/otel',
      { cause },
    )
  }
}
