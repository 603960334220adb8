import type { SessionConnection } from '../driver/session-connection.ts'
import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { Key } from '../entity/types.ts'
import type { DataBridgeError } from '../errors.ts'
import { observed, type Observer } from '../observe/observer.ts'
import type { SessionStats } from '../observe/stats.ts'
import { Query } from '../query/query.ts'
import { loadLazily, referredIdentity } from '../relations/lazy.ts'
import type { RelationMetadata } from '../schema/metadata.ts'
import type { AnyEntityClass, EntityOf } from '../schema/relation.ts'
import { tableOf } from '../schema/table-of.ts'
import { rawStatement } from '../sql/raw-statement.ts'
import type { Sql } from '../sql/template.ts'
import { type ExecutedRows, executedRows } from './executed-rows.ts'
import { EntitySource } from './entity-source.ts'
import { Flusher } from './flusher.ts'
import { noOutcome, sessionOperation } from './operations.ts'
import { abortedError, closedError, goneError, lostError, notFoundError } from './session-errors.ts'
import { SessionLife } from './session-life.ts'
import type { SessionParts } from './session-parts.ts'
import type { TransactionOptions } from './transaction-options.ts'
import { Transactions } from './transactions.ts'
import { UnitOfWork } from './unit-of-work.ts'

/** A unit of work on one database: see `Session`, which says where its connections come from. */
export class BaseSession implements AsyncDisposable {
  readonly #connection: SessionConnection
  readonly #observer: Observer
  readonly #parts: SessionParts
  readonly #work: UnitOfWork = new UnitOfWork(this)
  readonly #life: SessionLife
  readonly #flusher: Flusher
  readonly #transactions: Transactions
  readonly #source: EntitySource
  #isManaged = false
  #hasLost = false

  /** @internal */
  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#connection = parts.connection
    this.#observer = parts.observer
    this.#life = new SessionLife(this, parts)
    this.#flusher = new Flusher(this.#life, parts, this.#work)
    this.#transactions = new Transactions(parts, this.#work, this.#flusher)
    this.#source = new EntitySource(this, parts, this.#work, this.#flusher)
    const { signal } = parts
    if (signal?.aborted === true) this.#onAbort()
    else signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** What the session has cost so far; the values are live. */
  get stats(): SessionStats {
    return this.#parts.stats
  }

  /** Whether {@link close} was called. */
  get isClosed(): boolean {
    return this.#life.isClosed
  }

  /** Whether the session has ended, by {@link close} or with its database, with changes that were not committed. */
  get hasLost(): boolean {
    return this.#hasLost
  }

