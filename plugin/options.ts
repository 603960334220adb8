import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  Database,
  type DatabaseOptions,
  databaseOptionNames,
  describe,
  type Isolation,
  listed,
  optionError,
  refuseUnknown,
  requireBoolean,
  requireIsolation,
  requireOneOf,
  requireTimeLimits,
  requireTransaction,
  type TimeLimits,
} from '../orm/index.ts'

/** Whether a response is a success, so that its session is committed. */
export type CommitOn = (request: FastifyRequest, reply: FastifyReply) => boolean

/** Options of the plugin; the settings that `pg` takes for a pool stand beside them. */
export interface DataBridgeOptions extends Omit<DatabaseOptions, 'connectionString'> {
  /** `postgresql://user:password@host:port/database`; the environment's `DATABASE_URL` where no source of connections and no `name` is given. */
  readonly connectionString?: string | undefined
  /** A database that the application made, and closes itself. */
  readonly database?: Database | undefined
  /**
   * For an application with several databases: its sessions are `request.sessions.<name>`, itself
   * `app.dataBridges.<name>`. Declare the name in `DataBridgeSessions` of `fastify`. There is no
   * transaction over several databases: each is committed by itself, in the order of registration.
   */
  readonly name?: string | undefined
  /** The request's property; `session` unless said. See `fastify-data-bridge/plugin` for applications with `@fastify/session`. */
  readonly decorateAs?: string | undefined
  /** Whether a response is committed; unless said, where its status is below 400. An error is never committed. */
  readonly commitOn?: CommitOn | undefined
  /** Whether responses say what they cost: `'dev'` (the default) is everywhere but where `NODE_ENV` is `production`. */
  readonly headers?: 'dev' | boolean | ((request: FastifyRequest) => boolean) | undefined
  /** Whether `User.get(1)` works in handlers. `true` unless said, but never of a database with a `name`; `false` saves an AsyncLocalStorage. */
  readonly ambient?: boolean | undefined
  /** Milliseconds from which on a statement is logged as slow, without its values. Nothing is, unless said. */
  readonly slowQueryMs?: number | undefined
}

/** Options of one route: `config: { dataBridge: { … } }`. */
export interface DataBridgeRouteOptions {
  readonly commitOn?: CommitOn | undefined
  /** Its transactions are `READ ONLY`. */
  readonly readOnly?: boolean | undefined
  /** Every statement runs in a transaction of this isolation. */
  readonly isolation?: Isolation | undefined
  /**
   * `true`: the first statement begins the transaction, also where it only reads, so that a connection
   * is held until the response. Unless said, the first write does.
   */
  readonly transaction?: boolean | undefined
  /** How long things may take; where it says nothing, as in the application. */
  readonly timeouts?: TimeLimits | undefined
  /**
   * When the session of a response that is a stream is committed. `'before'`, unless said: before the
   * first byte. `'deferred'`: after the last one, so that the stream can use the session; a response
   * whose commit fails is cut off, and never complete.
   */
  readonly stream?: 'before' | 'deferred' | undefined
}

/** The options, with their defaults. */
export interface Settings {
  readonly database: Database
  /** Whether the plugin made the database, and closes it. */
  readonly isOwn: boolean
  readonly name: string | undefined
  readonly decorateAs: string
  /** None: where the status is below 400. */
  readonly commitOn: CommitOn | undefined
  readonly wantsHeaders: (request: FastifyRequest) => boolean
  readonly ambient: boolean
  readonly slowQueryMs: number | undefined
}

const always = (): boolean => true
const never = (): boolean => false

export function settingsOf(options: unknown, environment: NodeJS.ProcessEnv): Settings {
  if (typeof options !== 'object' || options === null) {
    throw optionError(`expected an object of options; came ${describe(options)}`)
  }
  const own = Object.entries(options).filter(([name]) => !registerNames.includes(name))
  // The database would refuse an unknown option too, but it would list its own options only.
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
      'expected name or decorateAs; came both: the sessions of a named database are request.sessions.<name>',
    )
  }
  requireBoolean('ambient', ambient)
  if (name !== undefined && ambient) {
    throw optionError(
      'expected name or ambient: true; came both: User.get(1) belongs to the database that has no name',
    )
  }
  requireCommitOn('commitOn', commitOn)
  requireMilliseconds('slowQueryMs', slowQueryMs)
  return {
    ...sourceOf(database, rest, usualSource(name, environment)),
    name,
    decorateAs: decorateAs ?? 'session',
    commitOn,
    wantsHeaders: headersPolicy(headers, environment),
    ambient,
    slowQueryMs,
  }
}

