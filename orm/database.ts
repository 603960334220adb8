import { createTables, requireTables } from './create-schema.ts'
import {
  ConnectionPool,
  isPool,
  type Pool,
  poolSettingNames,
  type PoolSettings,
} from './driver/pool.ts'
import {
  type Isolation,
  SessionConnection,
  type TransactionMode,
} from './driver/session-connection.ts'
import { DataBridgeError, describe } from './errors.ts'
import { combineObservers, type Observer } from './observe/observer.ts'
import { StatementStats } from './observe/stats.ts'
import { listed } from './schema/metadata.ts'
import type { AnyEntityClass } from './schema/relation.ts'
import { ambientScope } from './session/ambient.ts'
import { BaseSession, type SessionParts } from './session/session.ts'

/** Options of a {@link Session}. */
export interface SessionOptions {
  /** The isolation of its transactions. With one, every statement runs in a transaction. */
  readonly isolation?: Isolation
  /** Its transactions are `READ ONLY`, and a flush with changes is refused. */
  readonly readOnly?: boolean
}

/** Options of a {@link Database}: where its connections come from, and the settings that `pg` takes for a pool. */
export interface DatabaseOptions extends PoolSettings {
  /** `postgresql://user:password@host:port/database`. Either this or `pool`. */
  readonly connectionString?: string
  /** A pool of `pg` that the application made; it is not ended with the database. */
  readonly pool?: Pool
  /** The entities, checked at once: a relation to what is no entity is found here. */
  readonly tables?: readonly AnyEntityClass[]
}

/**
 * One PostgreSQL: a pool, and the sessions on it.
 *
 * @example
 * ```ts
 * import { Database } from 'fastify-data-bridge/orm'
 * import { User } from './entities.ts'
 *
 * export async function countUsers(connectionString: string): Promise<number> {
 *   await using database = new Database({ connectionString, max: 5 })
 *   return database.run((session) => session.find(User).count())
 * }
 * ```
 */
export class Database implements AsyncDisposable {
  readonly #pool: ConnectionPool
  readonly #tables: readonly AnyEntityClass[]
  readonly #live = new Set<BaseSession>()
  #closing: Promise<void> | undefined

  constructor(options: DatabaseOptions) {
    const { connectionString, pool, tables = [], ...settings } = requireOptions(options)
    for (const table of requireTables(tables, 'tables')) void table.relations
    this.#tables = [...tables]
    this.#pool =
      pool === undefined
        ? ConnectionPool.open(connectionString as string, settings)
        : ConnectionPool.around(pool)
  }

  /** A session of its own, which the caller closes. It takes no connection before its first statement. */
  session(options: SessionOptions = {}): Session {
    return new Session(this, options)
  }

  /**
   * Runs a job in a session: committed when `fn` resolves, rolled back when it rejects, closed in
   * both cases. Within it `User.get(1)` finds this session.
   */
  async run<T>(fn: (session: Session) => Promise<T> | T, options: SessionOptions = {}): Promise<T> {
    const session = new Session(this, options).manage()
    try {
      const result = await ambientScope.run({ session: () => session }, fn, session)
      if (!session.isClosed) await session.commit()
      return result
    } finally {
      await session.discard()
    }
  }

  /** Like {@link run}, in a transaction that begins at once. */
  async transaction<T>(
    fn: (session: Session) => Promise<T> | T,
    mode: TransactionMode = {},
  ): Promise<T> {
    await using session = new Session(this)
    return await ambientScope.run({ session: () => session }, () => session.transaction(fn, mode))
  }

  /**
   * Creates the tables that are missing, with their foreign keys and an index for each of those.
   * Tables that exist are left as they are. Without an argument: the option `tables`.
   */
  async createSchema(tables: readonly AnyEntityClass[] = this.#tables): Promise<void> {
    await this.transaction((session) => createTables(session, tables))
  }

  /** How many connections there are, how many of them are free, and how many sessions wait for one. */
  get usage(): ConnectionPool['usage'] {
    return this.#pool.usage
  }

