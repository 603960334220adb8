import type { TracerProvider } from '@opentelemetry/api'
import type { Address } from './describe-endpoint.ts'

type Environment = Readonly<Record<string, string | undefined>>

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

const endpointVariables = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT']

/**
 * Where the environment says that spans go.
 *
 * @param exporters the classes of those that the provider has, none where it does not tell; undefined without a provider
 */
export function exportTarget(
  environment: Environment,
  exporters: readonly string[] | undefined,
): ExportTarget {
  const given = (name: string): string | undefined => environment[name]?.trim() || undefined
  // What was set up in code need not be what the environment says.
  const exporter = exporters?.map(nameOf).join(',') || (given('OTEL_TRACES_EXPORTER') ?? 'otlp')
  if (!exporter.split(',').some((name) => name.trim() === 'otlp')) return { exporter }
  const variable = endpointVariables.find((name) => given(name) !== undefined)
  const named = variable === undefined ? undefined : given(variable)
  const protocol =
    given('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ??
    given('OTEL_EXPORTER_OTLP_PROTOCOL') ??
    // What the preload speaks follows the endpoint, and it sets the variable; an SDK by itself speaks HTTP.
    (exporters === undefined ? protocolFor(named) : 'http/protobuf')
  if (named === undefined || variable === undefined) {
    const port = protocol === 'grpc' ? 4317 : 4318
    const endpoint = `http://localhost:${port}`
    return { exporter, protocol, endpoint, address: { host: 'localhost', port } }
  }
  const url = urlOf(named, given('OTEL_EXPORTER_OTLP_INSECURE')?.toLowerCase() === 'true')
  if (url === undefined) return { exporter, protocol, misnamed: variable }
  // The addresses of gRPC that are no URL of HTTP: sockets of files, resolvers.
  if (!/^https?:$/.test(url.protocol)) return { exporter, protocol, variable }
  const endpoint = `${url.origin}${url.pathname === '/' ? '' : url.pathname}`
  return { exporter, protocol, variable, endpoint, address: addressOf(url, protocol) }
}

function addressOf(url: URL, protocol: string): Address {
  const defaultPort = protocol === 'grpc' || url.protocol === 'https:' ? 443 : 80
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port) || defaultPort,
  }
}

/** The classes of the exporters that the provider's span processors have, where it is one of OpenTelemetry. */
export function exportersOf(provider: TracerProvider): readonly string[] {
  const { _activeSpanProcessor: active } = provider as {
    readonly _activeSpanProcessor?: { readonly _spanProcessors?: readonly object[] }
  }
  const processors = active?._spanProcessors ?? (active === undefined ? [] : [active])
  return processors.map((processor) => {
    const { _exporter: exporter } = processor as { readonly _exporter?: object }
    return className(exporter ?? processor)
  })
}

/** The name of an object's class, without the number that a bundler has put behind it. */
export function className(object: object): string {
  return object.constructor.name.replace(/\$\d+$/, '')
}

function nameOf(exporter: string): string {
  if (exporter.startsWith('OTLP')) return 'otlp'
  return exporter === 'ConsoleSpanExporter' ? 'console' : exporter
}

/** As the preload chooses it: gRPC, but HTTP where the endpoint has its port 4318, or a path. */
function protocolFor(endpoint: string | undefined): 'grpc' | 'http/protobuf' {
  const url = endpoint === undefined ? undefined : urlOf(endpoint, true)
  if (url === undefined) return 'grpc'
  return url.port === '4318' || url.pathname.length > 1 ? 'http/protobuf' : 'grpc'
}

function urlOf(endpoint: string, isInsecure: boolean): URL | undefined {
  const hasScheme = /^[a-z][a-z\d+.-]*:(?!\d+(\/|$))/i.test(endpoint)
  const url = hasScheme ? endpoint : `${isInsecure ? 'http' : 'https'}://${endpoint}`
  return URL.canParse(url) ? new URL(url) : undefined
}
