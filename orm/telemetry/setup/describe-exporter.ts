import type { TracerProvider } from '@opentelemetry/api'
import type { Address } from './describe-endpoint.ts'
import {
  defaultEndpoint,
  endpointNames,
  type Environment,
  given,
  protocolFor,
  protocolNames,
  schemeOf,
  shownUrl,
} from './endpoint.ts'
import { endpointUrl } from './options.ts'

/** Where spans go. */
export interface ExportTarget {
  readonly exporter: string
  readonly protocol?: string
  /** Without user, password and query. */
  readonly endpoint?: string
  /** What to connect to; none where it is no host and port. */
  readonly address?: Address
  /** The variable that names the endpoint; none for the default. */
  readonly variable?: string
  /** The variable whose value is no endpoint. */
  readonly misnamed?: string
}

/**
 * Where the environment says that spans go.
 *
 * @param exporters the classes of those that the provider has, where it tells; undefined without a provider
 */
export function exportTarget(
  environment: Environment,
  exporters: readonly string[] | 'untold' | undefined,
): ExportTarget {
  // What was set up in code need not be what the environment says.
  const exporter =
    exporters === undefined || exporters === 'untold'
      ? (given(environment, 'OTEL_TRACES_EXPORTER') ?? 'otlp')
      : exporters.map(nameOf).join(',')
  if (!exporter.split(',').some((name) => name.trim() === 'otlp')) return { exporter }
  const variable = endpointNames.find((name) => given(environment, name) !== undefined)
  const named = given(environment, ...endpointNames)
  const protocol =
    given(environment, ...protocolNames) ??
    // What the preload speaks follows the endpoint, and it sets the variable; an SDK by itself speaks HTTP.
    (exporters === undefined ? protocolFor(named) : 'http/protobuf')
  if (named === undefined || variable === undefined) {
    const endpoint = defaultEndpoint(protocol)
    return { exporter, protocol, endpoint, address: addressOf(new URL(endpoint), protocol) }
  }
  const url = endpointUrl(named, schemeOf(environment))
  if (url === undefined) return { exporter, protocol, misnamed: variable }
  // The addresses of gRPC that are no URL of HTTP: sockets of files, resolvers.
  if (!/^https?:$/.test(url.protocol)) return { exporter, protocol, variable }
  const address = addressOf(url, protocol)
  return { exporter, protocol, variable, endpoint: shownUrl(url), address }
}

function addressOf(url: URL, protocol: string): Address {
  const defaultPort = protocol === 'grpc' || url.protocol === 'https:' ? 443 : 80
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port) || defaultPort,
  }
}

/**
 * The classes of the exporters that the provider's span processors have; undefined where it does not tell,
 * since it is none of OpenTelemetry.
 */
export function exportersOf(provider: TracerProvider): readonly string[] | undefined {
  const { _activeSpanProcessor: active } = provider as {
    readonly _activeSpanProcessor?: { readonly _spanProcessors?: readonly object[] }
  }
  if (active === undefined) return undefined
  const processors = active._spanProcessors ?? [active]
  const names = processors.map((processor) => {
    const { _exporter: exporter } = processor as { readonly _exporter?: object }
    return className(exporter ?? processor)
  })
  return names.filter((name) => name !== 'NoopSpanProcessor')
}

/** The name of an object's class, without the number that a bundler has put behind it. */
export function className(object: object): string {
  return object.constructor.name.replace(/\$\d+$/, '')
}

function nameOf(exporter: string): string {
  if (exporter.startsWith('OTLP')) return 'otlp'
  return exporter === 'ConsoleSpanExporter' ? 'console' : exporter
}