  /** Rolls back the sessions that are open, closes them, and ends the pool unless it was given. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal What a session on this database is made of. */
  parts(options: SessionOptions): SessionParts {
    if (this.#closing !== undefined) throw closedError()
    const stats = new StatementStats()
    const observer: Observer = combineObservers([stats])
    const { isolation, readOnly } = requireSessionOptions(options)
    return {
      connection: new SessionConnection(this.#pool, observer, { isolation, readOnly }),
      observer,
      stats,
      isReadOnly: readOnly === true,
      opened: (session) => void this.#live.add(session),
      closed: async (session) => void this.#live.delete(session),
    }
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#live].map((session) => session.discard()))
    await this.#pool.end()
  }
}

/**
 * A unit of work: it knows the entities that it has read or was given, sees what changes, and writes
 * that in one transaction. It takes a connection when it needs one, and holds it no longer.
 *
 * Made of a URL it has a pool of its own, which ends with it; made of a `pg.Pool` or a
 * {@link Database} it takes its connections from there.
 *
 * @example
 * ```ts
 * import { Session } from 'fastify-data-bridge/orm'
 * import { User } from './entities.ts'
 *
 * export async function rename(url: string, id: number, name: string): Promise<void> {
 *   await using session = new Session(url)
 *   const user = await session.get(User, id)
 *   if (user === null) return
 *   user.name = name
 *   await session.commit()
 * }
 * ```
 */
export class Session extends BaseSession {
  constructor(source: string | Pool | Database, options: SessionOptions = {}) {
    super(partsOf(source, options))
  }
}

function partsOf(source: unknown, options: SessionOptions): SessionParts {
  if (source instanceof Database) return source.parts(options)
  if (typeof source !== 'string' && !isPool(source)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_OPTION',
      `new Session(…) expected a URL, a pg.Pool or a Database; came ${describe(source)}`,
    )
  }
  const database = new Database(
    typeof source === 'string' ? { connectionString: source, max: 1 } : { pool: source },
  )
  const parts = database.parts(options)
  return {
    ...parts,
    closed: async (session) => {
      await parts.closed(session)
      await database.close()
    },
  }
}

function requireOptions(options: unknown): DatabaseOptions {
  if (typeof options !== 'object' || options === null) {
    throw optionError(
      `new Database(…) expected options such as { connectionString }; came ${describe(options)}`,
    )
  }
  const { connectionString, pool } = options as DatabaseOptions
  if (connectionString !== undefined && pool !== undefined) {
    throw optionError('expected one source of connections; came connectionString and pool')
  }
  if (connectionString === undefined && pool === undefined) {
    throw optionError('expected connectionString or pool; came neither')
  }
  if (pool !== undefined && !isPool(pool))
    throw optionError(`pool expected a pg.Pool; came ${describe(pool)}`)
  refuseUnknown(
    options,
    pool === undefined ? ['connectionString', 'tables', ...poolSettingNames] : ['pool', 'tables'],
    'Database',
  )
  return options
}

const isolations: readonly Isolation[] = ['read committed', 'repeatable read', 'serializable']

function requireSessionOptions(options: SessionOptions): SessionOptions {
  refuseUnknown(options, ['isolation', 'readOnly'], 'Session')
  const { isolation, readOnly } = options
  if (isolation !== undefined && !isolations.includes(isolation)) {
    throw optionError(
      `isolation expected ${listed(isolations.map((each) => `'${each}'`))}; came ${describe(isolation)}`,
    )
  }
  if (readOnly !== undefined && typeof readOnly !== 'boolean') {
    throw optionError(`readOnly expected true or false; came ${describe(readOnly)}`)
  }
  return options
}

function refuseUnknown(options: object, known: readonly string[], what: string): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown === undefined) return
  throw optionError(`${what} has no option ${unknown}; it has ${listed(known)}`)
}

function optionError(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_OPTION', message)
}

function closedError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    'the database is closed; no session can be opened on it',
  )
}
