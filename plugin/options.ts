import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  Database,
  DataBridgeError,
  type DatabaseOptions,
  describe,
  type Isolation,
  databaseOptionNames,
  listed,
  requireIsolation,
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
  refuseUnknown(options)
  const given = Object.entries(options).filter(
    ([key, value]) => value !== undefined && !registerNames.includes(key),
  )
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
  if (typeof ambient !== 'boolean')
    throw optionError(`ambient expected true or false; came ${describe(ambient)}`)
  if (name !== undefined && ambient) {
    throw optionError(
      'expected name or ambient: true; came both: User.get(1) belongs to the database that has no name',
    )
  }
  requireCommitOn(commitOn, 'commitOn')
  if (slowQueryMs !== undefined && !(Number.isFinite(slowQueryMs) && slowQueryMs >= 0))
    throw optionError(
      `slowQueryMs expected a number of milliseconds from 0; came ${describe(slowQueryMs)}`,
    )
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

const ownNames = ['database', 'name', 'decorateAs', 'commitOn', 'headers', 'ambient', 'slowQueryMs']

// What register() takes for itself, and hands on; @fastify/autoload gives each plugin of a folder a prefix.
const registerNames = ['prefix', 'logLevel', 'logSerializers']

// Before the database would refuse it, with the names of its own options only.
function refuseUnknown(options: object): void {
  const known = [...ownNames, ...databaseOptionNames]
  const unknown = Object.keys(options).find(
    (key) => !known.includes(key) && !registerNames.includes(key),
  )
  if (unknown === undefined) return
  throw optionError(`there is no option ${unknown}; there are ${listed(known)}`)
}

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

const routeOptionNames = ['commitOn', 'readOnly', 'isolation', 'transaction', 'timeouts', 'stream']

/** Refuses route options that are wrong, or that nothing would read. */
export function requireRouteOptions(options: unknown, route: string): void {
  if (options === undefined) return
  const where = `the route ${route}: config.dataBridge`
  if (typeof options !== 'object' || options === null) {
    throw optionError(`${where} expected an object; came ${describe(options)}`)
  }
  const unknown = Object.keys(options).find((key) => !routeOptionNames.includes(key))
  if (unknown !== undefined) {
    throw optionError(`${where} has no option ${unknown}; it has ${listed(routeOptionNames)}`)
  }
  const { commitOn, readOnly, isolation, timeouts, stream } = options as DataBridgeRouteOptions
  requireCommitOn(commitOn, `${where}.commitOn`)
  if (readOnly !== undefined && typeof readOnly !== 'boolean')
    throw optionError(`${where}.readOnly expected true or false; came ${describe(readOnly)}`)
  requireIsolation(isolation, `${where}.isolation`)
  requireTransaction(options, `${where}.`)
  requireTimeLimits(timeouts, `${where}.timeouts`)
  if (stream !== undefined && stream !== 'before' && stream !== 'deferred')
    throw optionError(`${where}.stream expected 'before' or 'deferred'; came ${describe(stream)}`)
}

function requireCommitOn(commitOn: unknown, where: string): void {
  if (commitOn === undefined || typeof commitOn === 'function') return
  throw optionError(
    `${where} expected a function of the request and the reply; came ${describe(commitOn)}`,
  )
}

function optionError(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_OPTION', message)
}
