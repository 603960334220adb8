import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { Pool } from '../driver/pool.ts'
import type { Key, TableOf } from '../entity/types.ts'
import type { DataBridgeError } from '../errors.ts'
import { observed } from '../observe/observer.ts'
import type { SessionStats } from '../observe/stats.ts'
import { Query } from '../query/query.ts'
import type { LoaderOf } from '../relations/loader.ts'
import { followed } from '../util/refusals.ts'
import type { AnyEntityClass, EntityOf } from '../schema/relation.ts'
import { tableOf } from '../schema/table-of.ts'
import { rawStatement } from '../sql/raw-statement.ts'
import type { Sql } from '../sql/template.ts'
import { attempt } from '../util/attempt.ts'
import { AfterCommit } from './after-commit.ts'
import type { DueCallback } from './due-callback.ts'
import { type ExecutedRows, executedRows } from './executed-rows.ts'
import { awaitsFlush } from '../flush/awaits-flush.ts'
import { noOutcome, sessionOperation } from './operations.ts'
import { SessionCore } from './session-core.ts'
import { goneError, notFoundError } from './session-errors.ts'
import type { SessionParts } from './session-parts.ts'
import type { TransactionOptions } from './transaction-options.ts'

/** A unit of work on one database. `Session` adds where its connections come from. */
export class BaseSession implements AsyncDisposable {
  readonly #parts: SessionParts
  readonly #core: SessionCore

