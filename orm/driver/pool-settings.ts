import type { ConnectionOptions } from 'node:tls'
import { DataBridgeError, describe } from '../errors.ts'

/** Settings that `pg` takes for a pool; see its documentation. Times are in milliseconds, except `maxLifetimeSeconds`. */
export interface PoolSettings {
  /** Whether the process may end while connections are idle. */
  readonly allowExitOnIdle?: boolean | undefined
  readonly application_name?: string | undefined
  readonly client_encoding?: string | undefined
  /** How long it may take to make a connection. Default: the limit `timeouts.acquire`, which it also replaces if that is not set. 0: no limit. */
  readonly connectionTimeoutMillis?: number | undefined
  readonly fallback_application_name?: string | undefined
  /** How long a connection may be idle before it is closed. 0 or null: no limit. */
  readonly idleTimeoutMillis?: number | null | undefined
  readonly idle_in_transaction_session_timeout?: number | undefined
  readonly keepAlive?: boolean | undefined
  readonly keepAliveInitialDelayMillis?: number | undefined
  readonly lock_timeout?: number | undefined
  /** The largest number of connections. Default: 10. */
  readonly max?: number | undefined
  readonly maxLifetimeSeconds?: number | undefined
  /** How often a connection may be used before it is closed. */
  readonly maxUses?: number | undefined
  /** How many connections the pool keeps open, even if they are idle. */
  readonly min?: number | undefined
  /** Command-line options of the server's session: `-c search_path=app`. */
  readonly options?: string | undefined
  /** How long the client waits for an answer. */
  readonly query_timeout?: number | undefined
  /** Whether connections are encrypted, or options of `node:tls`. It may not contradict `sslmode` of the URL. Default: `sslmode`, then `PGSSLMODE`. */
  readonly ssl?: boolean | ConnectionOptions | undefined
  /** How long a statement may run. The server checks it. */
  readonly statement_timeout?: false | number | undefined
}

interface Kind {
  readonly expected: string
  accepts(value: unknown): boolean
}

const truth: Kind = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' }
const text: Kind = { expected: 'a string', accepts: (value) => typeof value === 'string' }
const atLeast = (least: number): Kind => ({
  expected: `a whole number from ${least} on`,
  accepts: (value) => Number.isInteger(value) && (value as number) >= least,
})
const milliseconds: Kind = atLeast(0)
const orElse = (kind: Kind, other: unknown): Kind => ({
  expected: `${kind.expected}, or ${String(other)}`,
  accepts: (value) => value === other || kind.accepts(value),
})

const settingKinds: Readonly<Record<keyof PoolSettings, Kind>> = {
  allowExitOnIdle: truth,
  application_name: text,
  client_encoding: text,
  connectionTimeoutMillis: milliseconds,
  fallback_application_name: text,
  idleTimeoutMillis: orElse(milliseconds, null),
  idle_in_transaction_session_timeout: milliseconds,
  keepAlive: truth,
  keepAliveInitialDelayMillis: milliseconds,
  lock_timeout: milliseconds,
  max: atLeast(1),
  maxLifetimeSeconds: atLeast(0),
  maxUses: orElse(atLeast(1), Infinity),
  min: atLeast(0),
  options: text,
  query_timeout: milliseconds,
  ssl: {
    expected: 'true, false or options of node:tls',
    accepts: (value) =>
      typeof value === 'boolean' ||
      (typeof value === 'object' && value !== null && !Array.isArray(value)),
  },
  statement_timeout: orElse(milliseconds, false),
}

/** The names of {@link PoolSettings}. Other names are refused: a misspelled limit would not limit anything. */
export const poolSettingNames: readonly string[] = Object.keys(settingKinds)

/** Refuses values that `pg` would accept and then ignore, such as a `max` that is not a number. */
export function requireSettings(settings: PoolSettings): PoolSettings {
  for (const [name, kind] of Object.entries(settingKinds)) {
    const value: unknown = settings[name as keyof PoolSettings]
    if (value === undefined || kind.accepts(value)) continue
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_OPTION',
      `${name} expected ${kind.expected}, got ${describe(value)}`,
    )
  }
  return settings
}
