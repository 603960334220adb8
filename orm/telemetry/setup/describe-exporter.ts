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
  /** Absent where the endpoint is not a host and a port, such as a Unix socket. */
  readonly address?: Address
  /** The variable that names the endpoint; absent for the default. */
  readonly variable?: string
  /** The variable whose value is not a valid endpoint. */
  readonly misnamed?: string
}

/**
 * Where the environment sends spans.
 *
 * @param exporters the classes of the provider's exporters; 'untold' where it does not show them, undefined without a provider
 */
export function exportTarget(
  environment: Environment,
  exporters: readonly string[] | 'untold' | undefined,
): ExportTarget {
  // Exporters that were set up in code win over the environment.
  const exporter =
    exporters === undefined || exporters === 'untold'
      ? (given(environment, 'OTEL_TRACES_EXPORTER') ?? 'otlp')
      : exporters.map(nameOf).join(',')
  if (!exporter.split(',').some((name) => name.trim() === 'otlp')) return { exporter }
  const variable = endpointNames.find((name) => given(environment, name) !== undefined)
  const named = given(environment, ...endpointNames)
  const protocol =
    given(environment, ...protocolNames) ??
    // The preload would set the variable, by the endpoint. An SDK without the variable uses HTTP.
    (exporters === undefined ? protocolFor(named) : 'http/protobuf')
  if (named === undefined || variable === undefined) {
    const endpoint = defaultEndpoint(protocol)
    return { exporter, protocol, endpoint, address: addressOf(new URL(endpoint), protocol) }
  }
  const url = endpointUrl(named, schemeOf(environment))
  if (url === undefined) return { exporter, protocol, misnamed: variable }
  // gRPC also takes addresses without host and port, such as unix:/path.
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
 * The classes of the exporters of the provider's span processors. Undefined where the provider does not
 * show them, since it is not one of OpenTelemetry.
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

/** The name of an object's class, without the number that a bundler may append. */
export function className(object: object): string {
  return object.constructor.name.replace(/\$\d+$/, '')
}

function nameOf(exporter: string): string {
  if (exporter.startsWith('OTLP')) return 'otlp'
  return exporter === 'ConsoleSpanExporter' ? 'console' : exporter
}
