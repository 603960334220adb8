/** A configuration with or without telemetry. */
export interface Variant {
  readonly name: string
  readonly meaning: string
  /** Whether the library is built without telemetry. */
  readonly isWithout?: true
  readonly tracing: boolean
  readonly spans?: 'all' | 'queries'
  /** Whether the detector of N+1 queries counts. */
  readonly isCounting?: true
  /** Whether the request's span is sampled. */
  readonly isSampled: boolean
  /** Whether @opentelemetry/instrumentation-pg creates spans of the driver. */
  readonly isDriverTraced?: true
  /** Whether the workload creates a span with as many attributes around each query, with the API only. */
  readonly isByHand?: true
  /** How many spans a session of {@link queriesPerSession} queries exports. */
  readonly spansPerSession: number
}

/** How many queries a session sends, with one row each. */
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
  meaning: 'the same again: A/A',
}

export const off: Variant = {
  name: 'off',
  meaning: 'tracing: false',
  tracing: false,
  isSampled: false,
  spansPerSession: 0,
}

export const counting: Variant = {
  ...off,
  name: 'count',
  meaning: "off, with nPlusOne: 'count'",
  isCounting: true,
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
  meaning: 'with session spans, the default',
  tracing: true,
  isSampled: true,
  // Plus open, commit and close.
  spansPerSession: queriesPerSession + 3,
}

export const byHand: Variant = {
  name: 'by hand',
  meaning: 'off, the same span with the API only',
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

/** The variants that use the client inside the process. */
export const variants: readonly Variant[] = [
  without,
  off,
  withoutAgain,
  counting,
  unsampled,
  queries,
  all,
  byHand,
  driver,
]

/** The variants that use PostgreSQL. Users see this cost. */
export const realVariants: readonly Variant[] = [off, unsampled, all, driver]
