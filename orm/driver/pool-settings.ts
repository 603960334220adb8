import type { PoolConfig } from 'pg'
import { DataBridgeError, describe } from '../errors.ts'

/** Settings that `pg` takes for a pool; see its documentation. */
export type PoolSettings = Pick<PoolConfig, SettingName>

type SettingName =
  | 'allowExitOnIdle'
  | 'application_name'
  | 'client_encoding'
  | 'connectionTimeoutMillis'
  | 'fallback_application_name'
  | 'idleTimeoutMillis'
  | 'idle_in_transaction_session_timeout'
  | 'keepAlive'
  | 'keepAliveInitialDelayMillis'
  | 'lock_timeout'
  | 'max'
  | 'maxLifetimeSeconds'
  | 'maxUses'
  | 'min'
  | 'options'
  | 'query_timeout'
  | 'ssl'
  | 'statement_timeout'

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

const settingKinds: Readonly<Record<SettingName, Kind>> = {
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
      `${name} expected ${kind.expected}; came ${describe(value)}`,
    )
  }
  return settings
}
