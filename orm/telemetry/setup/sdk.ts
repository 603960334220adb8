import { createRequire } from 'node:module'
import type * as OpenTelemetry from '@opentelemetry/api'
import type * as AutoInstrumentations from '@opentelemetry/auto-instrumentations-node'
import type * as SdkNode from '@opentelemetry/sdk-node'
import { effectiveProtocol, type Environment, given } from './endpoint.ts'
import type { Exporting } from './flush.ts'
import { load, loadFrom } from './packages.ts'

type SdkOptions = NonNullable<ConstructorParameters<typeof SdkNode.NodeSDK>[0]>
type Exporter = NonNullable<SdkOptions['traceExporter']>

interface Flushable {
  forceFlush?(): Promise<void>
}

/** What the API has registered; it stands in front of the SDK's provider, for logs under another name. */
interface Registered extends Flushable {
  getDelegate?(): Flushable
  _getDelegate?(): Flushable
}

// The first would say of every statement what our spans say already, the others of every connection.
const unwanted = {
  '@opentelemetry/instrumentation-pg': { enabled: false },
  '@opentelemetry/instrumentation-net': { enabled: false },
  '@opentelemetry/instrumentation-dns': { enabled: false },
}

const exporterPackages: Readonly<Record<string, string>> = {
  grpc: '@opentelemetry/exporter-trace-otlp-grpc',
  'http/protobuf': '@opentelemetry/exporter-trace-otlp-proto',
  'http/json': '@opentelemetry/exporter-trace-otlp-http',
}

/** Starts the SDK as the environment says, which has to be complete. */
export function startSdk(environment: Environment): Exporting {
  const { NodeSDK } = load<typeof SdkNode>('@opentelemetry/sdk-node')
  const { getNodeAutoInstrumentations } = load<typeof AutoInstrumentations>(
    '@opentelemetry/auto-instrumentations-node',
  )
  const isChosen = given(environment, 'OTEL_NODE_ENABLED_INSTRUMENTATIONS') !== undefined
  const traceExporter = otlpExporter(environment)
  const sdk = new NodeSDK({
    ...(traceExporter !== undefined && { traceExporter }),
    instrumentations: [getNodeAutoInstrumentations(isChosen ? {} : unwanted)],
  })
  sdk.start()
  // Instrumentations change a module when it is asked for next, and Fastify may have asked for this one already.
  createRequire(import.meta.url)('node:http')
  return { flush: () => flush(traceExporter), shutdown: () => sdk.shutdown() }
}

/** Flushes the providers that are registered, whoever has made them. */
export async function flush(exporter?: Flushable): Promise<void> {
  const { trace, metrics, ...api } = load<typeof OpenTelemetry>('@opentelemetry/api')
  // The first versions of the API that are supported have no logs.
  const { logs }: Partial<Pick<typeof OpenTelemetry, 'logs'>> = api
  const results = await Promise.allSettled([
    flushProvider(trace.getTracerProvider()),
    flushProvider(metrics.getMeterProvider()),
    flushProvider(logs?.getLoggerProvider() ?? {}),
  ])
  // A provider does not wait for a batch that was under way already when it was asked.
  await exporter?.forceFlush?.()
  const failures = results.flatMap((result) => (result.status === 'rejected' ? result.reason : []))
  if (failures.length > 0) throw new AggregateError(failures)
}

async function flushProvider(provider: object): Promise<void> {
  const registered = provider as Registered
  const flushable = registered.getDelegate?.() ?? registered._getDelegate?.() ?? registered
  await flushable.forceFlush?.()
}

/**
 * The exporter that the SDK would make, made here so that it can be waited for. Undefined where the
 * environment asks for another one, which is left to the SDK.
 */
function otlpExporter(environment: Environment): Exporter | undefined {
  const isOtlp = (given(environment, 'OTEL_TRACES_EXPORTER') ?? 'otlp') === 'otlp'
  const name = exporterPackages[effectiveProtocol(environment)]
  if (!isOtlp || name === undefined) return undefined
  const loaded = loadFrom<{ readonly OTLPTraceExporter?: new () => Exporter }>(
    '@opentelemetry/sdk-node',
    name,
  )
  return loaded?.OTLPTraceExporter === undefined ? undefined : new loaded.OTLPTraceExporter()
}
