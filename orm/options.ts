import { isPool, type Pool } from './driver/pool.ts'
import {
  connectionSettingNames,
  type ConnectionSettings,
  environmentHint,
  givenSettings,
  isInEnvironment,
  requireConnectionSettings,
} from './driver/connection-settings.ts'
import { poolSettingNames, type PoolSettings } from './driver/pool-settings.ts'
import { type Isolation, requireIsolation } from './driver/isolation.ts'
import { requireDeferrable } from './driver/transaction-mode.ts'
import {
  optionError,
  refuseUnknown,
  requireBoolean,
  requireCount,
  requireOneOf,
} from './util/option-checks.ts'
import { listed } from './util/messages.ts'
import { requireTimeLimits, type TimeLimits } from './driver/time-limits.ts'
import { describe } from './errors.ts'
import { type NPlusOneMode, nPlusOneModes } from './n-plus-one/mode.ts'
import { type NPlusOneOptions, requireNPlusOne } from './n-plus-one/settings.ts'
import { type LazyMode, lazyModes } from './schema/lazy-mode.ts'
import type { AnyEntityClass } from './schema/relation.ts'
import { type SpanLevel, spanLevels } from './telemetry/span-settings.ts'

/** Options of a {@link Session}. */
export interface SessionOptions {
  /** The isolation level of its transactions. If it is set, every statement runs in a transaction. */
  readonly isolation?: Isolation | undefined
  /**
   * Whether the first statement begins a transaction, even if it only reads. The session then keeps its
   * connection. Default: `true` with `isolation` or `readOnly`, otherwise `false`: reads before the first
   * write commit by themselves.
   */
  readonly transaction?: boolean | undefined
  /** Whether its transactions are `READ ONLY`. A flush with changes is then refused. Default: `false`. */
  readonly readOnly?: boolean | undefined
  /**
   * Whether its transactions wait until they can read without a serialization failure, and without making others fail.
   * Only with `isolation: 'serializable'` and `readOnly: true`. Default: `false`.
   */
  readonly deferrable?: boolean | undefined
  /** Whether its operations are spans. Default: the setting of the database. */
  readonly tracing?: boolean | undefined
  /** How the session looks for N+1 patterns. Default: the setting of the database. */
  readonly nPlusOne?: NPlusOneMode | undefined
  /** What `await` does with a relation that is not loaded. Default: the setting of the database. */
  readonly lazy?: LazyMode | undefined
  /** Time limits in milliseconds. Each one defaults to that of the database. */
  readonly timeouts?: TimeLimits | undefined
  /** When it is aborted, the session ends: the server cancels the running statement, and nothing is saved. */
  readonly signal?: AbortSignal | undefined
}

/** Options of a {@link Database}: where its connections come from, and the settings that `pg` takes for a pool. */
export interface DatabaseOptions extends ConnectionSettings, PoolSettings {
  /** `postgresql://user:password@host:port/database`. In place of it: `pool`, `host` and its like, or the environment variables of `pg`. */
  readonly connectionString?: string | undefined
  /** A `pg.Pool` of the application. `close()` does not end it. */
  readonly pool?: Pool | undefined
  /** Time limits in milliseconds. */
  readonly timeouts?: TimeLimits | undefined
  /** How many sessions may wait for a connection. The next one fails at once (503). No limit by default. */
  readonly maxWaiting?: number | undefined
  /**
   * Whether statements are prepared. Default: unless a pooler is at the other end. `?pgbouncer=true` in the
   * URL means `false`.
   */
  readonly prepare?: boolean | undefined
  /** The entities. Their relations are checked at once, and `createSchema()` uses them by default. */
  readonly tables?: readonly AnyEntityClass[] | undefined
  /**
   * Whether operations are spans. Default: the environment variable `DATA_BRIDGE_TRACING_ENABLED`; if it
   * is unset, whether `@opentelemetry/api` is installed. `false` leaves no telemetry in the code path.
   */
  readonly tracing?: boolean | undefined
  /**
   * Which operations are spans. `'queries+session'` leaves out `db.session.open` and `close`, `'queries'`
   * leaves out all of `db.session.*`. Default: `'all'`.
   */
  readonly spans?: SpanLevel | undefined
  /** Whether spans have the text of their statement, `db.query.text`. It has no values: they are parameters. Default: `true`. */
  readonly queryText?: boolean | undefined
  /** Whether spans have the values of parameters, `db.query.parameter.<index>`. They may be secrets. Default: `false`. */
  readonly queryParameters?: boolean | undefined
  /** How sessions look for N+1 patterns. Default: `'detect'`, in production `'count'`. */
  readonly nPlusOne?: NPlusOneMode | NPlusOneOptions | undefined
  /**
   * What `await` does with a relation that is not loaded. A session, a relation or a query may set another
   * mode: the query wins, then the relation, then the session. Default: `'select'`.
   */
  readonly lazy?: LazyMode | undefined
  /**
   * The secret that seals the tokens of pages, at least 32 characters; of several, the first one seals, and all of them
   * open. Default: the environment variable `DATA_BRIDGE_PAGE_SECRET`; if it is unset, a random secret of this process,
   * whose tokens end with it.
   */
  readonly pageSecret?: string | readonly string[] | undefined
}

