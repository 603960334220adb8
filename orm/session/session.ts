import type { Entity } from '../entity/entity.ts'
import { stateOf } from '../entity/entity-state.ts'
import type { Pool } from '../driver/pool.ts'
import type { DataBridgeError } from '../errors.ts'
import { observed } from '../observe/observer.ts'
import type { SessionStats } from '../observe/stats.ts'
import { rawStatement } from '../sql/raw-statement.ts'
import type { Sql } from '../sql/template.ts'
import type { AdvisoryKey } from './advisory-key.ts'
import { lockAdvisory, tryAdvisory } from './advisory-locks.ts'
import type { AdvisoryLockOptions, AdvisoryTryOptions } from './advisory-options.ts'
import { AfterCommit } from './after-commit.ts'
import { BulkMethods } from './bulk-methods.ts'
import type { DueCallback } from './due-callback.ts'
import { type ExecutedRows, executedRows } from './executed-rows.ts'
import { awaitsFlush } from '../flush/awaits-flush.ts'
import { noOutcome, sessionOperation } from './operations.ts'
import type { TransactionOptions } from './transaction-options.ts'

/** A unit of work on one database. `Session` adds where its connections come from. */
export class BaseSession extends BulkMethods implements AsyncDisposable {
  /** The cost of the session so far. The values are live. */
  get stats(): SessionStats {
    return this.parts.stats.view
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
    return this.core.connection
  }

  /** @internal The same as {@link stats}, for those who only read a value. */
  get cost(): SessionStats {
    return this.parts.stats
  }

  /** Whether {@link close} was called. */
  get isClosed(): boolean {
    return this.core.life.isClosed
  }

  /** Whether the session ended with uncommitted changes, by {@link close} or with its database. */
  get hasLost(): boolean {
    return this.core.end.hasLost
  }

  /** @internal Throws if the session ended with uncommitted changes. Call it before reporting success. */
  refuseLoss(): void {
    this.core.end.refuseLoss()
  }

  /** Whether the program has used the session. */
  get isUsed(): boolean {
    return this.core.life.isOpen
  }

  /** @internal The caller commits this session, so `transaction()` is a savepoint. */
  manage(): this {
    this.core.life.isManaged = true
    this.parts.connection.interruptible()
    this.core.life.endsFromOutside = true
    return this
  }

  /** Checks that the database can be reached. You need not call it: every other method opens the session. */
  open(): Promise<void> {
    return this.give(async () => {
      const check = (): Promise<void> => this.parts.connection.check()
      await (this.core.life.enter()
        ? observed(this.parts.observer, sessionOperation('open'), check, noOutcome)
        : check())
    })
  }

  /**
   * Adds entities. The next flush inserts them, and new entities that they have in place of foreign keys.
   * A detached entity is tracked again.
   */
  add(...entities: readonly (Entity | readonly Entity[])[]): void {
    this.core.life.use()
    const only = entities.length === 1 ? entities[0] : undefined
    if (only !== undefined && !isList(only)) return this.core.work.add(only)
    const all = entities.flat()
    for (const entity of all) stateOf(entity)
    this.core.work.addAll(all)
  }

  /** Deletes entities. The next flush deletes their rows. */
  delete(...entities: readonly (Entity | readonly Entity[])[]): void {
    this.core.life.use()
    const all = entities.flat()
    for (const entity of all) stateOf(entity)
    for (const entity of all) this.core.work.delete(entity)
  }

