import { DataBridgeError, describe } from '../../errors.ts'

/** What OTLP is spoken in. */
export type TelemetryProtocol = 'grpc' | 'http/protobuf' | 'http/json'

/** How spans are collected before they are sent. */
export interface TelemetryBatchOptions {
  /** How many milliseconds a span waits at most: 5000 unless said. */
  readonly scheduleDelayMs?: number | undefined
  /** How many spans are sent at once at most: 512 unless said. */
  readonly maxExportBatchSize?: number | undefined
  /** How many spans may wait; what comes beyond is dropped: 2048 unless said. */
  readonly maxQueueSize?: number | undefined
}

/** Options of {@link configureTelemetry}. What is left out is as the environment says. */
export interface TelemetryOptions {
  /** `service.name` of every span. */
  readonly serviceName?: string | undefined
  /** `service.version` of every span. */
  readonly serviceVersion?: string | undefined
  /** `deployment.environment.name` of every span, and the older `deployment.environment`. */
  readonly environment?: string | undefined
  /** Where spans are sent: `http://localhost:4317`, or a host and a port alone. */
  readonly endpoint?: string | undefined
  /** Unless said: HTTP with protobuf for an endpoint with port 4318 or a path, else gRPC. */
  readonly protocol?: TelemetryProtocol | undefined
  /** Sent with every export: headers over HTTP, metadata over gRPC. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Whether an endpoint without a scheme is spoken to without TLS: `false` unless said. */
  readonly insecure?: boolean | undefined
  /** Where spans go: `'otlp'` unless said; `'console'` prints them, for development. */
  readonly exporter?: 'otlp' | 'console' | 'none' | undefined
  /**
   * The share of the traces that is taken, from 0 to 1: 1 unless said. It counts for traces that begin
   * here; those of a caller are taken as the caller has decided.
   */
  readonly sampleRatio?: number | undefined
  /** How spans are collected before they are sent. */
  readonly batch?: TelemetryBatchOptions | undefined
  /** Whether metrics are exported too: `false` unless said. */
  readonly metrics?: boolean | undefined
}

/** Every protocol that OTLP can be spoken in here. */
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

/** The options, where they are what they have to be. */
export function requireTelemetryOptions(options: unknown): TelemetryOptions {
  refuseUnknown('configureTelemetry(…)', options, known)
  const given = options as TelemetryOptions
  for (const name of texts) {
    check(name, given[name], isText, 'text')
  }
  check('endpoint', given.endpoint, isEndpoint, 'an address such as http://localhost:4317')
  check('protocol', given.protocol, isOneOf(protocols), oneOf(protocols))
  check('insecure', given.insecure, isBoolean, 'true or false')
  check('exporter', given.exporter, isOneOf(exporters), oneOf(exporters))
  check('sampleRatio', given.sampleRatio, isRatio, 'a number from 0 to 1')
  check('metrics', given.metrics, isBoolean, 'true or false')
  requireHeaders(given.headers)
  requireBatch(given.batch)
  return given
}

function requireHeaders(headers: unknown): void {
  if (headers === undefined) return
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw optionError('headers', 'an object of names and values', headers)
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
      throw optionError('headers', 'names of HTTP headers', name)
    }
    // The value may be a secret, so it is not told.
    if (typeof value !== 'string' || !/^[\t\x20-\x7e]+$/.test(value)) {
      const came = typeof value === 'string' ? 'other text' : describe(value)
      throw refusal(`headers.${name} expected printable ASCII text; came ${came}`)
    }
  }
}

function requireBatch(batch: unknown): void {
  if (batch === undefined) return
  refuseUnknown('batch', batch, batchOptions)
  const given = batch as TelemetryBatchOptions
  for (const name of batchOptions) {
    check(`batch.${name}`, given[name], isCount, 'a whole number above 0')
  }
  const { maxExportBatchSize: size, maxQueueSize: queue } = given
  if (size === undefined || queue === undefined || size <= queue) return
  throw optionError('batch.maxExportBatchSize', `at most maxQueueSize, ${queue}`, size)
}

function refuseUnknown(what: string, options: unknown, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw optionError(what, 'an object of options', options)
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown === undefined) return
  throw refusal(`${what} has no option ${unknown}; it has ${names.join(', ')}`)
}

function check(
  option: string,
  value: unknown,
  isRight: (value: unknown) => boolean,
  expected: string,
): void {
  if (value !== undefined && !isRight(value)) throw optionError(option, expected, value)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== ''
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean'
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isEndpoint(value: unknown): boolean {
  return typeof value === 'string' && endpointUrl(value, 'http') !== undefined
}

function isOneOf(names: readonly string[]): (value: unknown) => boolean {
  return (value) => names.some((name) => name === value)
}

function oneOf(names: readonly string[]): string {
  return `one of '${names.join("', '")}'`
}

/** Whether it is a share of traces. */
export function isRatio(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1
}

/** An endpoint as a URL, with the scheme that it may lack; undefined where it is none. */
export function endpointUrl(endpoint: string, scheme: 'http' | 'https'): URL | undefined {
  const trimmed = endpoint.trim()
  const text = trimmed.includes('://') ? trimmed : `${scheme}://${trimmed}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  // A socket of a file has a path and no host; gRPC takes it.
  const isHttp = url !== undefined && /^https?:$/.test(url.protocol) && url.host !== ''
  return isHttp || url?.protocol === 'unix:' ? url : undefined
}

function optionError(option: string, expected: string, came: unknown): DataBridgeError {
  return refusal(`${option} expected ${expected}; came ${describe(came)}`)
}

function refusal(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_OPTION', message)
}
