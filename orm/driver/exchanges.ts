import type { DataBridgeError } from '../errors.ts'
import type { Observer } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import type { Connection } from './connection.ts'
import { Lease } from './lease.ts'
import { isConnectionLoss, isToReplace, statementError } from './pg-errors.ts'
import type { ConnectionPool } from './pool.ts'
import { control, type Sending } from './sending.ts'
import type { Refusal } from './refusal.ts'
import { StatementSender } from './statement-sender.ts'
import type { TimeLimits } from './time-limits.ts'
import { Transaction } from './transaction.ts'
import {
  commitError,
  failedBeforeCommitError,
  failedTransactionError,
  notCommittedError,
  transactionTimeoutError,
} from './transaction-errors.ts'
import { beginText, type SessionMode, type TransactionMode } from './transaction-mode.ts'

/** Why a COMMIT failed. */
export interface CommitFailure {
  readonly error: unknown
}

/** Called once: without an error if the work succeeded. */
export type Done = (error?: unknown) => void

/** Whose transaction it is. */
export interface TransactionOwner {
  /** The time of the transaction is over: it rolls back in the next turn. */
  expired(reason: DataBridgeError): void
}

/**
 * Sends a session's exchanges on its connection, in its transaction. The caller sees to it that one is sent at a
 * time. All work calls back, and none of it throws.
 */
export class Exchanges {
  readonly transaction: Transaction = new Transaction()
  readonly #lease: Lease
  readonly #sender: StatementSender
  readonly #mode: SessionMode
  readonly #limits: TimeLimits
  readonly #owner: TransactionOwner
  /** The BEGIN of the transaction. */
  #begun = ''
  /** Why the session has ended. */
  refusal: (() => DataBridgeError) | undefined
  /** Whether others may end the session at any time. */
  isInterruptible = false
  /** The time limit of the transaction is over. */
  expiry: DataBridgeError | undefined

  constructor(
    pool: ConnectionPool,
    observer: Observer,
    mode: SessionMode,
    limits: TimeLimits,
    owner: TransactionOwner,
  ) {
    this.#lease = new Lease(pool, observer, limits)
    this.#sender = new StatementSender(observer, limits, this)
    this.#mode = mode
    this.#sender.isReadOnly = mode.readOnly === true
    this.#limits = limits
    this.#owner = owner
  }

  get connection(): Connection | undefined {
    return this.#lease.connection
  }

  /** Stops to wait for a connection, and asks the server to cancel the running statement. */
  cancel(reason: DataBridgeError): void {
    this.#lease.giveUp(reason)
    this.#sender.cancel()
  }

  giveBack(done: () => void): void {
    this.#lease.giveBack(done)
  }

  get begun(): string {
    return this.#begun
  }

