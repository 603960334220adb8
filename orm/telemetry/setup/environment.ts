import { correctionsOf } from './corrections.ts'
import {
  effectiveProtocol,
  endpointNames,
  type Environment,
  given,
  protocolFor,
  schemeOf,
} from './endpoint.ts'
import type { TelemetryOptions } from './options.ts'

interface SdkEnvironment {
  /** The variables to set; those that are undefined are to be removed. */
  readonly changes: Environment
  readonly warnings: readonly string[]
}

/**
 * The variables that the OpenTelemetry SDK gets in addition to those that are set: the options,
 * names that it does not read by itself, and our defaults. A variable that is set changes only where
 * the SDK cannot use it, and where an endpoint lacks its scheme.
 */
export function sdkEnvironment(
  environment: Environment,
  options: TelemetryOptions = {},
): SdkEnvironment {
  const chosen = variablesOf(options, environment)
  const corrections = correctionsOf({ ...environment, ...chosen })
  const corrected = Object.fromEntries(corrections.map(({ name, value }) => [name, value]))
  const usable = { ...environment, ...chosen, ...corrected }
  const completed = {
    ...missingVariables(usable),
    ...completeEndpoints(usable),
    ...resourceAttributes(usable, options),
  }
  return {
    changes: { ...chosen, ...corrected, ...completed },
    warnings: corrections.flatMap(({ warning }) => warning ?? []),
  }
}

/** The options as variables. Variables for one signal would win over them, so those are removed. */
function variablesOf(options: TelemetryOptions, environment: Environment): Environment {
  const { serviceName, endpoint, protocol, headers, insecure, exporter, sampleRatio } = options
  const { scheduleDelayMs, maxExportBatchSize, maxQueueSize } = options.batch ?? {}
  return {
    ...(serviceName !== undefined && { OTEL_SERVICE_NAME: serviceName }),
    ...otlp('ENDPOINT', endpoint),
    ...otlp('PROTOCOL', protocol),
    ...otlp('HEADERS', headers && headerText(headers)),
    ...otlp('INSECURE', insecure?.toString()),
    ...(exporter !== undefined && { OTEL_TRACES_EXPORTER: exporter }),
    ...(sampleRatio !== undefined && {
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: String(sampleRatio),
    }),
    ...numbered('OTEL_BSP_SCHEDULE_DELAY', scheduleDelayMs),
    ...numbered('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', maxExportBatchSize),
    ...numbered('OTEL_BSP_MAX_QUEUE_SIZE', maxQueueSize),
    ...metricsExporter(options, environment),
  }
}

function otlp(name: string, value: string | undefined): Environment {
  if (value === undefined) return {}
  return {
    [`OTEL_EXPORTER_OTLP_${name}`]: value,
    [`OTEL_EXPORTER_OTLP_TRACES_${name}`]: undefined,
    [`OTEL_EXPORTER_OTLP_METRICS_${name}`]: undefined,
  }
}

function numbered(name: string, value: number | undefined): Environment {
  return value === undefined ? {} : { [name]: String(value) }
}

function headerText(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map((header) => header.map(encodeURIComponent).join('='))
    .join(',')
}

function metricsExporter(options: TelemetryOptions, environment: Environment): Environment {
  const { metrics, exporter } = options
  if (metrics === undefined) return {}
  if (!metrics) return { OTEL_METRICS_EXPORTER: 'none' }
  const set = given(environment, 'OTEL_METRICS_EXPORTER') ?? 'none'
  if (set !== 'none') return {}
  return { OTEL_METRICS_EXPORTER: exporter === 'console' ? 'console' : 'otlp' }
}

function missingVariables(environment: Environment): Environment {
  const named = attributeNames(environment).has('service.name')
  const sampler = given(environment, 'OTEL_TRACES_SAMPLER')
  const wanted: Environment = {
    OTEL_SERVICE_NAME: named ? undefined : given(environment, 'SERVICE_NAME', 'DD_SERVICE'),
    OTEL_EXPORTER_OTLP_PROTOCOL: protocolFor(given(environment, ...endpointNames)),
    OTEL_TRACES_SAMPLER_ARG: sampler?.endsWith('traceidratio') ? '1' : undefined,
    // By default the SDK would export metrics and logs too.
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
  }
  return Object.fromEntries(
    Object.entries(wanted).filter(
      ([name, value]) => value !== undefined && given(environment, name) === undefined,
    ),
  )
}

/** The attributes that are set already, those of the options, and those of other variables. */
function resourceAttributes(environment: Environment, options: TelemetryOptions): Environment {
  const chosen = {
    ...(options.serviceVersion !== undefined && { 'service.version': options.serviceVersion }),
    ...(options.environment !== undefined && environmentNames(options.environment)),
  }
  const version = given(environment, 'OTEL_SERVICE_VERSION', 'SERVICE_VERSION', 'DD_VERSION')
  const deployment = given(environment, 'DEPLOYMENT_ENVIRONMENT', 'ENVIRONMENT', 'DD_ENV')
  const names = attributeNames(environment)
  const hasDeployment = Object.keys(environmentNames('')).some((name) => names.has(name))
  const added = {
    ...(version !== undefined && !names.has('service.version') && { 'service.version': version }),
    ...(deployment !== undefined && !hasDeployment && environmentNames(deployment)),
    ...chosen,
  }
  if (Object.keys(added).length === 0) return {}
  const kept = attributePairs(environment).filter((pair) => !Object.hasOwn(chosen, nameOf(pair)))
  const pairs = Object.entries(added).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return { OTEL_RESOURCE_ATTRIBUTES: [...kept, ...pairs].join(',') }
}

// Many dashboards and backends still look for the older name.
function environmentNames(value: string): Record<string, string> {
  return { 'deployment.environment.name': value, 'deployment.environment': value }
}

function attributePairs(environment: Environment): readonly string[] {
  return given(environment, 'OTEL_RESOURCE_ATTRIBUTES')?.split(',') ?? []
}

function attributeNames(environment: Environment): ReadonlySet<string> {
  return new Set(attributePairs(environment).map(nameOf))
}

function nameOf(pair: string): string {
  return pair.split('=', 1)[0]?.trim() ?? ''
}

// Over HTTP the SDK silently falls back to localhost where an endpoint has no scheme.
function completeEndpoints(environment: Environment): Environment {
  if (effectiveProtocol(environment) === 'grpc') return {}
  return Object.fromEntries(
    endpointNames.flatMap((name) => {
      const endpoint = given(environment, name)
      if (endpoint === undefined || endpoint.includes('://')) return []
      return [[name, `${schemeOf(environment)}://${endpoint}`]]
    }),
  )
}
