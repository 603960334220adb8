import { optionError } from '../util/option-checks.ts'
import { loadApi, type OpenTelemetryApi } from './api.ts'

const off: ReadonlySet<string> = new Set(['false', '0', 'off', 'no'])

/** Whether the environment allows tracing: `DATA_BRIDGE_TRACING_ENABLED` is unset, or anything but a no. */
export function isAllowed(environment: NodeJS.ProcessEnv = process.env): boolean {
  return !off.has(environment.DATA_BRIDGE_TRACING_ENABLED?.trim().toLowerCase() ?? '')
}

/** Whether `OTEL_SDK_DISABLED` keeps every OpenTelemetry SDK from starting. */
export function isSdkDisabled(environment: NodeJS.ProcessEnv = process.env): boolean {
  return environment.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true'
}

/**
 * The API, where traces are wanted: by the option, else by `DATA_BRIDGE_TRACING_ENABLED`, else where
 * it is installed. Where they are not it is not even loaded.
 */
export function wantedApi(tracing: boolean | undefined): OpenTelemetryApi | undefined {
  if (!(tracing ?? isAllowed())) return undefined
  const api = loadApi()
  if (api !== undefined || tracing !== true) return api
  throw optionError(
    'tracing: true needs the package @opentelemetry/api, which cannot be loaded; install it, or leave the option out',
  )
}
