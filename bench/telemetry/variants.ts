/** A way to have telemetry, or not to. */
export interface Variant {
  readonly name: string
  readonly meaning: string
  /** Whether the library is built without telemetry. */
  readonly isWithout?: true
  readonly tracing: boolean
  readonly spans?: 'all' | 'queries'
  /** Whether the request's span is sampled. */
  readonly isSampled: boolean
  /** Whether @opentelemetry/instrumentation-pg makes spans of what the driver does. */
  readonly isDriverTraced?: true
  /** Whether the workload makes a span with as many attributes around each query, with the API alone. */
  readonly isByHand?: true
  /** What a session of {@link queriesPerSession} queries exports. */
  readonly spansPerSession: number
}

/** How many rows a session reads, one query each. */
export const queriesPerSession = 10

export const without: Variant = {
  name: 'without',
  meaning: 'a build without telemetry',
  isWithout: true,
  tracing: false,
  isSampled: false,
  spansPerSession: 0,
}

export const withoutAgain: Variant = {
  ...without,
  name: 'without, again',
  meaning: 'the same once more: A/A',
}

export const off: Variant = {
  name: 'off',
  meaning: 'tracing: false',
  tracing: false,
  isSampled: false,
  spansPerSession: 0,
}

export const unsampled: Variant = {
  name: 'unsampled',
  meaning: 'on, request not sampled',
  tracing: true,
  isSampled: false,
  spansPerSession: 0,
}

export const queries: Variant = {
  name: 'sampled queries',
  meaning: "spans: 'queries'",
  tracing: true,
  spans: 'queries',
  isSampled: true,
  spansPerSession: queriesPerSession,
}

const all: Variant = {
  name: 'sampled all',
  meaning: 'session spans as well, the default',
  tracing: true,
  isSampled: true,
  // Besides: open, commit, close.
  spansPerSession: queriesPerSession + 3,
}

const byHand: Variant = {
  name: 'by hand',
  meaning: 'off, such a span by the API alone',
  tracing: false,
  isSampled: true,
  isByHand: true,
  spansPerSession: queriesPerSession,
}

export const driver: Variant = {
  name: 'driver',
  meaning: 'tracing: false, instrumentation-pg',
  tracing: false,
  isSampled: true,
  isDriverTraced: true,
  spansPerSession: queriesPerSession,
}

/** Those that ask the client in process. */
export const variants: readonly Variant[] = [
  without,
  off,
  withoutAgain,
  unsampled,
  queries,
  all,
  byHand,
  driver,
]

/** Those that ask PostgreSQL: what users see. */
export const realVariants: readonly Variant[] = [off, unsampled, all, driver]