function requireProperty(option: string, value: unknown): void {
  if (value === undefined) return
  if (typeof value === 'string' && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(value)) return
  throw optionError(`${option} expected the name of a property; came ${describe(value)}`)
}

function requireMilliseconds(option: string, value: unknown): void {
  if (value === undefined || (Number.isFinite(value) && (value as number) >= 0)) return
  throw optionError(`${option} expected a number of milliseconds from 0; came ${describe(value)}`)
}

const optionNames = [
  'database',
  'name',
  'decorateAs',
  'commitOn',
  'headers',
  'ambient',
  'slowQueryMs',
  ...databaseOptionNames,
]

// What register() takes for itself, and hands on; @fastify/autoload gives each plugin of a folder a prefix.
const registerNames = ['prefix', 'logLevel', 'logSerializers']

function sourceOf(
  database: unknown,
  rest: DatabaseOptions,
  usual: () => string,
): Pick<Settings, 'database' | 'isOwn'> {
  if (database !== undefined) {
    if (!(database instanceof Database))
      throw optionError(`database expected a Database; came ${withoutText(database)}`)
    const others = Object.keys(rest)
    if (others.length > 0) {
      throw optionError(
        `expected one source of connections; came database and ${listed(others)}, which belong to its own options`,
      )
    }
    return { database, isOwn: false }
  }
  if (typeof rest.pool === 'string')
    throw optionError(`pool expected a pg.Pool; came ${withoutText(rest.pool)}`)
  const isGiven = rest.connectionString !== undefined || rest.pool !== undefined
  const source = isGiven ? rest : { ...rest, connectionString: usual() }
  return { database: new Database(source), isOwn: true }
}

/** Where connections come from unless an option says so. */
function usualSource(name: string | undefined, { DATABASE_URL }: NodeJS.ProcessEnv): () => string {
  return () => {
    if (name !== undefined) {
      throw optionError(
        `expected connectionString, pool or database for ${name}, since DATABASE_URL is that of the database without a name; came none`,
      )
    }
    if (DATABASE_URL !== undefined && DATABASE_URL !== '') return DATABASE_URL
    throw optionError(
      'expected connectionString, pool, database, or the environment variable DATABASE_URL; came none',
    )
  }
}

function withoutText(value: unknown): string {
  return typeof value === 'string'
    ? 'a string (not shown, since it may hold a password)'
    : describe(value)
}

function headersPolicy(headers: unknown, environment: NodeJS.ProcessEnv): Settings['wantsHeaders'] {
  if (headers === 'dev') return environment.NODE_ENV === 'production' ? never : always
  if (typeof headers === 'boolean') return headers ? always : never
  if (typeof headers === 'function') return headers as Settings['wantsHeaders']
  throw optionError(
    `headers expected 'dev', true, false or a function of the request; came ${describe(headers)}`,
  )
}

const commitTimes = ['before', 'deferred']
const routeOptionNames = ['commitOn', 'readOnly', 'isolation', 'transaction', 'timeouts', 'stream']

/** Refuses route options that are wrong, or that nothing would read. */
export function requireRouteOptions(options: unknown, route: string): void {
  if (options === undefined) return
  const where = `the route ${route}: config.dataBridge`
  if (typeof options !== 'object' || options === null) {
    throw optionError(`${where} expected an object; came ${describe(options)}`)
  }
  refuseUnknown(options, routeOptionNames, where)
  const { commitOn, readOnly, isolation, timeouts, stream } = options as DataBridgeRouteOptions
  requireCommitOn(`${where}.commitOn`, commitOn)
  requireBoolean(`${where}.readOnly`, readOnly)
  requireIsolation(isolation, `${where}.isolation`)
  requireTransaction(options, `${where}.`)
  requireTimeLimits(timeouts, `${where}.timeouts`)
  requireOneOf(`${where}.stream`, stream, commitTimes)
}

function requireCommitOn(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw optionError(
    `${option} expected a function of the request and the reply; came ${describe(value)}`,
  )
}
