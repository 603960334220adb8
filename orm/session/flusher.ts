import type { CommitFailure } from '../driver/exchanges.ts'
import { mayChangeSchema, type RawOutcome } from '../driver/raw-outcome.ts'
import { rejection } from '../driver/rejection.ts'
import type { SessionConnection } from '../driver/session-connection.ts'
import type { RowForm } from '../driver/session-pool.ts'
import { observed, type Observer } from '../observe/observer.ts'
import type { Operation, Outcome, QueryOperation } from '../observe/operation.ts'
import type { RelationMetadata, TableMetadata } from '../schema/metadata.ts'
import type { ReadRows } from '../sql/fetched.ts'
import { type QueryWrite, tablesOf as tablesOfWrite } from '../sql/query-write.ts'
import { mayWrite } from '../sql/raw-statement.ts'
import type { Statement } from '../sql/statement.ts'
import type { ReadTables } from '../sql/text-sink.ts'
import { SerialQueue } from '../util/serial-queue.ts'
import type { AfterCommit } from './after-commit.ts'
import { type ChangeSet, isEmpty } from '../unit-of-work/change-set.ts'
import type { Catalogue } from '../flush/catalogue.ts'
import { completeNew, tablesOf, writeChanges } from '../flush/flush.ts'
import { hasMoved } from '../unit-of-work/held-relations.ts'
import { countsOf, executeOperation, noChanges, noOutcome, sessionOperation } from './operations.ts'
import { putQueryWrite } from '../flush/query-write.ts'
import { withAncestors } from '../flush/references.ts'
import { readOnlyError } from './session-errors.ts'
import type { SessionLife } from './session-life.ts'
import type { SessionParts } from './session-parts.ts'
import { SqlSavepoints } from './sql-savepoints.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'
import { checkWrites, uncomparedError, type WriteGuard } from './write-guard.ts'
import { Writer } from '../flush/writer.ts'

/** What there was when a savepoint was set. */
export interface FlushMark {
  readonly callbacks: number
  readonly guarded: unknown
}

/** The writing side of a session: flush, commit and rollback, one at a time. */
export class Flusher {
  readonly #life: SessionLife
  readonly #connection: SessionConnection
  readonly #observer: Observer
  readonly #catalogue: Catalogue
  readonly #isReadOnly: boolean
  readonly #guard: WriteGuard | undefined
  readonly #work: UnitOfWork
  // A rollback between two statements of a flush would leave the rest of the flush to the next transaction.
  readonly #queue = new SerialQueue()
  #executing: Set<Promise<unknown>> | undefined
  // Made by the first execute(), like the savepoints of its SQL: most sessions have none.
  #savepoints: SqlSavepoints | undefined
  #hasChangedSchema = false
  /** Made by the first `afterCommit()`. */
  callbacks: AfterCommit | undefined

  constructor(life: SessionLife, parts: SessionParts, work: UnitOfWork) {
    this.#life = life
    this.#connection = parts.connection
    this.#observer = parts.observer
    this.#catalogue = parts.catalogue
    this.#isReadOnly = parts.isReadOnly
    this.#guard = parts.guard
    this.#work = work
  }

