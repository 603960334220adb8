import { endpointUrl, type TelemetryProtocol } from './options.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The variables that say where spans are sent, the one that wins first. */
export const endpointNames: readonly string[] = [
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
]

/** The variables that say what traces are spoken in, the one that wins first. */
export const protocolNames: readonly string[] = [
  'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
  'OTEL_EXPORTER_OTLP_PROTOCOL',
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
  return given(environment, ...protocolNames) ?? protocolFor(given(environment, ...endpointNames))
}

/** Where traces are sent and in what. */
export function effectiveEndpoint(environment: Environment): {
  readonly protocol: string
  readonly url: string
} {
  const protocol = effectiveProtocol(environment)
  const endpoint = given(environment, ...endpointNames)
  const url = endpoint === undefined ? undefined : endpointUrl(endpoint, schemeOf(environment))
  return { protocol, url: url === undefined ? defaultEndpoint(protocol) : shownUrl(url) }
}

/** Where traces are sent if nothing is said. */
export function defaultEndpoint(protocol: string): string {
  return `http://localhost:${protocol === 'grpc' ? 4317 : 4318}`
}

/** A URL without what must not be told: user, password and query. */
export function shownUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`
}

/** The scheme of an endpoint that has none. */
export function schemeOf(environment: Environment): 'http' | 'https' {
  const names = ['OTEL_EXPORTER_OTLP_TRACES_INSECURE', 'OTEL_EXPORTER_OTLP_INSECURE']
  return given(environment, ...names)?.toLowerCase() === 'true' ? 'http' : 'https'
}
