import { AsyncLocalStorage } from 'node:async_hooks'
import type { DataBridgeError } from '../errors.ts'
import type { Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Fetched, Fetching, Reader } from '../sql/fetched.ts'
import { mayChangeState } from '../sql/server-state.ts'
import type { Statement } from '../sql/statement.ts'
import { isRefusal, spare, type TellRefused } from '../util/refusals.ts'
import type { Connection } from './connection.ts'
import type { CopySource } from './copy-in.ts'
import { type CommitFailure, type Done, Exchanges, type TransactionOwner } from './exchanges.ts'
import type { ConnectionPool } from './pool.ts'
import { hasEnded, mayChangeSchema, type RawOutcome } from './raw-outcome.ts'
import { rejection } from './rejection.ts'
import { control, noReader, Sending } from './sending.ts'
import type { RowForm } from './session-pool.ts'
import { catalogueSummary } from './statement-limit.ts'
import type { TimeLimits } from './time-limits.ts'
import { busyCopyingError, endedBySqlError, undoneCopyError } from './transaction-errors.ts'
import type { SessionMode, TransactionMode } from './transaction-mode.ts'
import { type TurnOwner, Turns } from './turns.ts'

type Texts = readonly (string | null)[]
type Answer = readonly Texts[] | undefined

const nothing = (): void => {}

/** The connection for whose COPY rows are read. */
const copying = new AsyncLocalStorage<SessionConnection>()

const factsSavepoint = 'savepoint data_bridge_facts'

/**
 * A session's side of the pool: at most one connection, one exchange at a time, in the order in which
 * they were asked for. The connection is held while an exchange runs or a transaction is open.
 */
export class SessionConnection implements TurnOwner, TransactionOwner {
  readonly #exchanges: Exchanges
  readonly #turns: Turns
  readonly #tellRefused: TellRefused | undefined
  /** Ends the COPY that runs. */
  #stopCopy: ((error: DataBridgeError) => void) | undefined
  #readers = 0
  /** Whether the program may end the session at any time, by a signal. */
  hasSignal = false

  constructor(
    pool: ConnectionPool,
    observer: Observer,
    mode: SessionMode,
    limits: TimeLimits = {},
    tellRefused?: TellRefused,
  ) {
    this.#tellRefused = tellRefused
    this.#exchanges = new Exchanges(pool, observer, mode, limits, this)
    this.#turns = new Turns(this)
  }

  /** Others may end the session at any time, such as the client of a request: what runs before COMMIT is cancelled then. */
  interruptible(): void {
    this.#exchanges.isInterruptible = true
  }

  get isInTransaction(): boolean {
    return this.#exchanges.transaction.exists
  }

  /** The BEGIN of the transaction that is open. */
  get begun(): string {
    return this.#exchanges.begun
  }

  /** Whether the transaction can no longer be committed. */
  get hasFailed(): boolean {
    return this.#exchanges.transaction.hasFailed
  }

  /** Another number in each transaction; undefined while there is none that takes statements. */
  get transactionNumber(): number | undefined {
    return this.#exchanges.transaction.number
  }

  /** How often its transactions were rolled back to a savepoint. */
  get recoveries(): number {
    return this.#exchanges.transaction.recoveries
  }

  /** Whether nothing runs or waits. */
  get isIdle(): boolean {
    return this.#turns.isIdle
  }

  /** Refuses every statement that has not been sent yet, and ends a COPY: its rows may never come. */
  refuse(reason: () => DataBridgeError): void {
    this.#exchanges.refusal ??= reason
    this.#stopCopy?.(reason())
  }

  /** Refuses every later statement, and asks the server to cancel the running one, whose result still counts. */
  abort(reason: DataBridgeError): void {
    this.refuse(() => reason)
    this.#exchanges.cancel(reason)
  }

