import { describe } from '../../errors.ts'
import {
  optionError,
  refuseUnknown,
  requireBoolean,
  requireOneOf,
} from '../../util/option-checks.ts'

/** The protocols of OTLP. */
export type TelemetryProtocol = 'grpc' | 'http/protobuf' | 'http/json'

/** How spans are collected before they are sent. */
export interface TelemetryBatchOptions {
  /** How many milliseconds a span waits at most: 5000 by default. */
  readonly scheduleDelayMs?: number | undefined
  /** How many spans are sent at once at most: 512 by default. */
  readonly maxExportBatchSize?: number | undefined
  /** How many spans may wait: 2048 by default. Further spans are dropped. */
  readonly maxQueueSize?: number | undefined
}

/** Options of {@link configureTelemetry}. The environment decides what is left out. */
export interface TelemetryOptions {
  /** `service.name` of every span. */
  readonly serviceName?: string | undefined
  /** `service.version` of every span. */
  readonly serviceVersion?: string | undefined
  /** `deployment.environment.name` of every span, and the older `deployment.environment`. */
  readonly environment?: string | undefined
  /** Where spans are sent: `http://localhost:4317`, or a host and a port alone. */
  readonly endpoint?: string | undefined
  /** By default HTTP with protobuf for an endpoint with port 4318 or a path, else gRPC. */
  readonly protocol?: TelemetryProtocol | undefined
  /** Sent with every export: headers over HTTP, metadata over gRPC. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Whether an endpoint without a scheme is used without TLS: `false` by default. */
  readonly insecure?: boolean | undefined
  /** Where spans go: `'otlp'` by default; `'console'` prints them, for development. */
  readonly exporter?: 'otlp' | 'console' | 'none' | undefined
  /**
   * The share of traces that is taken, from 0 to 1: 1 by default. It counts for traces that begin here.
   * For other traces the caller has decided.
   */
  readonly sampleRatio?: number | undefined
  /** How spans are collected before they are sent. */
  readonly batch?: TelemetryBatchOptions | undefined
  /** Whether metrics are exported too: `false` by default. */
  readonly metrics?: boolean | undefined
}

export const protocols: readonly TelemetryProtocol[] = ['grpc', 'http/protobuf', 'http/json']
const exporters = ['otlp', 'console', 'none']
const texts = ['serviceName', 'serviceVersion', 'environment'] as const
const batchOptions = ['scheduleDelayMs', 'maxExportBatchSize', 'maxQueueSize'] as const
const known = [
  'serviceName',
  'serviceVersion',
  'environment',
  'endpoint',
  'protocol',
  'headers',
  'insecure',
  'exporter',
  'sampleRatio',
  'batch',
  'metrics',
]

/** Gives the options back as they are, or throws at the first that is not usable. */
export function requireTelemetryOptions(options: unknown): TelemetryOptions {
  requireObject('configureTelemetry(…)', options, 'options')
  refuseUnknown(options, known, 'configureTelemetry(…)')
  const given = options as TelemetryOptions
  for (const name of texts) check(name, given[name], isText, 'text')
  check('endpoint', given.endpoint, isEndpoint, 'an address such as http://localhost:4317')
  requireOneOf('protocol', given.protocol, protocols)
  requireBoolean('insecure', given.insecure)
  requireOneOf('exporter', given.exporter, exporters)
  check('sampleRatio', given.sampleRatio, isRatio, 'a number from 0 to 1')
  requireBoolean('metrics', given.metrics)
  if (given.headers !== undefined) requireHeaders(given.headers)
  if (given.batch !== undefined) requireBatch(given.batch)
  return given
}

function requireHeaders(headers: unknown): void {
  requireObject('headers', headers, 'names and values')
  for (const [name, value] of Object.entries(headers)) {
    check('headers', name, isHeaderName, 'names of HTTP headers')
    if (typeof value === 'string' && /^[\t\x20-\x7e]+$/.test(value)) continue
    // The value may be a secret, so the message does not show it.
    const got = typeof value === 'string' ? 'other text' : describe(value)
    throw optionError(`headers.${name} expected printable ASCII text, got ${got}`)
  }
}

function requireBatch(batch: unknown): void {
  requireObject('batch', batch, 'options')
  refuseUnknown(batch, batchOptions, 'batch')
  const given = batch as TelemetryBatchOptions
  for (const name of batchOptions) {
    check(`batch.${name}`, given[name], isPositiveInteger, 'a whole number above 0')
  }
  const { maxExportBatchSize: size, maxQueueSize: queue } = given
  if (size === undefined || queue === undefined || size <= queue) return
  throw optionError(
    `batch.maxExportBatchSize expected at most maxQueueSize, ${queue}, got ${describe(size)}`,
  )
}

function requireObject(name: string, value: unknown, of: string): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw optionError(`${name} expected an object of ${of}, got ${describe(value)}`)
}

function check(
  option: string,
  value: unknown,
  isRight: (value: unknown) => boolean,
  expected: string,
): void {
  if (value === undefined || isRight(value)) return
  throw optionError(`${option} expected ${expected}, got ${describe(value)}`)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== ''
}

function isHeaderName(value: unknown): boolean {
  return typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value)
}

function isPositiveInteger(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isEndpoint(value: unknown): boolean {
  return typeof value === 'string' && endpointUrl(value, 'http') !== undefined
}

/** Whether it is a share of traces. */
export function isRatio(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1
}

/** An endpoint as a URL, with the scheme that it may lack; undefined where it is invalid. */
export function endpointUrl(endpoint: string, scheme: 'http' | 'https'): URL | undefined {
  const trimmed = endpoint.trim()
  const text = trimmed.includes('://') ? trimmed : `${scheme}://${trimmed}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  // A Unix socket has a path and no host. Only gRPC takes it.
  const isHttp = url !== undefined && /^https?:$/.test(url.protocol) && url.host !== ''
  return isHttp || url?.protocol === 'unix:' ? url : undefined
}