  /** Calls `work` with the connection of the session. */
  connect(
    operation: Operation | undefined,
    done: Done,
    work: (connection: Connection) => void,
  ): void {
    const { connection } = this.#lease
    if (connection !== undefined) return work(connection)
    this.#lease.take(operation, (error, taken) => {
      if (taken === undefined) return done(error)
      // The session may have ended while it waited.
      if (this.refusal !== undefined) return done(this.refusal())
      work(taken)
    })
  }

  /** Sends statements in one exchange. BEGIN goes first, if one of them needs a transaction and there is none. */
  send(sendings: readonly Sending[], operation: Operation | undefined, done: Done): void {
    const failed = this.#failedError()
    if (failed !== undefined) return done(failed)
    this.connect(operation, done, (connection) => {
      const begins = !this.transaction.exists && this.#needTransaction(sendings)
      const all = begins ? [this.#beginning(this.#mode), ...sendings] : sendings
      this.#exchange(connection, all, operation, (refusal) => {
        if (refusal !== undefined) return done(this.#failed(refusal))
        // The session may have ended when there was nothing left to cancel.
        done(this.refusal?.())
      })
    })
  }

  /** Begins a transaction; within one it does nothing. */
  begin(mode: TransactionMode, operation: Operation | undefined, done: Done): void {
    if (this.transaction.exists) return done()
    const beginning = this.#beginning({ ...this.#mode, ...mode })
    this.connect(operation, done, (connection) => {
      this.#exchange(connection, [beginning], operation, (refusal) =>
        done(refusal && this.#failed(refusal)),
      )
    })
  }

  /** Runs your own SQL: `run` calls back with what the driver said. */
  runOwn(
    sending: Sending,
    operation: Operation,
    run: (connection: Connection) => Promise<{ readonly rowCount: number }>,
    done: Done,
  ): void {
    const failed = this.#failedError()
    if (failed !== undefined) return done(failed)
    const start = (error?: unknown): void => {
      if (error !== undefined) return done(error)
      // The session may have ended during BEGIN, when there was nothing to cancel.
      if (this.refusal !== undefined) return done(this.refusal())
      this.connect(operation, done, (connection) => {
        this.#sender.runOwn(connection, sending, operation, run, (refusal) => {
          if (refusal !== undefined) return done(this.#failed(refusal))
          this.transaction.hasExecuted = true
          done()
        })
      })
    }
    this.begin({}, operation, start)
  }

  /**
   * Sends the last statements, and COMMIT behind them. Nothing is ever sent behind a COMMIT.
   *
   * @param ended called if COMMIT was to be sent: with its failure, or without one
   */
  commit(
    sendings: readonly Sending[],
    operation: Operation,
    done: Done,
    ended: (failure: CommitFailure | undefined) => void,
  ): void {
    // If the connection was lost before COMMIT was sent, nothing was saved.
    const loss = this.connection?.loss
    if (loss !== undefined) this.#lose(loss, statementError(loss, 'the transaction'))
    this.#expire()
    if (this.transaction.hasFailed) {
      const error = failedBeforeCommitError(this.transaction.failure)
      return this.rollback(operation, () => ended({ error }))
    }
    const commit = control('commit', operation)
    const last = [...sendings, commit]
    // COMMIT itself is not cancelled, so it has to be known when it begins.
    const before = sendings.at(-1)
    if (before !== undefined && this.isInterruptible) before.isFlushed = true
    this.connect(operation, done, (connection) => {
      const isNew = !this.transaction.exists
      const all = isNew ? [this.#beginning(this.#mode), ...last] : last
      this.#exchange(connection, all, sendings[0]?.operation ?? operation, (refusal) => {
        if (refusal === undefined) {
          this.#end()
          const { tag } = commit
          return ended(tag === 'COMMIT' ? undefined : { error: notCommittedError(tag) })
        }
        const { sending, cause, error } = refusal
        const isLost = refusal.isLost || isConnectionLoss(cause)
        // Who hangs up may have passed on all of the exchange before, COMMIT included.
        const isRefused = sending !== undefined && sending !== commit && !isLost
        if (isRefused) {
          const told = this.#failed(refusal)
          // All of the transaction has failed, so it can be tried again.
          return isNew ? this.rollback(operation, () => done(told)) : done(told)
        }
        if (isLost) this.#lease.drop(cause)
        this.#end()
        ended({ error: commitError(error, isLost) })
      })
    })
  }

  /** Never fails: if ROLLBACK cannot be sent, the connection is closed and PostgreSQL rolls back by itself. */
  rollback(operation: Operation | undefined, done: () => void): void {
    const { connection } = this
    if (!this.transaction.needsRollback || connection === undefined) {
      this.#end()
      return done()
    }
    this.#sender.send(connection, [control('rollback')], operation, (refusal) => {
      if (refusal !== undefined) this.#lease.drop(refusal.cause)
      this.#end()
      done()
    })
  }

  /** Undoes the statements since a savepoint, also after one of them has failed. */
  rollBackTo(statement: string, operation: Operation | undefined, done: Done): void {
    const { connection } = this
    if (!this.transaction.needsRollback || connection === undefined) return done()
    this.#sender.send(connection, [control(statement)], operation, (refusal) => {
      if (refusal !== undefined) return done(this.#failed(refusal))
      this.transaction.recovered()
      done()
    })
  }

  /** The time limit is over: PostgreSQL rolls back at once, and the session is told at its next statement. */
  rollBackExpired(
    reason: DataBridgeError,
    operation: Operation | undefined,
    done: () => void,
  ): void {
    // A COMMIT that was under way has ended the transaction.
    if (this.expiry !== reason) return done()
    this.rollback(operation, () => {
      this.#lease.giveBack(() => {
        this.transaction.began(undefined)
        this.transaction.fail(reason, true)
        done()
      })
    })
  }

  /**
   * Sends an exchange. If a prepared statement of it is outdated and nothing of the transaction was executed
   * before, it is sent once more, from BEGIN on.
   */
  #exchange(
    connection: Connection,
    sendings: readonly Sending[],
    operation: Operation | undefined,
    ended: (refusal: Refusal | undefined) => void,
  ): void {
    const isNew = !this.transaction.exists
    const mayRepeat = isNew || !this.transaction.hasExecuted
    const begins = isNew && isBegin(sendings[0])
    const limit = begins ? this.#limitTransaction() : undefined
    const told = (refusal: Refusal | undefined): void => {
      if (refusal === undefined) this.transaction.hasExecuted ||= sendings.some(isWork)
      ended(refusal)
    }
    this.#sender.send(connection, sendings, operation, (refusal) => {
      if (begins) this.#hasBegun(connection, limit)
      // The application has given it back so.
      else if (isNew && connection.isInTransaction) connection.replace()
      if (refusal === undefined) return told(undefined)
      if (!connection.outdate(refusal.cause, sendings) || !mayRepeat) return told(refusal)
      if (!this.transaction.exists) return this.#sender.send(connection, sendings, operation, told)
      const again = isNew
        ? [control('rollback'), ...sendings]
        : [control('rollback'), control(this.#begun), ...sendings]
      this.#sender.send(connection, again, operation, told)
    })
  }

  /** A transaction may have begun, and ended again. */
  #hasBegun(connection: Connection, limit: NodeJS.Timeout | undefined): void {
    if (connection.isInTransaction) return this.transaction.began(limit)
    clearTimeout(limit)
    this.expiry = undefined
  }

  #needTransaction(sendings: readonly Sending[]): boolean {
    const { transaction, isolation, readOnly } = this.#mode
    if (transaction === true || isolation !== undefined || readOnly === true) return true
    return sendings.some(
      ({ statement }) => statement.kind === 'write' || statement.needsTransaction,
    )
  }

  #beginning(mode: TransactionMode): Sending {
    this.#begun = beginText(mode)
    this.#sender.isReadOnly = mode.readOnly === true
    return control(this.#begun)
  }

  #failedError(): DataBridgeError | undefined {
    this.#expire()
    const { hasFailed, isLost, failure } = this.transaction
    return hasFailed ? failedTransactionError(isLost, failure) : undefined
  }

  /** The time limit was over after the previous statement, while this one waited. */
  #expire(): void {
    if (this.expiry !== undefined) this.transaction.fail(this.expiry, false)
  }

  /** @returns the error of the statement */
  #failed({ cause, error, sending, isUnread, isLost }: Refusal): unknown {
    if (isToReplace(cause, this.#sender.isReadOnly)) this.connection?.replace()
    if (isLost || (!isUnread && isConnectionLoss(cause))) this.#lose(cause, error)
    // A row that could not be read is no failure for the server. What was written is in doubt then.
    else if (!isUnread || sending?.statement.kind !== 'read') this.transaction.fail(error, false)
    return error
  }

  #lose(cause: unknown, error: unknown): void {
    this.transaction.fail(error, true)
    this.#lease.drop(cause)
  }

  #limitTransaction(): NodeJS.Timeout | undefined {
    const { transaction: limitMs } = this.#limits
    if (limitMs === undefined) return undefined
    return setTimeout(() => {
      this.expiry = transactionTimeoutError(limitMs)
      this.#sender.end()
      this.#owner.expired(this.expiry)
    }, limitMs)
  }

  /** Why the session has cancelled the running statement. */
  get reasonOfCancel(): DataBridgeError | undefined {
    return this.refusal?.() ?? this.expiry
  }

  #end(): void {
    this.expiry = undefined
    this.transaction.ended()
  }
}

function isBegin(sending: Sending | undefined): boolean {
  return sending?.statement.kind === 'control' && sending.statement.summary.startsWith('BEGIN')
}

function isWork({ statement }: Sending): boolean {
  return statement.kind !== 'control' || statement.summary.startsWith('SAVEPOINT')
}
