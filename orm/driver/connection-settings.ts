import { describe } from '../errors.ts'
import { listed } from '../util/messages.ts'
import { optionError } from '../util/option-checks.ts'

/**
 * Where a server is, in place of a URL. As with `pg`, the environment variables `PGHOST`, `PGPORT`,
 * `PGUSER`, `PGPASSWORD` and `PGDATABASE` stand for what is left out.
 */
export interface ConnectionSettings {
  /** A host name, an address, or the folder of a Unix socket: `/var/run/postgresql`. Default: `localhost`. */
  readonly host?: string | undefined
  /** Default: 5432. */
  readonly port?: number | undefined
  readonly user?: string | undefined
  /** A function is called for each new connection, for passwords that expire. */
  readonly password?: string | (() => string | Promise<string>) | undefined
  /** The name of the database. Default: the name of the user. */
  readonly database?: string | undefined
}

export const connectionSettingNames = ['host', 'port', 'user', 'password', 'database'] as const

/** The names of the connection settings that have a value. */
export function givenSettings(options: ConnectionSettings): readonly string[] {
  return connectionSettingNames.filter((name) => options[name] !== undefined)
}

const variables = ['PGHOST', 'PGPORT', 'PGUSER', 'PGDATABASE'] as const

/** Whether the environment says where a server is. A password alone does not. */
export function isInEnvironment(environment: NodeJS.ProcessEnv): boolean {
  return variables.some((name) => (environment[name] ?? '') !== '')
}

/** For the message where nothing says where a server is. */
export const environmentHint: string = `the environment variables of pg (${listed(variables)})`

/** Refuses values of another kind. No message shows a password, also where it is in the wrong place. */
export function requireConnectionSettings(settings: ConnectionSettings): void {
  const { host, port, user, password, database } = settings
  requireName('host', host, 'a host name, or the folder of a Unix socket')
  requireName('user', user, 'the name of a user')
  requireName('database', database, 'the name of a database')
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535))
    throw optionError(`port expected a whole number from 1 to 65535, got ${describe(port)}`)
  if (password !== undefined && typeof password !== 'string' && typeof password !== 'function')
    throw optionError(`password expected a string or a function, got another type (not shown)`)
}

function requireName(option: string, value: unknown, expected: string): void {
  if (value === undefined) return
  if (typeof value !== 'string' || value === '')
    throw optionError(`${option} expected ${expected}, got ${describe(value)}`)
  if (/:\/\//.test(value))
    throw optionError(
      `${option} expected ${expected}, got a URL (not shown, since it may hold a password): give that as connectionString`,
    )
}
