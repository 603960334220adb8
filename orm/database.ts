import { createTables, requireTables } from './schema-tools/create-schema.ts'
import { dropTables } from './schema-tools/drop-schema.ts'
import { checkHealth, type Health } from './driver/health.ts'
import { openPool } from './driver/open-pool.ts'
import { type ConnectionPool, isPool, type Pool, type PoolUsage } from './driver/pool.ts'
import { rolledBack } from './driver/rollback/rolled-back.ts'
import type { TimeLimits } from './driver/time-limits.ts'
import { DataBridgeError, describe } from './errors.ts'
import { beginJob, currentUnit, refusing, runJob, within } from './jobs.ts'
import { JobFindings } from './n-plus-one/job-findings.ts'
import { type NPlusOneSettings, settingsOf } from './n-plus-one/settings.ts'
import type { SlowStatements } from './observe/slow-statements.ts'
import {
  type DatabaseOptions,
  noOptions,
  requireDatabaseOptions,
  requireSessionOptions,
  type SessionOptions,
} from './options.ts'
import type { AnyEntityClass } from './schema/relation.ts'
import { PageTokens, requirePageSecret } from './util/page-tokens.ts'
import type { SessionParts } from './session/session-parts.ts'
import { BaseSession } from './session/session.ts'
import type { TransactionOptions } from './session/transaction-options.ts'
import { type SessionContext, Sessions } from './sessions.ts'
import { optionError } from './util/option-checks.ts'
import { given } from './util/refusals.ts'
import { wantsOldNames } from './telemetry/span-settings.ts'
import { wantedApi } from './telemetry/switch.ts'
import { Telemetry } from './telemetry/telemetry.ts'