  /** Sends one statement. */
  fetch<T>(
    statement: Statement,
    operation: Operation | undefined,
    fetched: Fetched<T>,
  ): Promise<T> {
    const sending = new Sending(statement, fetched)
    return this.#inTurn(
      (done) => this.#exchanges.send([sending], operation, done),
      () => fetched.finish(sending),
      fetched.ended === undefined ? undefined : () => fetched.ended?.(),
    )
  }

  /**
   * Sends the statements of several operations in one exchange. If one fails, those behind it are skipped, and
   * its error is that of all.
   *
   * @param fetches not empty
   */
  fetchAll<T>(
    fetches: readonly Fetching<T, Operation>[],
    operation: Operation | undefined,
  ): Promise<readonly T[]> {
    const sendings = fetches.map(
      (each) => new Sending(each.statement, each.fetched, each.operation),
    )
    return this.#inTurn(
      (done) => this.#exchanges.send(sendings, operation, done),
      () => fetches.map(({ fetched }, index) => fetched.finish(sendings[index] as Sending)),
    )
  }

  /**
   * Sends several statements in one exchange: an error skips those behind it.
   *
   * @param sendings not empty
   */
  exchange(sendings: readonly Sending[], operation: Operation | undefined): Promise<void> {
    return this.#inTurn((done) => this.#exchanges.send(sendings, operation, done), nothing)
  }

  /** The same for statements that are made when all that was asked for before has its result. */
  exchangeNext(make: () => readonly Sending[], operation: Operation | undefined): Promise<void> {
    const send = (done: Done): void => {
      let sendings: readonly Sending[]
      try {
        sendings = make()
      } catch (error) {
        return done(error)
      }
      this.#exchanges.send(sendings, operation, done)
    }
    return this.#inTurn(send, nothing)
  }

  /**
   * Asks the catalogue. Gives no rows if the query fails, and undefined if the role must not read the
   * catalogue.
   */
  lookUp(text: string, parameters: readonly string[], operation: Operation): Promise<Answer> {
    let answer: Answer
    const query = new Sending(
      { text, parameters, summary: catalogueSummary, kind: 'control' },
      {
        begin: () => (answer = []),
        row: (row: Row) => void (answer as Texts[]).push(row as Texts),
      },
    )
    const ask = (done: Done): void => {
      // A savepoint keeps the transaction usable if the query fails.
      const isWithin = this.isInTransaction
      const sendings = isWithin
        ? [control(factsSavepoint), query, control(`release ${factsSavepoint}`)]
        : [query]
      this.#exchanges.send(sendings, operation, (error) => {
        const { refusal, connection } = this.#exchanges
        if (error === undefined || refusal !== undefined || connection === undefined)
          return done(error)
        answer = (error as DataBridgeError).sqlState === '42501' ? undefined : []
        if (!isWithin) return done()
        this.#exchanges.rollBackTo(`rollback to ${factsSavepoint}`, operation, done)
      })
    }
    return this.#inTurn(ask, () => answer)
  }

  /** Runs your own SQL. */
  objects(statement: Statement, operation: Operation, form?: RowForm): Promise<RawOutcome> {
    const { text, parameters } = statement
    let outcome: RawOutcome | undefined
    const run = async (connection: Connection): Promise<RawOutcome> => {
      const isChange = mayChangeState(text)
      connection.isChanged ||= isChange
      outcome = await connection.objects(text, parameters, form)
      // What was prepared may be gone, or have other columns now.
      if (isChange || mayChangeSchema(outcome)) connection.doubtStatements()
      return outcome
    }
    const send = (done: Done): void => {
      const sending = new Sending(statement, noReader)
      this.#exchanges.runOwn(sending, operation, run, (error) => {
        if (error !== undefined || outcome === undefined) return done(error)
        const { connection, transaction } = this.#exchanges
        if (!hasEnded(text, outcome.commands, connection?.isInTransaction === true)) return done()
        const ended = endedBySqlError()
        transaction.fail(ended, false)
        done(ended)
      })
    }
    return this.#inTurn(send, () => outcome as RawOutcome)
  }

  /**
   * Runs COPY … FROM STDIN, and gives the number of rows. What the source throws is told as it is. It cannot wait for
   * another statement of the session, whose turn never comes.
   */
  copy(
    statement: Statement,
    source: CopySource,
    operation: Operation,
    reader: Reader,
  ): Promise<number> {
    const sending = new Sending(statement, reader)
    const read = async (): Promise<Uint8Array | undefined> => {
      try {
        return await this.reading(() => source.next())
      } catch (error) {
        sending.unread = { error }
        throw error
      }
    }
    const run = async (connection: Connection): Promise<{ readonly rowCount: number }> => {
      const stop = (error: DataBridgeError): void => {
        sending.unread ??= { error }
        connection.stopCopy(sending.unread.error)
      }
      this.#stopCopy = stop
      try {
        return { rowCount: await connection.copy(statement.text, { next: read }) }
      } finally {
        this.#stopCopy = undefined
      }
    }
    return this.#inTurn(
      (done) => this.#exchanges.runOwn(sending, operation, run, done),
      () => sending.rowCount,
    )
  }

  /** Makes the transaction fail, so that it can no longer be committed. */
  fail(error: DataBridgeError): Promise<void> {
    const { transaction } = this.#exchanges
    return this.#inTurn((done) => {
      transaction.refuse(error)
      done()
    }, nothing)
  }

  /** Takes a connection and gives it back. */
  check(): Promise<void> {
    return this.#inTurn((done) => this.#exchanges.connect(undefined, done, () => done()), nothing)
  }

  /** Begins a transaction at once; within one it does nothing. */
  begin(mode: TransactionMode, operation: Operation | undefined): Promise<void> {
    return this.#inTurn((done) => this.#exchanges.begin(mode, operation, done), nothing)
  }

  /**
   * Sends the last statements of the transaction and COMMIT in one exchange: all of them are saved, or none.
   * Rejects if COMMIT was not executed because one of them failed.
   *
   * @returns why the COMMIT failed; undefined if it succeeded, or if there was nothing to commit
   */
  commit(
    operation: Operation,
    sendings: readonly Sending[] = [],
  ): Promise<CommitFailure | undefined> {
    let failed: CommitFailure | undefined
    const commit = (done: Done): void => {
      if (!this.isInTransaction && sendings.length === 0) return done()
      this.#exchanges.commit(sendings, operation, done, (failure) => {
        failed = failure
        done()
      })
    }
    return this.#inTurn(commit, () => failed)
  }

  /** Never fails: if ROLLBACK cannot be sent, the connection is closed and PostgreSQL rolls back by itself. */
  rollback(operation: Operation | undefined): Promise<void> {
    this.#stopCopy?.(undoneCopyError())
    return new Promise((resolve) => {
      this.#turns.take(() => {
        this.#exchanges.rollback(operation, () => {
          this.#turns.next()
          resolve()
        })
      })
    })
  }

  savepoint(name: string, operation: Operation | undefined): Promise<void> {
    return this.exchange([control(`savepoint ${name}`)], operation)
  }

  releaseSavepoint(name: string, operation: Operation | undefined): Promise<void> {
    return this.exchange([control(`release savepoint ${name}`)], operation)
  }

  rollbackToSavepoint(name: string, operation: Operation | undefined): Promise<void> {
    this.#stopCopy?.(undoneCopyError())
    return this.#inTurn(
      (done) => this.#exchanges.rollBackTo(`rollback to savepoint ${name}`, operation, done),
      nothing,
    )
  }

  /** Reads rows of a COPY. What waits for the end of the COPY in there is refused. */
  async reading<T>(read: () => Promise<T>): Promise<T> {
    this.#readers += 1
    try {
      return await copying.run(this, read)
    } finally {
      this.#readers -= 1
    }
  }

  /** Throws if the caller gives the rows of a COPY of this session. */
  refuseReader(): void {
    if (this.#isReader) throw busyCopyingError()
  }

  get #isReader(): boolean {
    return this.#readers > 0 && copying.getStore() === this
  }

  /** Resolves when every statement that was sent has been answered and the connection is back. */
  settled(): Promise<void> {
    return this.#turns.settled()
  }

  #inTurn<T>(work: (done: Done) => void, finish: () => T, ended?: () => void): Promise<T> {
    if (this.#stopCopy !== undefined && this.#isReader) {
      ended?.()
      return rejection(busyCopyingError())
    }
    const promise = new Promise<T>((resolve) => {
      const done = (error?: unknown): void => {
        const result = resultOf(error, finish)
        ended?.()
        // The result is made before the next turn.
        this.#turns.next()
        resolve(result)
        if (isRefusal(error)) queueMicrotask(() => spare(promise, error, this.#tellRefused))
      }
      this.#turns.take(() => {
        const { refusal } = this.#exchanges
        if (refusal !== undefined) done(refusal())
        else work(done)
      })
    })
    return promise
  }

  /** @internal Gives the connection back. */
  idle(): void {
    const { connection } = this.#exchanges
    if (connection === undefined || this.isInTransaction) return
    if (!connection.needsReset) return this.#exchanges.giveBack(nothing)
    this.#turns.take(() => this.#exchanges.giveBack(() => this.#turns.next()))
  }

  /** @internal The time of the transaction is over. */
  expired(reason: DataBridgeError): void {
    this.#turns.take(() => {
      this.#exchanges.rollBackExpired(reason, undefined, () => this.#turns.next())
    })
  }
}

function resultOf<T>(error: unknown, finish: () => T): T | Promise<never> {
  try {
    return error === undefined ? finish() : rejection(error)
  } catch (thrown) {
    return rejection(thrown)
  }
}
