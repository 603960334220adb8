import { loadApi } from '../api.ts'
import { tracerProvider } from '../provider.ts'
import { isAllowed, isSdkDisabled } from '../switch.ts'
import { unreachable } from './describe-endpoint.ts'
import { className, exportersOf, exportTarget, type ExportTarget } from './describe-exporter.ts'
import { reportOf, type TelemetryProblem, type TelemetryReport } from './describe-report.ts'
import { isNeverSampled, samplerOf } from './describe-sampler.ts'
import { type Environment, given } from './endpoint.ts'

const longestMs = 2000

/**
 * Says why there are no traces. It checks whether the package is installed, whether tracing is
 * switched off, whether a tracer provider is registered, whether its sampler says that it takes no
 * trace, and whether a server listens at the endpoint. It sends no span, makes one connection to the
 * endpoint for 2 seconds at most, and shows no headers and no passwords. The endpoint is the one in the
 * environment: an SDK that was set up in code may use another one.
 *
 * @example
 * ```ts
 * import { describeTelemetry } from 'fastify-data-bridge/telemetry'
 *
 * const report = await describeTelemetry()
 * if (!report.isExporting) console.error(String(report))
 * ```
 */
export async function describeTelemetry(): Promise<TelemetryReport> {
  const { env } = process
  const api = loadApi()
  const provider = api === undefined ? undefined : tracerProvider(api)
  const sampler = provider === undefined ? undefined : samplerOf(provider)
  const exporters = provider === undefined ? undefined : (exportersOf(provider) ?? 'untold')
  const hasNone = exporters?.length === 0
  const target = hasNone ? { exporter: 'none' } : exportTarget(env, exporters)
  const disabled = disabledProblem(env)
  const problems = [
    ...(api === undefined ? [packageProblem] : []),
    ...(disabled === undefined ? [] : [disabled]),
    // Where tracing is off, a missing provider is a consequence and not another problem.
    ...(provider === undefined && api !== undefined && disabled === undefined
      ? [noProviderProblem(env)]
      : []),
    ...(hasNone ? [noExporterProblem] : []),
    ...samplerProblems(sampler),
    ...(await endpointProblems(target)),
  ]
  return reportOf({
    problems,
    provider: provider && className(provider),
    sampler,
    exporter: target.exporter,
    endpoint: target.endpoint,
    protocol: target.protocol,
  })
}

const packageProblem: TelemetryProblem = {
  code: 'package-missing',
  message:
    '@opentelemetry/api cannot be loaded: npm install @opentelemetry/api @opentelemetry/sdk-node ' +
    '@opentelemetry/auto-instrumentations-node @fastify/otel',
}

const noExporterProblem: TelemetryProblem = {
  code: 'no-exporter',
  message:
    'the tracer provider that the application has registered has no span processor: give it one, ' +
    'such as new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })',
}

function disabledProblem(environment: NodeJS.ProcessEnv): TelemetryProblem | undefined {
  if (!isAllowed(environment)) {
    return {
      code: 'disabled',
      message: `DATA_BRIDGE_TRACING_ENABLED is ${environment.DATA_BRIDGE_TRACING_ENABLED}: set it to true, or remove it`,
    }
  }
  if (!isSdkDisabled(environment)) return undefined
  return { code: 'disabled', message: 'OTEL_SDK_DISABLED is true: set it to false, or remove it' }
}

// An SDK registers no provider where it has no exporter.
const exporters: ReadonlySet<string> = new Set(['otlp', 'console', 'zipkin'])

function noProviderProblem(environment: Environment): TelemetryProblem {
  const exporter = given(environment, 'OTEL_TRACES_EXPORTER')
  const names = exporter?.split(',').map((name) => name.trim()) ?? ['otlp']
  const hasExporter = names[0] !== 'none' && names.some((name) => exporters.has(name))
  return {
    code: 'no-provider',
    message: hasExporter
      ? 'no tracer provider is registered: start the process with node --import fastify-data-bridge/register, ' +
        'call configureTelemetry() first of all, or start your own OpenTelemetry SDK'
      : `no tracer provider is registered, since OTEL_TRACES_EXPORTER is ${exporter}: set it to otlp, or remove it`,
  }
}

function samplerProblems(sampler: string | undefined): readonly TelemetryProblem[] {
  if (!isNeverSampled(sampler)) return []
  const message =
    `the sampler ${sampler} takes no trace that begins here: ` +
    'set OTEL_TRACES_SAMPLER to parentbased_always_on, or to parentbased_traceidratio with OTEL_TRACES_SAMPLER_ARG above 0'
  return [{ code: 'sampler', message }]
}

async function endpointProblems(target: ExportTarget): Promise<readonly TelemetryProblem[]> {
  const { address, endpoint, variable, misnamed } = target
  if (misnamed !== undefined) {
    const message = `${misnamed} is not a URL: expected an address such as http://localhost:4317`
    return [{ code: 'endpoint-unreachable', message }]
  }
  if (address === undefined) return []
  const reason = await unreachable(address, longestMs)
  if (reason === undefined) return []
  const source =
    variable === undefined
      ? 'the default, since OTEL_EXPORTER_OTLP_ENDPOINT is not set: set it'
      : `named by ${variable}: correct it`
  const message = `nothing can be sent to ${endpoint} (${reason}), ${source}, or start a collector there`
  return [{ code: 'endpoint-unreachable', message }]
}
