/** A reason why traces are not exported, and its remedy. */
export interface TelemetryProblem {
  readonly code:
    | 'package-missing'
    | 'disabled'
    | 'no-provider'
    | 'no-exporter'
    | 'sampler'
    | 'endpoint-unreachable'
  readonly message: string
}

/** The result of `describeTelemetry()`. It holds no headers, no user names and no passwords. */
export interface TelemetryReport {
  /** Whether no problem was found. */
  readonly isExporting: boolean
  readonly problems: readonly TelemetryProblem[]
  /** The class of the tracer provider; undefined where none is registered. */
  readonly provider: string | undefined
  /** The sampler's own string, such as `AlwaysOnSampler`; undefined where it has none. */
  readonly sampler: string | undefined
  /** `otlp`, `console`, `none`, or the class of an exporter that was set up in code. */
  readonly exporter: string | undefined
  /** The OTLP endpoint in the environment. */
  readonly endpoint: string | undefined
  /** `grpc`, `http/protobuf` or `http/json`. */
  readonly protocol: string | undefined
  /** A few lines to print. */
  toString(): string
}

export function reportOf(
  found: Omit<TelemetryReport, 'isExporting' | 'toString'>,
): TelemetryReport {
  const isExporting = found.problems.length === 0
  return { isExporting, ...found, toString: () => linesOf(found).join('\n') }
}

function linesOf(found: Omit<TelemetryReport, 'isExporting' | 'toString'>): readonly string[] {
  const { problems, provider, sampler, exporter, endpoint, protocol } = found
  return [
    problems.length === 0
      ? 'traces: no problem was found'
      : `traces: not exported, for ${problems.length} ${problems.length === 1 ? 'reason' : 'reasons'}`,
    ...problems.map(({ code, message }) => `  ${code}: ${message}`),
    `provider: ${provider ?? 'none'}`,
    `sampler: ${sampler ?? 'unknown'}`,
    `exporter: ${exporter ?? 'unknown'}${endpoint === undefined ? '' : `, ${protocol} to ${endpoint}`}`,
  ]
}
