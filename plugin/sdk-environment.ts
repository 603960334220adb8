type Environment = Readonly<Record<string, string | undefined>>

/**
 * The variables that the OpenTelemetry SDK gets beside those that are set: what it does not read by
 * itself, and defaults of ours. A variable that is set is never changed.
 */
export function sdkEnvironment(environment: Environment): Record<string, string> {
  const given = (...names: readonly string[]): string | undefined =>
    names.map((name) => environment[name]).find((value) => value !== undefined && value !== '')
  const wanted: Record<string, string | undefined> = {
    OTEL_SERVICE_NAME: given('SERVICE_NAME'),
    OTEL_EXPORTER_OTLP_PROTOCOL: protocolFor(
      given('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'),
    ),
    // The SDK would export metrics and logs too, which nobody asked for here.
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
  }
  const missing = Object.entries(wanted).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && given(entry[0]) === undefined,
  )
  const attributes = resourceAttributes(given('OTEL_RESOURCE_ATTRIBUTES') ?? '', {
    'service.version': given('OTEL_SERVICE_VERSION', 'SERVICE_VERSION'),
    'deployment.environment.name': given('DEPLOYMENT_ENVIRONMENT', 'ENVIRONMENT'),
  })
  return {
    ...Object.fromEntries(missing),
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

/** gRPC, as port 4317 speaks it; HTTP where the endpoint has its port 4318, or a path, which gRPC has not. */
function protocolFor(endpoint: string | undefined): 'grpc' | 'http/protobuf' {
  if (endpoint === undefined || !URL.canParse(endpoint)) return 'grpc'
  const { port, pathname, protocol } = new URL(endpoint)
  const isHttp = protocol === 'http:' || protocol === 'https:'
  return isHttp && (port === '4318' || pathname !== '/') ? 'http/protobuf' : 'grpc'
}