  /** Whether there are changes to flush or to commit. Checks every entity of the session. */
  get hasUnsaved(): boolean {
    if (!this.#life.isOpen || this.#life.isClosed) return false
    return this.#work.undo.hasWritten || this.#work.concerns('any')
  }

  /** How many callbacks of `afterCommit()` wait for the commit. */
  get callbackCount(): number {
    return this.callbacks?.count ?? 0
  }

  /** Whether nothing is being written, committed or executed. */
  get isIdle(): boolean {
    return this.#queue.isIdle && (this.#executing?.size ?? 0) === 0
  }

  /** Runs work while no other flush, commit or rollback runs. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.take(work)
  }

  /** Flushes, and reports it to the observer even without changes. */
  flushAll(): Promise<void> {
    return this.alone(() => this.#write(this.#work.changes(), undefined, settle))
  }

  /** Flushes, if there are changes. */
  flush(parent: Operation | undefined): Promise<void> {
    return this.alone(() => {
      const changes = this.#work.changes()
      return isEmpty(changes) ? Promise.resolve() : this.#write(changes, parent, settle)
    })
  }

  /** Flushes changes that a query of these tables has to see; undefined if there are none. */
  beforeQuery(reads: ReadTables, operation: QueryOperation | undefined): Promise<void> | undefined {
    this.#life.use()
    return this.#work.concerns(reads) ? this.flush(operation) : undefined
  }

  /** Flushes added and deleted entities, so that a row is found by its key; undefined if there are none. */
  beforeGet(operation: QueryOperation): Promise<void> | undefined {
    return this.#work.hasPending ? this.flush(operation) : undefined
  }

  /** Flushes changes that a lazy load has to see; undefined if there are none, so that the load begins at once. */
  beforeLoad(relation: RelationMetadata): Promise<void> | undefined {
    const isConcerned =
      this.#work.hasPending || (!relation.holdsKey && hasMoved(this.#work.identity, relation))
    return isConcerned ? this.flush(undefined) : undefined
  }

  /**
   * Flushes, and writes the rows that a query finds.
   *
   * @param name the method as a message names it
   * @param read makes the result, when the entities have what was written
   */
  writeByQuery<T>(
    write: QueryWrite,
    name: string,
    operation: QueryOperation,
    read: (written: ReadRows) => T,
  ): Promise<T> {
    const { table } = write.from
    const run = async (): Promise<T> => {
      if (table.version !== undefined) this.#guard?.checkQuery(name)
      await this.beforeQuery(tablesOfWrite(write), operation)
      return this.alone(() => this.#writeByQuery(write, name, operation, read))
    }
    return this.tracked(run())
  }

  async #writeByQuery<T>(
    write: QueryWrite,
    name: string,
    operation: QueryOperation,
    read: (written: ReadRows) => T,
  ): Promise<T> {
    // What the database does with rows that refer to deleted ones.
    const others = write.verb === 'DELETE' ? withAncestors(this.#work.identity.tables()) : []
    await this.#learn([write.from.table, ...others], operation)
    const writer = this.writer(operation)
    let result: { readonly value: T } | undefined
    await writer.settleNext(() =>
      putQueryWrite(writer, write, name, (written) => (result = { value: read(written) })),
    )
    return (result as unknown as { readonly value: T }).value
  }

  #learn(tables: Iterable<TableMetadata>, operation: Operation): Promise<void> | undefined {
    // The statement itself is refused, for the reason.
    if (this.#connection.hasFailed) return undefined
    return this.#catalogue.learn(tables, (text, parameters) =>
      this.#connection.lookUp(text, parameters, operation),
    )
  }

  /** Flushes, and executes your own SQL. SQL that would end the transaction is refused, and makes the transaction fail. */
  execute(statement: Statement, form?: RowForm): Promise<RawOutcome> {
    const operation = executeOperation()
    const run = async (): Promise<RawOutcome> => {
      await this.flush(operation)
      return this.#execute(statement, operation, form)
    }
    return this.tracked(observed(this.#observer, operation, run, countRows))
  }

  async #execute(
    statement: Statement,
    operation: QueryOperation,
    form: RowForm | undefined,
  ): Promise<RawOutcome> {
    this.#savepoints ??= new SqlSavepoints(this.#work)
    const refusal = this.#savepoints.refusal(statement.text, this.callbacks)
    if (refusal !== undefined) {
      await this.#connection.fail(refusal)
      throw refusal
    }
    const outcome = await this.#connection.objects(statement, operation, form)
    if (mayWrite(statement)) this.#work.executed()
    if (mayChangeSchema(outcome)) {
      this.#hasChangedSchema = true
      this.#catalogue.clear()
    }
    return outcome
  }

  /**
   * Flushes, before rows of a table are written that are no changes of the unit of work. For {@link alone}.
   *
   * @param changes whether it may change rows that are there
   */
  async beforeWrites(table: TableMetadata, changes: boolean, operation: Operation): Promise<void> {
    if (this.#isReadOnly) throw readOnlyError()
    if (changes && table.version !== undefined && this.#guard !== undefined)
      throw uncomparedError(table)
    const pending = this.#work.changes()
    if (!isEmpty(pending)) await this.#write(pending, operation, settle)
    await this.#learn([table], operation)
  }

  /** Rows were inserted that are no changes of the unit of work. @param rows their entities, or what stands for them */
  inserted(table: TableMetadata, rows: readonly object[]): void {
    if (table.version !== undefined) this.#guard?.check([], rows)
  }

  /** What sends the statements of an operation. */
  writer(operation: Operation): Writer {
    return new Writer(this.#work, this.#connection, this.#catalogue, operation)
  }

  /** What shares the fate of the writes, when a savepoint is set. */
  mark(): FlushMark {
    return { callbacks: this.callbackCount, guarded: this.#guard?.mark() }
  }

  /** A savepoint is rolled back. */
  undoneTo({ callbacks, guarded }: FlushMark): void {
    this.callbacks?.undoneTo(callbacks)
    this.#guard?.undoneTo(guarded)
  }

  /** A transaction has ended, or a savepoint was rolled back: perhaps with changes of the schema. */
  forgetChangedSchema(): void {
    if (this.#hasChangedSchema) this.#catalogue.clear()
  }

  #ended(): void {
    this.forgetChangedSchema()
    this.#hasChangedSchema = false
    this.#savepoints?.clear()
  }

  /** Tracks SQL that runs, so that a commit includes it even if the program does not await it. */
  tracked<T>(work: Promise<T>): Promise<T> {
    const executing = (this.#executing ??= new Set())
    executing.add(work)
    return work.finally(() => executing.delete(work))
  }

  /** Like {@link commitOnly}, and runs the callbacks of `afterCommit()`. */
  commit(refuse?: () => void): Promise<void> {
    // While it waits for earlier work, the program may add the first one.
    const mayHaveCallbacks = this.callbacks !== undefined || !this.isIdle
    const committing = this.commitOnly(refuse)
    return mayHaveCallbacks ? committing.then(() => this.callbacks?.run()) : committing
  }

  /** @param refuse called after the wait for earlier work; throws if the commit must not happen any more */
  commitOnly(refuse?: () => void): Promise<void> {
    const commit = (): Promise<void> => this.#commitNow(refuse)
    const executing = this.#executing
    if (executing === undefined || executing.size === 0) return this.alone(commit)
    return Promise.allSettled(executing).then(() => this.alone(commit))
  }

  #commitNow(refuse: (() => void) | undefined): Promise<void> {
    refuse?.()
    const changes = this.#work.changes()
    const operation = sessionOperation('commit', countsOf(changes))
    // A failed transaction cannot be committed, so do not flush.
    const isWriting = !isEmpty(changes) && !this.#connection.hasFailed
    const callbacks = this.callbackCount
    const commit = (): Promise<void> => {
      const committing = isWriting
        ? this.#write(changes, operation, (writer) => writer.commit(operation))
        : this.#connection.commit(operation)
      return committing.then((failed) => this.#committed(failed, callbacks))
    }
    return observed(this.#observer, operation, commit, noOutcome)
  }

  #committed(failed: CommitFailure | undefined, callbacks: number): Promise<never> | undefined {
    this.#ended()
    if (failed !== undefined) {
      this.#work.rolledBack()
      this.callbacks?.forget()
      const error = this.#explained(failed.error)
      this.#guard?.undoneTo()
      return rejection(error)
    }
    this.#work.undo.committed()
    this.#guard?.committed()
    this.callbacks?.committed(callbacks)
    this.#life.isSettled = true
    return undefined
  }

  rollback(): Promise<void> {
    return this.alone(async () => {
      // Only an observer needs the number of lost changes. Counting them checks every entity.
      const counts = this.#observer.operationStarted === undefined ? noChanges : this.#work.counts()
      const operation = sessionOperation('rollback', counts)
      const rollback = async (): Promise<void> => {
        await this.#connection.rollback(operation)
        this.#ended()
        this.#work.rolledBack()
        this.callbacks?.forget()
        this.#guard?.undoneTo()
        this.#life.isSettled = true
      }
      await observed(this.#observer, operation, rollback, noOutcome)
    })
  }

  /** Rolls back, unless the session has ended: its end rolls back. */
  async undo(): Promise<void> {
    if (!this.#life.isClosed) await this.rollback()
  }

  /** @param finish sends what is left at the end */
  #write<T>(
    changes: ChangeSet,
    parent: Operation | undefined,
    finish: (writer: Writer) => Promise<T>,
  ): Promise<T> {
    if (!isEmpty(changes) && this.#isReadOnly) throw readOnlyError()
    if (this.#guard !== undefined) checkWrites(this.#guard, changes)
    const operation = sessionOperation('flush', countsOf(changes), parent)
    const write = async (): Promise<T> => {
      for (const entity of changes.added) completeNew(entity)
      const tables = tablesOf(changes)
      // What the database does with their rows when it deletes others.
      if (changes.deleted.length > 0)
        for (const table of withAncestors(this.#work.identity.tables())) tables.add(table)
      const learning = this.#learn(tables, operation)
      if (learning !== undefined) await learning
      const writer = this.writer(operation)
      await writeChanges(writer, changes)
      return finish(writer)
    }
    const writing = observed(this.#observer, operation, write, noOutcome)
    return this.#guard === undefined
      ? writing
      : writing.catch((error: unknown) => rejection(this.#explained(error)))
  }

  #explained(error: unknown): unknown {
    return this.#guard === undefined ? error : this.#guard.explain(error)
  }
}

const settle = (writer: Writer): Promise<void> => writer.settle()

const countRows = ({ rows }: RawOutcome): Outcome => ({ rows: rows.length })
