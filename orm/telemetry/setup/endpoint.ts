import { endpointUrl, type TelemetryProtocol } from './options.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The variables that say where spans are sent, the one that wins first. */
export const endpointNames: readonly string[] = [
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
]

/** The first of the variables that is set, and not to nothing. */
export function given(environment: Environment, ...names: readonly string[]): string | undefined {
  return names
    .map((name) => environment[name]?.trim())
    .find((value) => value !== undefined && value !== '')
}

/** gRPC, as port 4317 speaks it; HTTP where the endpoint has its port 4318, or a path, which gRPC has not. */
export function protocolFor(endpoint: string | undefined): TelemetryProtocol {
  const url = endpoint === undefined ? undefined : endpointUrl(endpoint, 'http')
  if (url === undefined || url.protocol === 'unix:') return 'grpc'
  return url.port === '4318' || url.pathname.length > 1 ? 'http/protobuf' : 'grpc'
}

/** What traces are spoken in. */
export function effectiveProtocol(environment: Environment): string {
  const names = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']
  return given(environment, ...names) ?? protocolFor(given(environment, ...endpointNames))
}

/** Where traces are sent and in what, without what must not be told of the endpoint: user, password and query. */
export function effectiveEndpoint(environment: Environment): {
  readonly protocol: string
  readonly url: string
} {
  const protocol = effectiveProtocol(environment)
  const endpoint = given(environment, ...endpointNames)
  const url = endpoint === undefined ? undefined : endpointUrl(endpoint, schemeOf(environment))
  if (url === undefined) {
    return { protocol, url: `http://localhost:${protocol === 'grpc' ? 4317 : 4318}` }
  }
  return {
    protocol,
    url: `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`,
  }
}

/** The scheme of an endpoint that has none. */
export function schemeOf(environment: Environment): 'http' | 'https' {
  const names = ['OTEL_EXPORTER_OTLP_TRACES_INSECURE', 'OTEL_EXPORTER_OTLP_INSECURE']
  return given(environment, ...names)?.toLowerCase() === 'true' ? 'http' : 'https'
}