const databaseOptions = [
  'timeouts',
  'maxWaiting',
  'prepare',
  'tables',
  'tracing',
  'spans',
  'queryText',
  'queryParameters',
  'nPlusOne',
  'lazy',
  'pageSecret',
]

/** The names of all options of a database. */
export const databaseOptionNames: readonly string[] = [
  'connectionString',
  'pool',
  ...connectionSettingNames,
  ...databaseOptions,
  ...poolSettingNames,
]

export function requireDatabaseOptions(options: unknown): DatabaseOptions {
  if (typeof options !== 'object' || options === null) {
    throw optionError(
      `new Database(…) expected options such as { connectionString }, got ${typeof options === 'string' ? 'a string (not shown, since it may hold a password)' : describe(options)}`,
    )
  }
  const { pool, timeouts, maxWaiting, prepare, tracing, nPlusOne, ...others } =
    options as DatabaseOptions
  requireOneSource(options)
  if (pool !== undefined && !isPool(pool)) {
    throw optionError(`pool expected a pg.Pool, got ${describe(pool)}`)
  }
  const ofConnections = ['connectionString', ...connectionSettingNames, ...poolSettingNames]
  const source = pool === undefined ? ofConnections : ['pool']
  refuseUnknown(withValues(options), [...source, ...databaseOptions], 'Database')
  requireConnectionSettings(others)
  requireTimeLimits(timeouts)
  requireCount('maxWaiting', maxWaiting)
  requireBoolean('prepare', prepare)
  requireBoolean('tracing', tracing)
  requireNPlusOne(nPlusOne)
  requireOneOf('lazy', others.lazy, lazyModes)
  requireOneOf('spans', others.spans, spanLevels)
  requireBoolean('queryText', others.queryText)
  requireBoolean('queryParameters', others.queryParameters)
  return options
}

/** Refuses two sources of connections, and none. */
function requireOneSource(options: DatabaseOptions): void {
  const { connectionString, pool } = options
  const settings = givenSettings(options)
  const sources = [
    ...(connectionString === undefined ? [] : ['connectionString']),
    ...(pool === undefined ? [] : ['pool']),
    ...(settings.length === 0 ? [] : [listed(settings)]),
  ]
  if (sources.length > 1)
    throw optionError(`expected one source of connections, got ${listed(sources)}`)
  if (sources.length === 0 && !isInEnvironment(process.env)) {
    throw optionError(
      `expected connectionString, pool, host and its like, or ${environmentHint}; got none`,
    )
  }
}

function withValues(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

const sessionOptions = [
  'isolation',
  'transaction',
  'readOnly',
  'deferrable',
  'tracing',
  'nPlusOne',
  'lazy',
  'timeouts',
  'signal',
]

/** The options of most sessions. */
export const noOptions: SessionOptions = Object.freeze({})

export function requireSessionOptions(options: SessionOptions): SessionOptions {
  if (options === noOptions) return options
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw optionError(
      `Session expected options such as { readOnly: true }, got ${describe(options)}`,
    )
  }
  refuseUnknown(options, sessionOptions, 'Session')
  const { isolation, readOnly, tracing, nPlusOne, lazy, timeouts, signal } = options
  requireIsolation(isolation)
  requireBoolean('readOnly', readOnly)
  requireDeferrable(options)
  requireTransaction(options)
  requireBoolean('tracing', tracing)
  requireOneOf('nPlusOne', nPlusOne, nPlusOneModes)
  requireOneOf('lazy', lazy, lazyModes)
  requireTimeLimits(timeouts)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw optionError(`signal expected an AbortSignal, got ${describe(signal)}`)
  return options
}

/** Refuses values other than true and false, and `transaction: false` with an option that needs a transaction. */
export function requireTransaction(options: SessionOptions, where = ''): void {
  const { transaction, isolation, readOnly } = options
  requireBoolean(`${where}transaction`, transaction)
  if (transaction !== false || (isolation === undefined && readOnly !== true)) return
  const other = isolation === undefined ? 'readOnly: true' : `isolation: '${isolation}'`
  throw optionError(`${where}transaction expected true or no value with ${other}, got false`)
}
