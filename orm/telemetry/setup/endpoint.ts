import { endpointUrl, type TelemetryProtocol } from './options.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The variables for the endpoint of traces. The first one wins. */
export const endpointNames: readonly string[] = [
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
]

/** The variables for the protocol of traces. The first one wins. */
export const protocolNames: readonly string[] = [
  'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
  'OTEL_EXPORTER_OTLP_PROTOCOL',
]

/** The value of the first of these variables that is set and not empty. */
export function given(environment: Environment, ...names: readonly string[]): string | undefined {
  return names
    .map((name) => environment[name]?.trim())
    .find((value) => value !== undefined && value !== '')
}

/** HTTP for port 4318 and for an endpoint with a path, which gRPC does not have; else gRPC, as on port 4317. */
export function protocolFor(endpoint: string | undefined): TelemetryProtocol {
  const url = endpoint === undefined ? undefined : endpointUrl(endpoint, 'http')
  if (url === undefined || url.protocol === 'unix:') return 'grpc'
  return url.port === '4318' || url.pathname.length > 1 ? 'http/protobuf' : 'grpc'
}

/** The protocol of traces. */
export function effectiveProtocol(environment: Environment): string {
  return given(environment, ...protocolNames) ?? protocolFor(given(environment, ...endpointNames))
}

/** The endpoint and the protocol of traces. */
export function effectiveEndpoint(environment: Environment): {
  readonly protocol: string
  readonly url: string
} {
  const protocol = effectiveProtocol(environment)
  const endpoint = given(environment, ...endpointNames)
  const url = endpoint === undefined ? undefined : endpointUrl(endpoint, schemeOf(environment))
  return { protocol, url: url === undefined ? defaultEndpoint(protocol) : shownUrl(url) }
}

/** The endpoint of a protocol where none is set. */
export function defaultEndpoint(protocol: string): string {
  return `http://localhost:${protocol === 'grpc' ? 4317 : 4318}`
}

/** A URL without user, password and query, which may be secrets. */
export function shownUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`
}

/** The scheme of an endpoint that has none. */
export function schemeOf(environment: Environment): 'http' | 'https' {
  const names = ['OTEL_EXPORTER_OTLP_TRACES_INSECURE', 'OTEL_EXPORTER_OTLP_INSECURE']
  return given(environment, ...names)?.toLowerCase() === 'true' ? 'http' : 'https'
}