  /** @internal For who reports a success: throws where the session has ended with what was not committed. */
  refuseLoss(): void {
    if (this.#hasLost) throw this.#life.reason ?? lostError()
  }

  /** Whether anything was asked of the session yet. */
  get isUsed(): boolean {
    return this.#life.isOpen
  }

  /** @internal Someone else commits this session: `transaction()` is a savepoint within that unit. */
  manage(): this {
    this.#isManaged = true
    return this
  }

  /** Checks that the database can be reached; every other method opens the session itself. */
  async open(): Promise<void> {
    const check = (): Promise<void> => this.#connection.check()
    await (this.#life.enter()
      ? observed(this.#observer, sessionOperation('open'), check, noOutcome)
      : check())
  }

  /** A query of an entity; nothing is sent before one of its last methods is called. */
  find<C extends AnyEntityClass>(entity: C): Query<C> {
    this.#life.use()
    return Query.of(this.#source, entity)
  }

  /** The entity with this primary key, or null. The identity map is asked first. */
  async get<C extends AnyEntityClass>(
    entity: C,
    key: Key<EntityOf<C>>,
  ): Promise<EntityOf<C> | null> {
    this.#life.use()
    const found = await this.#source.get(tableOf(entity), key)
    return found as EntityOf<C> | null
  }

  /**
   * The entity with this primary key.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` where there is none.
   */
  async getOrThrow<C extends AnyEntityClass>(
    entity: C,
    key: Key<EntityOf<C>>,
  ): Promise<EntityOf<C>> {
    const found = await this.get(entity, key)
    if (found === null) throw notFoundError(tableOf(entity).entityName)
    return found
  }

  /**
   * The entities with these primary keys, in the order of the keys; those without a row are left out.
   * The identity map is asked first, and PostgreSQL once for the rest.
   */
  async getMany<C extends AnyEntityClass>(
    entity: C,
    keys: readonly Key<EntityOf<C>>[],
  ): Promise<EntityOf<C>[]> {
    this.#life.use()
    return (await this.#source.getMany(tableOf(entity), keys)) as EntityOf<C>[]
  }

  /**
   * Makes the entity, or each of an array, a row at the next flush, and with it new entities that it
   * was given for foreign keys. A detached entity is tracked again.
   */
  add(...entities: readonly (Entity | readonly Entity[])[]): void {
    this.#life.use()
    const all = entities.flat()
    for (const entity of all) stateOf(entity)
    for (const entity of all) this.#work.add(entity)
  }

  /** Deletes the row at the next flush. */
  delete(...entities: readonly (Entity | readonly Entity[])[]): void {
    this.#life.use()
    const all = entities.flat()
    for (const entity of all) stateOf(entity)
    for (const entity of all) this.#work.delete(entity)
  }

  /**
   * Reads the row again; unsaved changes of the entity are lost, its relations are loaded anew.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_NOT_FOUND` where the row is gone.
   */
  async refresh(entity: Entity): Promise<void> {
    this.#life.use()
    const { lifecycle, session, table } = stateOf(entity)
    if (lifecycle !== 'stored' || session !== this) throw goneError(table.entityName, lifecycle)
    await this.#source.refresh(entity)
  }

  /** Writes what was added, changed and deleted; it is committed with {@link commit}. */
  async flush(): Promise<void> {
    this.#life.use()
    await this.#flusher.flushAll()
  }

  /**
   * Flushes and commits. When it resolves, PostgreSQL has answered COMMIT with COMMIT.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_COMMIT_FAILED` where nothing was saved,
   * `DATA_BRIDGE_ERR_COMMIT_UNKNOWN` where the connection was lost in between.
   */
  async commit(): Promise<void> {
    this.#life.use()
    await this.#flusher.commit(() => this.#transactions.refuseUnderWay('commit()'))
  }

  /** Takes back what was not committed. The identity map is empty afterwards, and every entity detached. */
  async rollback(): Promise<void> {
    this.#life.use()
    this.#transactions.abandon()
    await this.#flusher.rollback()
  }

  /** Ends the session. Unsaved changes are rolled back, with a warning. */
  async close(): Promise<void> {
    const isUnsaved = this.#flusher.hasUnsaved
    await this.discard()
    if (!isUnsaved) return
    process.emitWarning(
      'a session was closed with changes that were not committed; they were rolled back',
      {
        code: 'DATA_BRIDGE_UNSAVED_CHANGES',
      },
    )
  }

  /** @internal Ends the session, for who has settled it: what is not committed is rolled back in silence. */
  discard(): Promise<void> {
    if (!this.#life.isSettled) this.#hasLost ||= this.#flusher.hasUnsaved
    return this.#life.close(() => this.#close())
  }

  /**
   * @internal Ends the session for a reason: the statement that runs is cancelled on the server, and
   * what is not committed is rolled back. Every later use is refused with the reason.
   */
  abort(reason: DataBridgeError): Promise<void> {
    this.#life.abort(reason)
    this.#connection.abort(reason)
    return this.discard()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Begins a transaction at once, commits when `fn` resolves and rolls back when it rejects. What was
   * added, changed or flushed before is committed with it. Within another `transaction()`, and within
   * a request or `database.run`, which commit by themselves, it is a savepoint: what rejects is
   * undone, the rest is kept.
   */
  async transaction<T>(
    fn: (session: this) => Promise<T> | T,
    options: TransactionOptions = {},
  ): Promise<T> {
    this.#life.use()
    return this.#transactions.run(fn, this, options, this.#isManaged)
  }

  /**
   * Runs SQL of your own in the session's transaction, and gives its rows. The array has the property
   * `rowCount`: how many rows were inserted, updated, deleted or read.
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
  async execute<R extends object = Record<string, unknown>>(
    fragment: Sql,
  ): Promise<ExecutedRows<R>> {
    this.#life.use()
    const statement = rawStatement(fragment)
    const operation = {
      kind: 'query',
      name: 'execute',
      table: undefined,
      filters: 0,
      limit: undefined,
    } as const
    const executing = observed(
      this.#observer,
      operation,
      async () => {
        await this.#flusher.flush(operation)
        return this.#flusher.execute(statement, operation)
      },
      ({ rows }) => ({ rows: rows.length }),
    )
    return this.#flusher.executing(executing.then(executedRows<R>))
  }

  /** @internal What a lazy relation asks for. */
  async loadRelation(owner: object, relation: RelationMetadata): Promise<unknown> {
    this.#life.use()
    const flushing = this.#flusher.beforeLoad(relation)
    if (flushing !== undefined) await flushing
    const load = (): Promise<unknown> => loadLazily(this.#source, owner, relation)
    const key = referredIdentity(owner, relation)
    return key === undefined ? load() : this.#source.shared(relation.target, key, load)
  }

  readonly #onAbort = (): void => {
    void this.abort(abortedError(this.#parts.signal?.reason))
  }

  async #close(): Promise<void> {
    this.#parts.signal?.removeEventListener('abort', this.#onAbort)
    this.#connection.refuse(closedError)
    await this.#connection.settled()
    const { isOpen } = this.#life
    const isSettled = this.#life.isSettled && !this.#connection.isInTransaction
    if (isOpen && !isSettled) await this.#flusher.rollback()
    if (isOpen) this.#observer.operationStarted?.(sessionOperation('close'))?.({})
    this.#work.rolledBack()
    await this.#parts.closed(this)
  }

  /** Whether something waits to be flushed or committed. Looks at every entity that the session knows. */
  get hasUnsaved(): boolean {
    return this.#flusher.hasUnsaved
  }
}