  /** @internal */
  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#core = new SessionCore(this, parts)
  }

  /** The cost of the session so far. The values are live. */
  get stats(): SessionStats {
    return this.#parts.stats.view
  }

  /**
   * The session as a pool of `pg`, for Drizzle, Kysely and others. Their statements run in its transaction.
   *
   * @example
   * ```ts
   * import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
   * import type { Session } from 'fastify-data-bridge/orm'
   *
   * export const drizzleOf = (session: Session): NodePgDatabase => drizzle(session.connection)
   * ```
   */
  get connection(): Pool {
    return this.#core.connection
  }

  /** @internal The same as {@link stats}, for those who only read a value. */
  get cost(): SessionStats {
    return this.#parts.stats
  }

  /** Whether {@link close} was called. */
  get isClosed(): boolean {
    return this.#core.life.isClosed
  }

  /** Whether the session ended with uncommitted changes, by {@link close} or with its database. */
  get hasLost(): boolean {
    return this.#core.end.hasLost
  }

  /** @internal Throws if the session ended with uncommitted changes. Call it before reporting success. */
  refuseLoss(): void {
    this.#core.end.refuseLoss()
  }

  /** Whether the program has used the session. */
  get isUsed(): boolean {
    return this.#core.life.isOpen
  }

  /** @internal The caller commits this session, so `transaction()` is a savepoint. */
  manage(): this {
    this.#core.life.isManaged = true
    this.#parts.connection.interruptible()
    this.#core.life.endsFromOutside = true
    return this
  }

  /** Checks that the database can be reached. You need not call it: every other method opens the session. */
  open(): Promise<void> {
    return this.give(async () => {
      const check = (): Promise<void> => this.#parts.connection.check()
      await (this.#core.life.enter()
        ? observed(this.#parts.observer, sessionOperation('open'), check, noOutcome)
        : check())
    })
  }

  /** Begins a query of an entity. Its last method, such as `toList()`, sends it. */
  find<C extends AnyEntityClass>(entity: C): Query<C> {
    this.#core.life.use()
    return Query.of(this.#core.source, entity)
  }

  /** The entity with this primary key, or null. Looks into the identity map first. */
  get<C extends AnyEntityClass>(entity: C, key: Key<EntityOf<C>>): Promise<EntityOf<C> | null> {
    return attempt(() => {
      this.#core.life.use()
      return this.#core.source.get(tableOf(entity), key) as Promise<EntityOf<C> | null>
    })
  }

  /**
   * The entity with this primary key.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` (404) if there is no such row.
   */
  getOrThrow<C extends AnyEntityClass>(entity: C, key: Key<EntityOf<C>>): Promise<EntityOf<C>> {
    const required = (found: EntityOf<C> | null): EntityOf<C> => {
      if (found === null) throw notFoundError(tableOf(entity).entityName)
      return found
    }
    return followed(this.get(entity, key), required, this.#parts.tellRefused)
  }

  /**
   * The entities with these primary keys, in the order of the keys. Leaves out keys without a row. Looks
   * into the identity map first, and sends at most one query for the rest.
   */
  getMany<C extends AnyEntityClass>(
    entity: C,
    keys: readonly Key<EntityOf<C>>[],
  ): Promise<EntityOf<C>[]> {
    return this.give(async () => {
      this.#core.life.use()
      return (await this.#core.source.getMany(tableOf(entity), keys)) as EntityOf<C>[]
    })
  }

  /**
   * Adds entities. The next flush inserts them, and new entities that they have in place of foreign keys.
   * A detached entity is tracked again.
   */
  add(...entities: readonly (Entity | readonly Entity[])[]): void {
    this.#core.life.use()
    const only = entities.length === 1 ? entities[0] : undefined
    if (only !== undefined && !isList(only)) return this.#core.work.add(only)
    const all = entities.flat()
    for (const entity of all) stateOf(entity)
    this.#core.work.addAll(all)
  }

  /** Deletes entities. The next flush deletes their rows. */
  delete(...entities: readonly (Entity | readonly Entity[])[]): void {
    this.#core.life.use()
    const all = entities.flat()
    for (const entity of all) stateOf(entity)
    for (const entity of all) this.#core.work.delete(entity)
  }

  /**
   * Reads the row of an entity again. Unsaved changes of the entity are lost, and its relations are loaded
   * again when they are awaited.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` (404) if the row no longer exists.
   */
  refresh(entity: Entity): Promise<void> {
    return this.give(async () => {
      this.#core.life.use()
      const { lifecycle, session, table } = stateOf(entity)
      if (lifecycle !== 'stored' || session !== this.#core)
        throw goneError('refresh', table.entityName, lifecycle)
      await this.#core.source.refresh(entity)
    })
  }

  /**
   * Loads relations of entities in hand, for all of them at once: one statement for each loader, and one for what
   * `undefer` names. What an entity has loaded already stays, unless the loader has a filter, an order or a limit. `joinedload` loads here as
   * `selectinload` does. As after an `await`, the JSON of the entities shows what was loaded.
   *
   * @param entities one entity or several of one class, which are stored in this session
   * @throws DataBridgeError `DATA_BRIDGE_ERR_DETACHED` if an entity is new, deleted, or not of this session.
   *
   * @example
   * ```ts
   * import { selectinload, type Session } from 'fastify-data-bridge/orm'
   * import { Post, User } from './entities.ts'
   *
   * export async function withPosts(session: Session, ids: number[]): Promise<User[]> {
   *   const users = await session.getMany(User, ids)
   *   await session.load(users, selectinload(User.posts).options(selectinload(Post.comments)))
   *   return users
   * }
   * ```
   */
  load<E extends Entity>(
    entities: E | readonly E[],
    ...loaders: readonly LoaderOf<TableOf<E>>[]
  ): Promise<void> {
    return this.give(() => {
      this.#core.life.use()
      return this.#core.source.load(entities, loaders)
    })
  }

  /** Writes all changes to the database, without committing them. */
  flush(): Promise<void> {
    return this.give(() => {
      this.#core.life.use()
      return this.#core.flusher.flushAll()
    })
  }

  /**
   * Flushes and commits. It resolves when PostgreSQL has committed, and the callbacks of {@link afterCommit}
   * have run.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_COMMIT_FAILED` if nothing was saved,
   * `DATA_BRIDGE_ERR_COMMIT_UNKNOWN` if the connection was lost during COMMIT.
   */
  commit(): Promise<void> {
    return this.give(() => {
      this.#core.life.use()
      return this.#core.flusher.commit(() => this.#refuseUnderWay())
    })
  }

  /** @internal Like {@link commit}, and leaves its callbacks to {@link takeCallbacks}: the session ends first. */
  commitOnly(): Promise<void> {
    return this.give(() => {
      this.#core.life.use()
      return this.#core.flusher.commitOnly(() => this.#refuseUnderWay())
    })
  }

  #refuseUnderWay(): void {
    this.#core.end.transactions?.refuseUnderWay('commit()')
  }

  /** @internal Takes the callbacks that {@link commitOnly} has left; undefined if there are none. */
  takeCallbacks(): DueCallback[] | undefined {
    return this.#core.flusher.callbacks?.take()
  }

  /**
   * Calls a function when the work that is under way is committed: after PostgreSQL has answered the outermost
   * COMMIT, or when the unit of work succeeds without a transaction. `commit()`, `transaction()`, `database.run`
   * and the response of a request wait for it, for at most 5 seconds for all callbacks together. Callbacks run one
   * after the other. None runs after a rollback, a failed commit or one whose outcome is unknown, and none that was
   * given in a savepoint that was rolled back.
   *
   * The session is closed to its callbacks: they open another one. What a callback throws is logged, and changes
   * nothing.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_TRANSACTION` if it is no function.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * export function register(session: Session, name: string, greet: (name: string) => Promise<void>): void {
   *   session.add(new User({ name, email: `${name}@example.com` }))
   *   session.afterCommit(() => greet(name))
   * }
   * ```
   */
  afterCommit(fn: () => unknown): void {
    this.#core.life.use()
    this.#core.flusher.callbacks ??= new AfterCommit(this.#core.life, this.#parts)
    this.#core.flusher.callbacks.add(fn)
  }

  /** Rolls back. Afterwards the identity map is empty, and all entities are detached. */
  rollback(): Promise<void> {
    return this.give(async () => {
      this.#core.life.use()
      this.#core.end.transactions?.abandon()
      await this.#core.flusher.rollback()
    })
  }

  /** Ends the session. Unsaved changes are rolled back, with a warning. */
  async close(): Promise<void> {
    const isUnsaved = this.#core.flusher.hasUnsaved
    await this.discard()
    if (!isUnsaved) return
    process.emitWarning(
      'a session was closed with changes that were not committed; they were rolled back',
      {
        code: 'DATA_BRIDGE_UNSAVED_CHANGES',
      },
    )
  }

  /** @internal Ends the session, and rolls back without a warning. Undefined if it has ended at once. */
  discard(isShutdown = false): Promise<void> | undefined {
    return this.#core.end.discard(isShutdown)
  }

  /** @internal Ends a session that {@link isQuiet}, and reports it as a commit or rollback of nothing. */
  endQuietly(as: 'commit' | 'rollback'): Promise<void> | undefined {
    return this.#core.end.quietly(as)
  }

  /**
   * @internal Ends the session for a reason: the server cancels the running statement, and the session
   * rolls back. Every later use fails with the reason.
   */
  abort(reason: DataBridgeError): Promise<void> | undefined {
    return this.#core.end.abort(reason)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Begins a transaction at once, commits when `fn` resolves and rolls back when it rejects. It also commits
   * earlier changes of the session. Inside another `transaction()`, a request or `database.run`, it is a
   * savepoint: a rejection only undoes the changes of `fn`.
   */
  transaction<T>(
    fn: (session: this) => Promise<T> | T,
    options: TransactionOptions = {},
  ): Promise<T> {
    return this.give(async () => {
      this.#core.life.use()
      const { end, life } = this.#core
      return end.openTransactions().run(fn, this, options, life.isManaged)
    })
  }

  /**
   * Runs your own SQL in the session's transaction, and gives its rows. The array has the property
   * `rowCount`: the number of rows that were inserted, updated, deleted or read.
   *
   * @example
   * ```ts
   * import { type Session, sql } from 'fastify-data-bridge/orm'
   *
   * export async function raise(session: Session, percent: number): Promise<void> {
   *   await session.execute(sql`update products set price = price * (1 + ${percent}::numeric / 100)`)
   * }
   * ```
   */
  execute<R extends object = Record<string, unknown>>(fragment: Sql): Promise<ExecutedRows<R>> {
    return this.give(async () => {
      this.#core.life.use()
      return executedRows<R>(await this.#core.flusher.execute(rawStatement(fragment)))
    })
  }

  /** @internal The promise of some work, for the program. If the session is ended from outside, it does not end the process. */
  give<T>(work: () => Promise<T> | T): Promise<T> {
    return this.#core.end.give(work)
  }

  /** @internal Whether nothing is written, changed, open or under way, and no callback waits: its end is nothing. */
  get isQuiet(): boolean {
    return this.#core.flusher.callbackCount === 0 && this.#core.end.isQuiet
  }

  /** @internal Whether a flush would give its entities what the database or `onUpdate()` makes. */
  get awaitsFlush(): boolean {
    return (
      this.#core.life.isOpen &&
      !this.#core.life.isClosed &&
      awaitsFlush(this.#core.work, this.#parts.catalogue)
    )
  }

  /** Whether there are changes to flush or to commit. Checks every entity of the session. */
  get hasUnsaved(): boolean {
    return this.#core.flusher.hasUnsaved
  }
}

function isList(given: Entity | readonly Entity[]): given is readonly Entity[] {
  return Array.isArray(given)
}
