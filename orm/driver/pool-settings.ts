import type { ConnectionOptions } from 'node:tls'
import { DataBridgeError, describe } from '../errors.ts'

/** Settings that `pg` takes for a pool; see its documentation. Times are in milliseconds unless their name says otherwise. */
export interface PoolSettings {
  /** Whether the process may end while connections are idle. */
  readonly allowExitOnIdle?: boolean | undefined
  readonly application_name?: string | undefined
  readonly client_encoding?: string | undefined
  /** How long a session waits for a connection; 0, the default, is without a limit. */
  readonly connectionTimeoutMillis?: number | undefined
  readonly fallback_application_name?: string | undefined
  /** After how long an idle connection is closed; 0 or null: never. */
  readonly idleTimeoutMillis?: number | null | undefined
  readonly idle_in_transaction_session_timeout?: number | undefined
  readonly keepAlive?: boolean | undefined
  readonly keepAliveInitialDelayMillis?: number | undefined
  readonly lock_timeout?: number | undefined
  /** How many connections there may be; 10 unless said. */
  readonly max?: number | undefined
  readonly maxLifetimeSeconds?: number | undefined
  /** After how many uses a connection is closed. */
  readonly maxUses?: number | undefined
  /** How many connections are kept, idle or not. */
  readonly min?: number | undefined
  /** Command-line options of the server's session: `-c search_path=app`. */
  readonly options?: string | undefined
  /** How long an answer is waited for, by the client. */
  readonly query_timeout?: number | undefined
  readonly ssl?: boolean | ConnectionOptions | undefined
  /** How long a statement may run, by the server. */
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
    accepts: (value) => typeof value === 'boolean' || typeof value === 'object',
  },
  statement_timeout: orElse(milliseconds, false),
}

/** The names of {@link PoolSettings}; everything else is refused, since a misspelled limit would be no limit. */
export const poolSettingNames: readonly string[] = Object.keys(settingKinds)

/** Refuses what `pg` would take and then ignore: a `max` that is no number is no limit. */
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
