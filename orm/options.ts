import { isPool, type Pool } from './driver/pool.ts'
import { poolSettingNames, type PoolSettings } from './driver/pool-settings.ts'
import { type Isolation, requireIsolation } from './driver/isolation.ts'
import {
  optionError,
  refuseUnknown,
  requireBoolean,
  requireCount,
  requireOneOf,
} from './util/option-checks.ts'
import { requireTimeLimits, type TimeLimits } from './driver/time-limits.ts'
import { describe } from './errors.ts'
import { type NPlusOneMode, nPlusOneModes } from './n-plus-one/mode.ts'
import type { AnyEntityClass } from './schema/relation.ts'
import { type SpanLevel, spanLevels } from './telemetry/span-settings.ts'

/** Options of a {@link Session}. */
export interface SessionOptions {
  /** The isolation of its transactions. With one, every statement runs in a transaction. */
  readonly isolation?: Isolation | undefined
  /**
   * Whether its first statement begins a transaction, whatever it is; its connection is held from then
   * on. Unless said, reads before the first write commit by themselves, but not with `isolation` or
   * `readOnly`.
   */
  readonly transaction?: boolean | undefined
  /** Its transactions are `READ ONLY`, and a flush with changes is refused. */
  readonly readOnly?: boolean | undefined
  /** Whether its operations are spans; unless said, as of its database. */
  readonly tracing?: boolean | undefined
  /** How N+1 patterns are looked for; unless said, as of its database. */
  readonly nPlusOne?: NPlusOneMode | undefined
  /** How long things may take; where it says nothing, as of its database. */
  readonly timeouts?: TimeLimits | undefined
  /** Ends the session when it is aborted: the statement that runs is cancelled on the server, and nothing is saved. */
  readonly signal?: AbortSignal | undefined
}

/** Options of a {@link Database}: where its connections come from, and the settings that `pg` takes for a pool. */
export interface DatabaseOptions extends PoolSettings {
  /** `postgresql://user:password@host:port/database`. Either this or `pool`. */
  readonly connectionString?: string | undefined
  /** A pool of `pg` that the application made; it is not ended with the database. */
  readonly pool?: Pool | undefined
  /** How long things may take; without limits unless said. */
  readonly timeouts?: TimeLimits | undefined
  /** How many sessions may wait for a connection: one more is a 503 at once. Without a limit unless said. */
  readonly maxWaiting?: number | undefined
  /** The entities, checked at once: a relation to what is no entity is found here. */
  readonly tables?: readonly AnyEntityClass[] | undefined
  /**
   * Whether operations are spans. Unless said: what `DATA_BRIDGE_TRACING_ENABLED` says, and where it
   * is unset, whether `@opentelemetry/api` is installed. `false` leaves no telemetry in the code path.
   */
  readonly tracing?: boolean | undefined
  /**
   * Which operations are spans: `'all'` unless said; `'queries+session'` leaves out `db.session.open`
   * and `close`, `'queries'` all of `db.session.*`.
   */
  readonly spans?: SpanLevel | undefined
  /** Whether spans have the text of their statement, `db.query.text`. `true` unless said: values are bound parameters, so it has none. */
  readonly queryText?: boolean | undefined
  /** Whether spans have the values that are bound, `db.query.parameter.<index>`. `false` unless said: they may be secrets. */
  readonly queryParameters?: boolean | undefined
  /** How N+1 patterns are looked for: `'detect'`, in production `'count'`, unless said. */
  readonly nPlusOne?: NPlusOneMode | undefined
}

const databaseOptions = [
  'timeouts',
  'maxWaiting',
  'tables',
  'tracing',
  'spans',
  'queryText',
  'queryParameters',
  'nPlusOne',
]

/** Every option that a database may have. */
export const databaseOptionNames: readonly string[] = [
  'connectionString',
  'pool',
  ...databaseOptions,
  ...poolSettingNames,
]

export function requireDatabaseOptions(options: unknown): DatabaseOptions {
  if (typeof options !== 'object' || options === null) {
    throw optionError(
      `new Database(…) expected options such as { connectionString }, got ${describe(options)}`,
    )
  }
  const { connectionString, pool, timeouts, maxWaiting, tracing, nPlusOne, ...others } =
    options as DatabaseOptions
  if (connectionString !== undefined && pool !== undefined) {
    throw optionError('expected one source of connections, got connectionString and pool')
  }
  if (connectionString === undefined && pool === undefined) {
    throw optionError('expected connectionString or pool, got neither')
  }
  if (pool !== undefined && !isPool(pool)) {
    throw optionError(`pool expected a pg.Pool, got ${describe(pool)}`)
  }
  const source = pool === undefined ? ['connectionString', ...poolSettingNames] : ['pool']
  refuseUnknown(options, [...source, ...databaseOptions], 'Database')
  requireTimeLimits(timeouts)
  requireCount('maxWaiting', maxWaiting)
  requireObserving(tracing, nPlusOne)
  requireOneOf('spans', others.spans, spanLevels)
  requireBoolean('queryText', others.queryText)
  requireBoolean('queryParameters', others.queryParameters)
  return options
}

const sessionOptions = [
  'isolation',
  'transaction',
  'readOnly',
  'tracing',
  'nPlusOne',
  'timeouts',
  'signal',
]

export function requireSessionOptions(options: SessionOptions): SessionOptions {
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw optionError(
      `Session expected options such as { readOnly: true }, got ${describe(options)}`,
    )
  }
  refuseUnknown(options, sessionOptions, 'Session')
  const { isolation, readOnly, tracing, nPlusOne, timeouts, signal } = options
  requireIsolation(isolation)
  requireBoolean('readOnly', readOnly)
  requireTransaction(options)
  requireObserving(tracing, nPlusOne)
  requireTimeLimits(timeouts)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw optionError(`signal expected an AbortSignal, got ${describe(signal)}`)
  return options
}

/** Refuses what is no choice, and a transaction that is wanted and not wanted at once. */
export function requireTransaction(options: SessionOptions, where = ''): void {
  const { transaction, isolation, readOnly } = options
  requireBoolean(`${where}transaction`, transaction)
  if (transaction !== false || (isolation === undefined && readOnly !== true)) return
  const other = isolation === undefined ? 'readOnly: true' : `isolation: '${isolation}'`
  throw optionError(
    `${where}transaction expected to be true or left out beside ${other}, which is of a transaction, got false`,
  )
}

function requireObserving(tracing: unknown, nPlusOne: unknown): void {
  requireBoolean('tracing', tracing)
  requireOneOf('nPlusOne', nPlusOne, nPlusOneModes)
}
