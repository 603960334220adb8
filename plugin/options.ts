import type { FastifyRequest } from 'fastify'
import {
  type Database,
  type DatabaseOptions,
  databaseOptionNames,
  describe,
  optionError,
  refuseUnknown,
  requireBoolean,
  requireMilliseconds,
} from '../orm/index.ts'
import { type CommitOn, requireCommitOn } from './commit-on.ts'
import { type ConnectionSource, sourceOf } from './connection-source.ts'
import { FindingLog } from './warnings.ts'

/** Options of the plugin, beside the settings of a pool of `pg`. */
export interface DataBridgeOptions extends Omit<DatabaseOptions, 'connectionString' | 'database'> {
  /**
   * `postgresql://user:password@host:port/database`. By default the environment's `DATABASE_URL`, unless there
   * is a `pool`, a `database`, a `host` or its like, or a `name`. Without that, the environment variables of `pg`:
   * `PGHOST` and its like.
   */
  readonly connectionString?: string | undefined
  /** A database that the application makes and closes. Beside `host` and its like, the name of a database. */
  readonly database?: Database | string | undefined
  /**
   * For an application with several databases. The session of a request is `request.sessions.<name>`,
   * the database `app.dataBridges.<name>`. Declare the name in `DataBridgeSessions` of `fastify`. There
   * is no transaction over several databases: each is committed by itself, in the order of registration.
   */
  readonly name?: string | undefined
  /** The name of the request's property, by default `session`. With `@fastify/session`, import `fastify-data-bridge/plugin`. */
  readonly decorateAs?: string | undefined
  /** Whether a response is committed. By default, if its status is below 400. An error is never committed. */
  readonly commitOn?: CommitOn | undefined
  /** Whether responses have headers with their cost. By default `'dev'`: unless `NODE_ENV` is `production`. */
  readonly headers?: 'dev' | boolean | ((request: FastifyRequest) => boolean) | undefined
  /** Whether `User.get(1)` works in handlers. By default `true`, without a `name`. `false` saves an AsyncLocalStorage. */
  readonly ambient?: boolean | undefined
  /** A statement that takes this many milliseconds is logged as slow, without its values. By default none is. */
  readonly slowQueryMs?: number | undefined
}

/** @internal The options, with their defaults. */
export interface Settings extends ConnectionSource {
  readonly name: string | undefined
  readonly decorateAs: string
  /** Undefined: a response with a status below 400 is committed. */
  readonly commitOn: CommitOn | undefined
  readonly wantsHeaders: (request: FastifyRequest) => boolean
  readonly ambient: boolean
  readonly slowQueryMs: number | undefined
  readonly findingLog: FindingLog
}

const always = (): boolean => true
const never = (): boolean => false

/** @internal */
export function settingsOf(options: unknown, environment: NodeJS.ProcessEnv): Settings {
  if (typeof options !== 'object' || options === null) {
    throw optionError(`expected an object of options, got ${describe(options)}`)
  }
  const own = Object.entries(options).filter(([name]) => !registerNames.includes(name))
  // Checked here, because the database would list its own options only.
  refuseUnknown(Object.fromEntries(own), optionNames, 'fastify-data-bridge')
  const given = own.filter(([, value]) => value !== undefined)
  const {
    database,
    name,
    decorateAs,
    commitOn,
    headers = 'dev',
    ambient = name === undefined,
    slowQueryMs,
    ...rest
  }: DataBridgeOptions = Object.fromEntries(given)
  requireProperty('decorateAs', decorateAs)
  requireProperty('name', name)
  if (name !== undefined && decorateAs !== undefined) {
    throw optionError(
      'expected name or decorateAs, got both: the sessions of a named database are request.sessions.<name>',
    )
  }
  requireBoolean('ambient', ambient)
  if (name !== undefined && ambient) {
    throw optionError(
      'expected name or ambient: true, got both: User.get(1) belongs to the database that has no name',
    )
  }
  requireCommitOn('commitOn', commitOn)
  requireMilliseconds('slowQueryMs', slowQueryMs)
  return {
    ...sourceOf(database, rest, name, environment),
    name,
    decorateAs: decorateAs ?? 'session',
    commitOn,
    wantsHeaders: headersPolicy(headers, environment),
    ambient,
    slowQueryMs,
    findingLog: new FindingLog(environment),
  }
}

function requireProperty(option: string, value: unknown): void {
  if (value === undefined) return
  if (typeof value === 'string' && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(value)) return
  throw optionError(`${option} expected the name of a property, got ${describe(value)}`)
}

const optionNames = [
  'database',
  'name',
  'decorateAs',
  'commitOn',
  'headers',
  'ambient',
  'slowQueryMs',
  ...databaseOptionNames.filter((name) => name !== 'database'),
]

// register() reads these and passes them on; @fastify/autoload gives each plugin of a folder a prefix.
const registerNames = ['prefix', 'logLevel', 'logSerializers']

function headersPolicy(headers: unknown, environment: NodeJS.ProcessEnv): Settings['wantsHeaders'] {
  if (headers === 'dev') return environment.NODE_ENV === 'production' ? never : always
  if (typeof headers === 'boolean') return headers ? always : never
  if (typeof headers === 'function') return headers as Settings['wantsHeaders']
  throw optionError(
    `headers expected 'dev', true, false or a function of the request, got ${describe(headers)}`,
  )
}
