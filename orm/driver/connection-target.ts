import pg, { type PoolConfig } from 'pg'
import { describe } from '../errors.ts'
import { optionError } from '../util/option-checks.ts'
import { type ConnectionSettings, requireConnectionSettings } from './connection-settings.ts'
import { type ConnectionUrl, requireUrl } from './connection-url.ts'
import { type PoolSettings, requireSettings } from './pool-settings.ts'
import { type TlsFallback, tlsSettingsOf } from './tls-settings.ts'

/** A server, and how connections to it are made. */
export interface ConnectionTarget {
  /** For a pool of `pg`. */
  readonly config: PoolConfig
  /** User, host, port and database, without the password: for messages. */
  readonly where: string
  /** For servers that refuse the TLS settings of `config`. */
  readonly fallback: TlsFallback | undefined
  /** Whether statements are prepared, as far as the URL says. */
  readonly prepare: boolean | undefined
}

export interface TargetOptions extends ConnectionSettings, PoolSettings {
  readonly connectionString?: string | undefined
}

/** Checks what says where connections go. Whatever it leaves out, the environment says, as for `pg`. */
export function targetOf(
  { connectionString, ...options }: TargetOptions,
  environment: NodeJS.ProcessEnv,
): ConnectionTarget {
  requireSettings(options)
  requireConnectionSettings(options)
  const url = connectionString === undefined ? undefined : requireUrl(connectionString)
  const parameters = url?.parameters ?? new Map<string, string>()
  const place = placeOf(url, options)
  const isSocket = place.host.startsWith('/')
  const tls = tlsSettingsOf({ parameters, option: options.ssl, environment, isSocket })
  const { connectionTimeoutMillis: _ofTheLine, ...settings } = options
  return {
    config: {
      ...settings,
      ...(url !== undefined && { connectionString: url.text }),
      ssl: tls.ssl,
      sslnegotiation: tls.sslnegotiation,
    },
    where: `${place.user === undefined ? '' : `${place.user}@`}${place.host}:${place.port}/${place.database ?? ''}`,
    fallback: tls.fallback,
    prepare: isPgBouncer(parameters.get('pgbouncer')) ? false : undefined,
  }
}

function isPgBouncer(value: string | undefined): boolean {
  if (value === undefined || value === 'true' || value === 'false') return value === 'true'
  throw optionError(`pgbouncer in the URL expected true or false, got ${describe(value)}`)
}

/** Read by a client that never connects: from the URL, the options and the environment. */
function placeOf(
  url: ConnectionUrl | undefined,
  options: ConnectionSettings,
): Pick<pg.Client, 'host' | 'port' | 'user' | 'database'> {
  const { host, port, user, database } = options
  try {
    return new pg.Client(
      url === undefined
        ? { host, port, user, database, ssl: true }
        : { connectionString: url.text, ssl: true },
    )
  } catch {
    // The message of the cause may quote the URL.
    throw optionError(
      'connectionString expected a URL that `pg` can read; got another one (not shown, since it may hold a password)',
    )
  }
}
