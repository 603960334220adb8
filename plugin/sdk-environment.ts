type Environment = Readonly<Record<string, string | undefined>>

/**
 * The variables that the OpenTelemetry SDK gets beside those that are set: what it does not read by
 * itself, and defaults of ours. A variable that is set is changed only to give an endpoint the scheme that
 * it lacks.
 */
export function sdkEnvironment(environment: Environment): Record<string, string> {
  const given = (...names: readonly string[]): string | undefined =>
    names.map((name) => environment[name]).find((value) => value !== undefined && value !== '')
  const attributesGiven = given('OTEL_RESOURCE_ATTRIBUTES') ?? ''
  const endpoint = given('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT')
  const wanted: Record<string, string | undefined> = {
    OTEL_SERVICE_NAME: /(^|,)\s*service\.name\s*=/.test(attributesGiven)
      ? undefined
      : given('SERVICE_NAME'),
    OTEL_EXPORTER_OTLP_PROTOCOL: protocolFor(endpoint),
    // The SDK would export metrics and logs too, which nobody asked for here.
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
  }
  const missing = Object.entries(wanted).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && given(entry[0]) === undefined,
  )
  const attributes = resourceAttributes(attributesGiven, {
    'service.version': given('OTEL_SERVICE_VERSION', 'SERVICE_VERSION'),
    'deployment.environment.name': given('DEPLOYMENT_ENVIRONMENT', 'ENVIRONMENT'),
  })
  return {
    ...Object.fromEntries(missing),
    ...completeEndpoints(environment),
    ...(attributes !== '' && { OTEL_RESOURCE_ATTRIBUTES: attributes }),
  }
}

/** The attributes that are set already, and those of the others that they leave out. */
function resourceAttributes(
  set: string,
  others: Readonly<Record<string, string | undefined>>,
): string {
  const names = new Set(set.split(',').map((pair) => pair.split('=')[0]?.trim()))
  const added = Object.entries(others).filter(
    ([name, value]) => value !== undefined && !names.has(name),
  )
  return [
    ...(set === '' ? [] : [set]),
    ...added.map(([name, value]) => `${name}=${encodeURIComponent(value ?? '')}`),
  ].join(',')
}

// The SDK takes an endpoint without a scheme over gRPC only; over HTTP it would fall back to localhost in silence.
function completeEndpoints(environment: Environment): Record<string, string> {
  const isInsecure = environment.OTEL_EXPORTER_OTLP_INSECURE?.toLowerCase() === 'true'
  const names = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT']
  return Object.fromEntries(
    names.flatMap((name) => {
      const endpoint = environment[name] ?? ''
      if (
        endpoint === '' ||
        endpoint.includes('://') ||
        protocolOf(environment, endpoint) === 'grpc'
      )
        return []
      return [[name, withScheme(endpoint, isInsecure ? 'http' : 'https')]]
    }),
  )
}

function protocolOf(environment: Environment, endpoint: string): string {
  const { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: ofTraces, OTEL_EXPORTER_OTLP_PROTOCOL: ofAll } =
    environment
  return ofTraces || ofAll || protocolFor(endpoint)
}

/** gRPC, as port 4317 speaks it; HTTP where the endpoint has its port 4318, or a path, which gRPC has not. */
function protocolFor(endpoint: string | undefined): 'grpc' | 'http/protobuf' {
  if (endpoint === undefined) return 'grpc'
  const url = withScheme(endpoint, 'http')
  if (!URL.canParse(url)) return 'grpc'
  const { port, pathname } = new URL(url)
  return port === '4318' || pathname !== '/' ? 'http/protobuf' : 'grpc'
}

function withScheme(endpoint: string, scheme: 'http' | 'https'): string {
  return endpoint.includes('://') ? endpoint : `${scheme}://${endpoint}`
}
