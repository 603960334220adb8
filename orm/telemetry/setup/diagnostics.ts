import type * as OpenTelemetry from '@opentelemetry/api'
import { effectiveEndpoint, type Environment, given } from './endpoint.ts'
import { load } from './packages.ts'

/** Tells what happens, to who has set OTEL_LOG_LEVEL. */
export interface Diagnostics {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
}

/** The logger that the SDK writes to as well; silent unless somebody has set one. */
export function diagnosticsOf(): Diagnostics {
  const { diag } = load<typeof OpenTelemetry>('@opentelemetry/api')
  return diag.createComponentLogger({ namespace: 'fastify-data-bridge' })
}

/** What was started, in a line, without headers and passwords. */
export function summaryOf(environment: Environment): string {
  const exporter = given(environment, 'OTEL_TRACES_EXPORTER') ?? 'otlp'
  const { protocol, url } = effectiveEndpoint(environment)
  const target = exporter.includes('otlp') ? `, protocol ${protocol}, endpoint ${url}` : ''
  const sampler = given(environment, 'OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on'
  const ratio = given(environment, 'OTEL_TRACES_SAMPLER_ARG')
  const share = sampler.endsWith('traceidratio') && ratio !== undefined ? ` ${ratio}` : ''
  const service = given(environment, 'OTEL_SERVICE_NAME') ?? serviceOf(environment) ?? 'not named'
  return `exporter ${exporter}${target}, sampler ${sampler}${share}, service ${service}`
}

function serviceOf(environment: Environment): string | undefined {
  const attributes = given(environment, 'OTEL_RESOURCE_ATTRIBUTES') ?? ''
  return /(?:^|,)\s*service\.name\s*=\s*([^,]+)/.exec(attributes)?.[1]
}
