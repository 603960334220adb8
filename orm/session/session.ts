import type { SessionConnection } from '../driver/session-connection.ts'
import { SerialQueue } from '../util/serial-queue.ts'
import type { DataBridgeError } from '../errors.ts'
import { observed, type Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { SessionStats } from '../observe/stats.ts'
import { Query } from '../query/query.ts'
import { loadLazily, referredIdentity } from '../relations/lazy.ts'
import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import { type RelationMetadata } from '../schema/metadata.ts'
import { tableOf } from '../schema/table-of.ts'
import type { AnyEntityClass, EntityOf } from '../schema/relation.ts'
import type { Key } from '../entity/types.ts'
import type { Statement } from '../sql/statement.ts'
import { mayWrite, rawStatement } from '../sql/raw-statement.ts'
import type { Sql } from '../sql/template.ts'
import { type ChangeSet, isEmpty } from './change-set.ts'
import { countsOf, noChanges, noOutcome, sessionOperation } from './operations.ts'
import { EntitySource } from './entity-source.ts'
import { writeChanges } from './flush.ts'
import type { SessionParts } from './session-parts.ts'
import { abortedError, closedError, goneError, lostError, readOnlyError } from './session-errors.ts'
import type { TransactionOptions } from './transaction-options.ts'
import { Transactions } from './transactions.ts'
import { UnitOfWork } from './unit-of-work.ts'

/** A unit of work on one database: see `Session`, which says where its connections come from. */
export class BaseSession implements AsyncDisposable {
  readonly #connection: SessionConnection
  readonly #observer: Observer
  readonly #parts: SessionParts
  readonly #work: UnitOfWork = new UnitOfWork(this)
  readonly #transactions: Transactions
  readonly #source: EntitySource
  #isOpen = false
  #isManaged = false
  #isSettled = false
  #hasLost = false
  #closing: Promise<void> | undefined
  #reason: DataBridgeError | undefined
  // Between two statements of a flush, a rollback would leave the rest of it to the next transaction.
  readonly #queue = new SerialQueue()
  readonly #executing = new Set<Promise<unknown>>()

  /** @internal */
  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#connection = parts.connection
    this.#observer = parts.observer
    this.#transactions = new Transactions(parts.connection, this.#work, {
      flush: () => this.#flush(undefined),
      commit: () => this.#commit(),
      rollback: async () => {
        if (!this.isClosed) await this.#rollback()
      },
      alone: (work) => this.#queue.take(work),
      hasUnsaved: () => this.hasUnsaved,
      retried: (attempt, error) => parts.observer.transactionRetried?.({ attempt, error }),
    })
    this.#source = new EntitySource(
      this,
      parts.connection,
      parts.observer,
      this.#work,
      async (reads, operation) => {
        this.#use()
        if (this.#work.concerns(reads)) await this.#flush(operation)
      },
    )
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
    return this.#closing !== undefined
  }

  /** Whether the session has ended, by {@link close} or with its database, with changes that were not committed. */
  get hasLost(): boolean {
    return this.#hasLost
  }

  /** @internal For who reports a success: throws where the session has ended with what was not committed. */
  refuseLoss(): void {
    if (this.#hasLost) throw this.#reason ?? lostError()
  }

  /** Whether anything was asked of the session yet. */
  get isUsed(): boolean {
    return this.#isOpen
  }

  /** @internal Someone else commits this session: `transaction()` is a savepoint within that unit. */
  manage(): this {
    this.#isManaged = true
    return this
  }

  /** Checks that the database can be reached; every other method opens the session itself. */
  async open(): Promise<void> {
    const check = (): Promise<void> => this.#connection.check()
    await (this.#enter()
      ? observed(this.#observer, sessionOperation('open'), check, noOutcome)
      : check())
  }

  /** A query of an entity; nothing is sent before one of its last methods is called. */
  find<C extends AnyEntityClass>(entity: C): Query<C> {
    this.#use()
    return Query.of(this.#source, entity)
  }

  /** The entity with this primary key, or null. The identity map is asked first. */
  async get<C extends AnyEntityClass>(
    entity: C,
    key: Key<EntityOf<C>>,
  ): Promise<EntityOf<C> | null> {
    this.#use()
    const found = await this.#source.get(tableOf(entity), key, async (operation) => {
      if (this.#work.hasPending) await this.#flush(operation)
    })
    return found as EntityOf<C> | null
  }

  /**
   * Makes the entity, or each of an array, a row at the next flush, and with it new entities that it
   * was given for foreign keys. A detached entity is tracked again.
   */
  add(...entities: readonly (Entity | readonly Entity[])[]): void {
    this.#use()
    const all = entities.flat()
    for (const entity of all) stateOf(entity)
    for (const entity of all) this.#work.add(entity)
  }

  /** Deletes the row at the next flush. */
  delete(...entities: readonly (Entity | readonly Entity[])[]): void {
    this.#use()
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
    this.#use()
    const { lifecycle, session, table } = stateOf(entity)
    if (lifecycle !== 'stored' || session !== this) throw goneError(table.entityName, lifecycle)
    await this.#source.refresh(entity)
  }

  /** Writes what was added, changed and deleted; it is committed with {@link commit}. */
  async flush(): Promise<void> {
    this.#use()
    await this.#queue.take(async () => this.#write(this.#work.changes(), undefined))
  }

  /**
   * Flushes and commits. When it resolves, PostgreSQL has answered COMMIT with COMMIT.
   *
   * @throws DataBridgeError `DATA_BRIDGE_ERR_COMMIT_FAILED` where nothing was saved,
   * `DATA_BRIDGE_ERR_COMMIT_UNKNOWN` where the connection was lost in between.
   */
  async commit(): Promise<void> {
    this.#use()
    await this.#commit(() => this.#transactions.refuseUnderWay('commit()'))
  }

  /** Takes back what was not committed. The identity map is empty afterwards, and every entity detached. */
  async rollback(): Promise<void> {
    this.#use()
    this.#transactions.abandon()
    await this.#rollback()
  }

  /** Ends the session. Unsaved changes are rolled back, with a warning. */
  async close(): Promise<void> {
    const isUnsaved = this.hasUnsaved
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
    if (!this.#isSettled) this.#hasLost ||= this.hasUnsaved
    this.#closing ??= this.#close()
    return this.#closing
  }

  /**
   * @internal Ends the session for a reason: the statement that runs is cancelled on the server, and
   * what is not committed is rolled back. Every later use is refused with the reason.
   */
  abort(reason: DataBridgeError): Promise<void> {
    this.#reason ??= reason
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
    this.#use()
    return this.#transactions.run(fn, this, options, this.#isManaged)
  }

  /**
   * Runs SQL of your own in the session's transaction, and gives its rows.
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
  async execute<R extends object = Record<string, unknown>>(fragment: Sql): Promise<R[]> {
    this.#use()
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
        await this.#flush(operation)
        const rows = await this.#connection.objects(statement, operation)
        if (mayWrite(statement)) this.#work.executed()
        return rows as R[]
      },
      (rows) => ({ rows: rows.length }),
    )
    this.#executing.add(executing)
    return executing.finally(() => this.#executing.delete(executing))
  }

  /** @internal What a lazy relation asks for. */
  async loadRelation(owner: object, relation: RelationMetadata): Promise<unknown> {
    this.#use()
    if (this.#work.hasPending || (!relation.holdsKey && this.#work.hasMoved(relation)))
      await this.#flush(undefined)
    const load = (): Promise<unknown> => loadLazily(this.#source, owner, relation)
    const key = referredIdentity(owner, relation)
    return key === undefined ? load() : this.#source.shared(relation.target, key, load)
  }

  // --- writing

  /** Writes what there is to write, if anything. */
  #flush(parent: Operation | undefined): Promise<void> {
    return this.#queue.take(async () => {
      const changes = this.#work.changes()
      if (!isEmpty(changes)) await this.#write(changes, parent)
    })
  }

  async #write(changes: ChangeSet, parent: Operation | undefined): Promise<void> {
    if (!isEmpty(changes)) this.#refuseReadOnly()
    const operation = sessionOperation('flush', countsOf(changes), parent)
    const send = (statement: Statement) => this.#connection.rows(statement, operation)
    const write = () => writeChanges(this.#work, changes, send)
    await observed(this.#observer, operation, write, noOutcome)
  }

  /** @param refuse throws where it must not be, when it is its turn: what it waits for takes its time */
  async #commit(refuse: () => void = () => {}): Promise<void> {
    // What was executed without being awaited is a part of what is committed.
    if (this.#executing.size > 0) await Promise.allSettled(this.#executing)
    return this.#queue.take(async () => {
      refuse()
      const changes = this.#work.changes()
      const operation = sessionOperation('commit', countsOf(changes))
      const commit = async (): Promise<void> => {
        // A commit that cannot be says so, whatever waits to be flushed.
        if (!isEmpty(changes) && !this.#connection.hasFailed) await this.#write(changes, operation)
        try {
          await this.#connection.commit(operation)
          this.#work.committed()
          this.#isSettled = true
        } catch (error) {
          this.#work.rolledBack()
          throw error
        }
      }
      await observed(this.#observer, operation, commit, noOutcome)
    })
  }

  #rollback(): Promise<void> {
    return this.#queue.take(async () => {
      // Nobody but an observer asks how much is lost, and finding out means looking at every entity.
      const counts = this.#observer.operationStarted === undefined ? noChanges : this.#work.counts()
      const operation = sessionOperation('rollback', counts)
      const rollback = async (): Promise<void> => {
        await this.#connection.rollback(operation)
        this.#work.rolledBack()
        this.#isSettled = true
      }
      await observed(this.#observer, operation, rollback, noOutcome)
    })
  }

  readonly #onAbort = (): void => {
    void this.abort(abortedError(this.#parts.signal?.reason))
  }

  async #close(): Promise<void> {
    this.#parts.signal?.removeEventListener('abort', this.#onAbort)
    this.#connection.refuse(closedError)
    await this.#connection.settled()
    const isSettled = this.#isSettled && !this.#connection.isInTransaction
    if (this.#isOpen && !isSettled) await this.#rollback()
    if (this.#isOpen) {
      this.#observer.operationStarted?.(sessionOperation('close'))?.({})
    }
    this.#work.rolledBack()
    await this.#parts.closed(this)
  }

  /** Whether something waits to be flushed or committed. Looks at every entity that the session knows. */
  get hasUnsaved(): boolean {
    if (!this.#isOpen || this.isClosed) return false
    const { pending, dirty, deleted } = this.#work.counts()
    return this.#work.hasWritten || pending + dirty + deleted > 0
  }

  #refuseReadOnly(): void {
    if (this.#parts.isReadOnly) throw readOnlyError()
  }

  // --- life

  #use(): void {
    if (this.#enter()) this.#observer.operationStarted?.(sessionOperation('open'))?.({})
  }

  /** @returns whether it is used for the first time */
  #enter(): boolean {
    if (this.#closing !== undefined) throw this.#reason ?? closedError()
    this.#isSettled = false
    if (this.#isOpen) return false
    this.#isOpen = true
    this.#parts.opened(this)
    return true
  }
}