  /** Writes all changes to the database, without committing them. */
  flush(): Promise<void> {
    return this.give(() => {
      this.core.life.use()
      return this.core.flusher.flushAll()
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
      this.core.life.use()
      this.parts.connection.refuseReader()
      return this.core.flusher.commit(() => this.#refuseUnderWay())
    })
  }

  /** @internal Like {@link commit}, and leaves its callbacks to {@link takeCallbacks}: the session ends first. */
  commitOnly(): Promise<void> {
    return this.give(() => {
      this.core.life.use()
      return this.core.flusher.commitOnly(() => this.#refuseUnderWay())
    })
  }

  #refuseUnderWay(): void {
    this.core.end.transactions?.refuseUnderWay('commit()')
  }

  /** @internal Takes the callbacks that {@link commitOnly} has left; undefined if there are none. */
  takeCallbacks(): DueCallback[] | undefined {
    return this.core.flusher.callbacks?.take()
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
    this.core.life.use()
    this.core.flusher.callbacks ??= new AfterCommit(this.core.life, this.parts)
    this.core.flusher.callbacks.add(fn)
  }

  /** Rolls back. Afterwards the identity map is empty, and all entities are detached. */
  rollback(): Promise<void> {
    return this.give(async () => {
      this.core.life.use()
      this.core.end.transactions?.abandon()
      await this.core.flusher.rollback()
    })
  }

  /** Ends the session. Unsaved changes are rolled back, with a warning. */
  async close(): Promise<void> {
    const isUnsaved = this.core.flusher.hasUnsaved
    await this.discard()
    if (!isUnsaved) return
    process.emitWarning(
      'a session was closed with changes that were not committed; they were rolled back',
      {
        code: 'DATA_BRIDGE_UNSAVED_CHANGES',
      },
    )
  }

  /** @internal Ends a session that {@link isQuiet}, and reports it as a commit or rollback of nothing. */
  endQuietly(as: 'commit' | 'rollback'): Promise<void> | undefined {
    return this.core.end.quietly(as)
  }

  /**
   * @internal Ends the session for a reason: the server cancels the running statement, and the session
   * rolls back. Every later use fails with the reason.
   */
  abort(reason: DataBridgeError): Promise<void> | undefined {
    return this.core.end.abort(reason)
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
      this.core.life.use()
      const { end, life } = this.core
      return end.openTransactions().run(fn, this, options, life.isManaged)
    })
  }

  /**
   * Takes a lock that belongs to no row, and waits for those who have it. It ends with the transaction, which it
   * begins, or with the savepoint that it is in if that is rolled back. Taking it again succeeds at once. What the
   * session has changed is not flushed.
   *
   * @param key a text stands for a number of 64 bits, PostgreSQL's `hashtextextended(key, 0)`
   * @throws DataBridgeError `DATA_BRIDGE_ERR_STATEMENT_TIMEOUT` (`sqlState` 55P03) if the lock is taken, with
   * `noWait`. The transaction can go on.
   *
   * @example
   * ```ts
   * import type { Session } from 'fastify-data-bridge/orm'
   * import { User } from './entities.ts'
   *
   * export async function addOnce(session: Session, email: string): Promise<void> {
   *   await session.advisoryLock(`user:${email}`)
   *   if (await session.find(User).filter({ email }).exists()) return
   *   session.add(new User({ name: email, email }))
   * }
   * ```
   */
  advisoryLock(key: AdvisoryKey, options: AdvisoryLockOptions = {}): Promise<void> {
    return this.give(() => {
      this.core.life.use()
      return lockAdvisory(this.parts, key, options)
    })
  }

  /** As {@link advisoryLock}, but never waits: gives false if another transaction has the lock. */
  tryAdvisoryLock(key: AdvisoryKey, options: AdvisoryTryOptions = {}): Promise<boolean> {
    return this.give(() => {
      this.core.life.use()
      return tryAdvisory(this.parts, key, options)
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
      this.core.life.use()
      return executedRows<R>(await this.core.flusher.execute(rawStatement(fragment)))
    })
  }

  /** @internal Whether nothing is written, changed, open or under way, and no callback waits: its end is nothing. */
  get isQuiet(): boolean {
    return this.core.flusher.callbackCount === 0 && this.core.end.isQuiet
  }

  /** @internal Whether a flush would give its entities what the database or `onUpdate()` makes. */
  get awaitsFlush(): boolean {
    return (
      this.core.life.isOpen &&
      !this.core.life.isClosed &&
      awaitsFlush(this.core.work, this.parts.catalogue)
    )
  }

  /** Whether there are changes to flush or to commit. Checks every entity of the session. */
  get hasUnsaved(): boolean {
    return this.core.flusher.hasUnsaved
  }
}

function isList(given: Entity | readonly Entity[]): given is readonly Entity[] {
  return Array.isArray(given)
}