// A process that waited for the lock has to see the objects that the other process made.
const readCommitted = { isolation: 'read committed' } as const

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
  readonly #sessions: Sessions
  readonly #timeouts: TimeLimits
  /** @internal Undefined if tracing is off. */
  readonly telemetry: Telemetry | undefined
  /** @internal Reports slow statements of sessions outside requests. */
  slow: SlowStatements | undefined
  /** @internal Also tells its sessions from those of other databases. */
  readonly nPlusOne: NPlusOneSettings
  /** @internal Reports the findings of sessions outside requests. */
  readonly findings: JobFindings
  #closing: Promise<void> | undefined

  constructor(options: DatabaseOptions) {
    const {
      pool,
      tables = [],
      timeouts = {},
      maxWaiting,
      prepare,
      tracing,
      spans: level = 'all',
      queryText: hasText = true,
      queryParameters: hasParameters = false,
      nPlusOne,
      lazy = 'select',
      pageSecret = process.env['DATA_BRIDGE_PAGE_SECRET'],
      ...settings
    } = requireDatabaseOptions(options)
    // Before the first query, so that a reference to something other than an entity is found early.
    const declared = requireTables(tables, 'tables')
    this.#tables = [...tables]
    const pageTokens = new PageTokens(requirePageSecret(pageSecret))
    this.#pool = openPool(pool, settings, { acquireMs: timeouts.acquire, maxWaiting, prepare })
    this.#timeouts = timeouts
    const api = wantedApi(tracing)
    const hasOldNames = wantsOldNames(process.env)
    this.telemetry =
      api && new Telemetry(api, this.#pool, { level, hasText, hasParameters, hasOldNames })
    this.nPlusOne = settingsOf(nPlusOne, process.env)
    this.nPlusOne.allow.requireTargets(declared)
    this.findings = new JobFindings(this.nPlusOne)
    this.#sessions = new Sessions({
      pool: this.#pool,
      nPlusOne: this.nPlusOne,
      findings: this.findings,
      lazy: { mode: lazy, setBy: 'database' },
      timeouts,
      pageTokens,
      telemetry: this.telemetry,
    })
  }

  /** A new session. The caller closes it. It takes no connection before its first statement. */
  session(options: SessionOptions = noOptions): Session {
    return new Session(this, options)
  }

  /**
   * Runs a job in a session. The session commits when `fn` resolves, rolls back when it rejects, and is
   * closed in both cases. Inside `fn`, `User.get(1)` uses this session.
   */
  run<T>(fn: (session: Session) => Promise<T> | T, options: SessionOptions = {}): Promise<T> {
    return given(() => {
      requireFunction('run', fn)
      const job = beginJob(this.findings)
      return runJob(job, new Session(this, options, { unit: job.unit, slow: this.slow }), fn)
    })
  }

  /**
   * Like {@link run}, with a name: findings have it as their `scope`. In a request, what it costs belongs to the
   * request.
   *
   * @example
   * ```ts
   * import type { Database } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * export function deactivate(database: Database): Promise<number> {
   *   return database.scope('job:deactivate', (session) =>
   *     session.find(User).filter({ age: null }).update({ active: false }),
   *   )
   * }
   * ```
   */
  scope<T>(
    name: string,
    fn: (session: Session) => Promise<T> | T,
    options: SessionOptions = {},
  ): Promise<T> {
    return given(() => {
      if (typeof name !== 'string' || name === '')
        throw optionError(`scope() expected a name, got ${describe(name)}`)
      requireFunction('scope', fn)
      const job = beginJob(this.findings, name)
      return runJob(job, new Session(this, options, { unit: job.unit, slow: this.slow }), fn)
    })
  }

  /** Like {@link run}, in a transaction that begins at once. */
  transaction<T>(
    fn: (session: Session) => Promise<T> | T,
    options: TransactionOptions = {},
  ): Promise<T> {
    return given(async () => {
      const { unit, end } = beginJob(this.findings)
      try {
        await using session = new Session(this, noOptions, { unit, slow: this.slow })
        return await within(unit, session, () => session.transaction(refusing(unit, fn), options))
      } finally {
        end()
      }
    })
  }

  /**
   * Creates the missing tables, enum types, constraints and indexes in one transaction. Existing
   * columns stay as they are: where one differs from its declaration, the process gets a warning with
   * the code `DATA_BRIDGE_SCHEMA_DIFFERS`.
   *
   * @param tables the entity classes; the option `tables` by default
   */
  async createSchema(tables: readonly AnyEntityClass[] = this.#tables): Promise<void> {
    await this.transaction((session) => createTables(session, tables), readCommitted)
  }

  /**
   * Drops the tables of entities, with their rows, and their enum types, in one transaction. Fails and
   * drops nothing where other objects depend on a table, such as a view.
   *
   * @param tables the entity classes; the option `tables` by default
   */
  async dropSchema(tables: readonly AnyEntityClass[] = this.#tables): Promise<void> {
    await this.transaction((session) => dropTables(session, tables), readCommitted)
  }

  /** @internal The limits of its sessions, unless they have their own. */
  get timeouts(): TimeLimits {
    return this.#timeouts
  }

  /** How many connections there are, how many of them are free, and how many sessions wait for one. */
  get usage(): PoolUsage {
    return this.#pool.usage
  }

  /**
   * Checks that PostgreSQL answers on a connection of the pool. Never rejects. For readiness checks.
   *
   * @param limits.timeoutMs how many milliseconds to wait for the answer. Default: 1000
   *
   * @example
   * ```ts
   * import Fastify from 'fastify'
   * import dataBridge from 'fastify-data-bridge'
   *
   * const app = Fastify()
   * app.register(dataBridge)
   * app.get('/ready', async (_request, reply) => {
   *   const health = await app.dataBridge.health()
   *   return reply.code(health.isUp ? 200 : 503).send({ isReady: health.isUp })
   * })
   * ```
   */
  async health({ timeoutMs = 1000 }: { readonly timeoutMs?: number } = {}): Promise<Health> {
    return checkHealth(this.#pool, timeoutMs)
  }

  /**
   * Rolls back and closes the open sessions, then ends the pool, except a pool of the application.
   * Statements that still run after one second are cancelled. Ends within three seconds, even if the
   * network is silent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Runs a function, and rolls back what the sessions of this database do meanwhile. */
  rolledBack<T>(fn: () => Promise<T> | T): Promise<T> {
    return rolledBack(this.#pool, currentUnit, fn)
  }

  /** @internal The parts of a session on this database. */
  parts(options: SessionOptions, context?: SessionContext): SessionParts {
    return this.#sessions.parts(options, context ?? { slow: this.slow })
  }

  async #close(): Promise<void> {
    await this.#sessions.close()
    await this.#pool.end()
    this.telemetry?.close()
  }
}

/**
 * A unit of work. It tracks the entities that it read or that you added, finds their changes, and writes
 * them in one transaction. It holds a connection only while it needs one.
 *
 * With a URL, the session opens its own pool and ends it in `close()`. With a `pg.Pool` or a
 * {@link Database}, it takes connections from there.
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
  constructor(source: string | Pool | Database, options?: SessionOptions)
  /** @internal */
  constructor(source: Database, options: SessionOptions, context: SessionContext)
  constructor(
    source: string | Pool | Database,
    options: SessionOptions = noOptions,
    context?: SessionContext,
  ) {
    super(source instanceof Database ? source.parts(options, context) : ownParts(source, options))
  }
}

/** The parts of a session that opens its own database and ends it. */
function ownParts(source: unknown, options: SessionOptions): SessionParts {
  if (typeof source !== 'string' && !isPool(source)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_OPTION',
      `new Session(…) expected a URL, a pg.Pool or a Database, got ${describe(source)}`,
    )
  }
  const { tracing } = requireSessionOptions(options)
  const database = new Database({
    ...(typeof source === 'string' ? { connectionString: source, max: 1 } : { pool: source }),
    ...(tracing !== undefined && { tracing }),
  })
  const parts = database.parts(options)
  return {
    ...parts,
    closed: async () => {
      await parts.closed()
      await database.close()
    },
  }
}

function requireFunction(method: string, fn: unknown): void {
  if (typeof fn === 'function') return
  throw optionError(`${method}() expected a function, got ${describe(fn)}`)
}
