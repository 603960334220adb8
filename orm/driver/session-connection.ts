import type { DataBridgeError } from '../errors.ts'
import { type Observer, type SentStatement, within } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import { noParameters } from '../sql/node.ts'
import type { Statement } from '../sql/statement.ts'
import type { Connection, RawResult } from './connection.ts'
import { requireIsolation } from './isolation.ts'
import { Lease } from './lease.ts'
import { isConnectionLoss, statementError } from './pg-errors.ts'
import type { ConnectionPool } from './pool.ts'
import { catalogueSummary, limitStatement } from './statement-limit.ts'
import { hasEnded, type RawOutcome } from './raw-outcome.ts'
import type { TimeLimits } from './time-limits.ts'
import {
  commitError,
  endedBySqlError,
  failedBeforeCommitError,
  failedTransactionError,
  notCommittedError,
  transactionTimeoutError,
} from './transaction-errors.ts'
import type { SessionMode, TransactionMode } from './transaction-mode.ts'
import { SerialQueue } from '../util/serial-queue.ts'

type Answer = RawResult['rows'] | undefined

/**
 * `none`: statements commit by themselves. `failed`: PostgreSQL refused a statement and now accepts only
 * ROLLBACK. `lost`: PostgreSQL rolled back, because the connection broke or the time limit was over.
 */
type TransactionState = 'none' | 'open' | 'failed' | 'lost'

/**
 * A session's side of the pool: at most one connection, one statement at a time, in the order in
 * which they were asked for. The connection is held while a statement runs or a transaction is open.
 */
export class SessionConnection {
  readonly #lease: Lease
  readonly #observer: Observer
  readonly #mode: SessionMode
  readonly #limits: TimeLimits
  readonly #queue: SerialQueue
  #transaction: TransactionState = 'none'
  #failure: unknown
  #expiry: DataBridgeError | undefined
  #refusal: (() => DataBridgeError) | undefined
  #isCancellable = false
  #transactionLimit: NodeJS.Timeout | undefined

  constructor(
    pool: ConnectionPool,
    observer: Observer,
    mode: SessionMode,
    limits: TimeLimits = {},
  ) {
    this.#lease = new Lease(pool, observer)
    this.#observer = observer
    this.#mode = mode
    this.#limits = limits
    this.#queue = new SerialQueue(() => {
      if (this.#transaction === 'none') this.#lease.giveBack()
    })
  }

  get isInTransaction(): boolean {
    return this.#transaction !== 'none'
  }

  get isIdle(): boolean {
    return this.#queue.isIdle
  }

  /** Whether the transaction can no longer be committed. */
  get hasFailed(): boolean {
    return this.#transaction === 'failed' || this.#transaction === 'lost'
  }

  /** Refuses statements that were not sent yet. */
  refuse(reason: () => DataBridgeError): void {
    this.#refusal ??= reason
  }

  /**
   * Refuses every later statement, and asks the server to cancel the running one. It does not cancel a
   * COMMIT, since its result would be unknown.
   */
  abort(reason: DataBridgeError): void {
    this.refuse(() => reason)
    this.#lease.giveUp(reason)
    this.#cancelRunning()
  }

  rows(statement: Statement, operation: Operation | undefined): Promise<RawResult> {
    return this.#run(statement, operation, (connection) => connection.rawRows(statement))
  }

  /**
   * Asks the catalogue. Gives no rows if the query fails, and undefined if the role must not read the
   * catalogue. `begins`: a write follows, so begin a transaction after it.
   */
  lookUp(
    text: string,
    parameters: readonly string[],
    operation: Operation,
    begins: boolean = false,
  ): Promise<Answer> {
    const statement = { text, parameters, summary: catalogueSummary, kind: 'control' } as const
    return this.#inTurn(async () => {
      this.#refuseFailed()
      const connection = await this.#connect(operation)
      const ask = async (): Promise<Answer> => {
        try {
          const send = () => connection.rawRows(statement)
          return (await this.#send(connection, statement, operation, send)).rows
        } catch (error) {
          if (this.#refusal !== undefined || this.#lease.connection === undefined) throw error
          return (error as DataBridgeError).sqlState === '42501' ? undefined : []
        }
      }
      if (this.#transaction !== 'none') return this.#askWithin(connection, ask, operation)
      const rows = await ask()
      if (begins) await this.#begin(connection, this.#mode, operation)
      return rows
    })
  }

  /** Asks within a transaction. A savepoint keeps the transaction usable if the query fails. */
  async #askWithin(
    connection: Connection,
    ask: () => Promise<Answer>,
    operation: Operation,
  ): Promise<Answer> {
    await this.#control(connection, 'savepoint data_bridge_facts', operation)
    const answer = await ask()
    if (this.hasFailed) {
      await this.#control(connection, 'rollback to savepoint data_bridge_facts', operation)
      this.#recover()
    }
    await this.#control(connection, 'release savepoint data_bridge_facts', operation)
    return answer
  }

  /** Runs your own SQL. */
  objects(statement: Statement, operation: Operation): Promise<RawOutcome> {
    return this.#run(statement, operation, async (connection) => {
      const outcome = await connection.objects(statement)
      if (hasEnded(statement.text, outcome.commands, connection.isInTransaction))
        throw endedBySqlError()
      return outcome
    })
  }

  /** Makes the transaction fail, so that it can no longer be committed. */
  fail(error: DataBridgeError): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.hasFailed) this.#transaction = 'failed'
      this.#failure ??= error
    })
  }

  /** Takes a connection and gives it back. */
  check(): Promise<void> {
    return this.#inTurn(async () => void (await this.#connect(undefined)))
  }

  /** Begins a transaction at once; within one it does nothing. */
  begin(mode: TransactionMode, operation: Operation | undefined): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#transaction === 'none')
        await this.#begin(await this.#connect(operation), mode, operation)
    })
  }

  /** @returns whether there was a transaction to commit */
  commit(operation: Operation): Promise<boolean> {
    return this.#inTurn(() => this.#commit(operation))
  }

  /** Never fails: where ROLLBACK cannot be sent, the connection is closed. */
  rollback(operation: Operation): Promise<void> {
    return this.#queue.take(() => this.#rollback(operation))
  }

  savepoint(name: string, operation: Operation | undefined): Promise<void> {
    return this.#inTurn(async () => {
      this.#refuseFailed()
      const connection = await this.#connect(operation)
      if (this.#transaction === 'none') await this.#begin(connection, this.#mode, operation)
      await this.#control(connection, `savepoint ${name}`, operation)
    })
  }

  releaseSavepoint(name: string, operation: Operation | undefined): Promise<void> {
    return this.#inTurn(async () => {
      this.#refuseFailed()
      await this.#control(await this.#connect(operation), `release savepoint ${name}`, operation)
    })
  }

  rollbackToSavepoint(name: string, operation: Operation | undefined): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#transaction === 'none' || this.#transaction === 'lost') return
      const connection = await this.#connect(operation)
      await this.#control(connection, `rollback to savepoint ${name}`, operation)
      this.#recover()
    })
  }

  /** Resolves when every statement that was sent has been answered and the connection is back. */
  settled(): Promise<void> {
    return this.#queue.settled()
  }

  #run<T extends { readonly rowCount: number }>(
    statement: Statement,
    operation: Operation | undefined,
    send: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    return this.#inTurn(async () => {
      this.#refuseFailed()
      const connection = await this.#connect(operation)
      if (this.#transaction === 'none' && this.#needsTransaction(statement)) {
        await this.#begin(connection, this.#mode, operation)
        // The session may have ended during BEGIN, when there was nothing to cancel.
        if (this.#refusal !== undefined) throw this.#refusal()
      }
      return this.#send(connection, statement, operation, send)
    })
  }

  #needsTransaction(statement: Statement): boolean {
    return (
      statement.kind === 'write' ||
      this.#mode.transaction === true ||
      this.#mode.isolation !== undefined ||
      this.#mode.readOnly === true
    )
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.take(() => {
      if (this.#refusal !== undefined) throw this.#refusal()
      return work()
    })
  }

  async #connect(operation: Operation | undefined): Promise<Connection> {
    const { connection } = this.#lease
    if (connection !== undefined) return connection
    const leased = await this.#lease.take(this.#limits.acquire, operation)
    // The session may have ended while it waited.
    if (this.#refusal !== undefined) throw this.#refusal()
    return leased
  }

  #refuseFailed(): void {
    // The time limit was over after the previous statement, while this one waited.
    if (this.#transaction === 'open' && this.#expiry !== undefined)
      this.#fail(this.#expiry, this.#expiry)
    if (!this.hasFailed) return
    throw failedTransactionError(this.#transaction === 'lost', this.#failure)
  }

  async #begin(
    connection: Connection,
    mode: TransactionMode,
    operation: Operation | undefined,
  ): Promise<void> {
    const { isolation = this.#mode.isolation, readOnly = this.#mode.readOnly } = mode
    requireIsolation(isolation)
    const level = isolation === undefined ? '' : ` isolation level ${isolation}`
    const access = readOnly === true ? ' read only' : ''
    await this.#control(connection, `begin${level}${access}`, operation)
    this.#transaction = 'open'
    const { transaction: limitMs } = this.#limits
    if (limitMs === undefined) return
    this.#transactionLimit = setTimeout(() => void this.#expire(limitMs, operation), limitMs)
  }

  #control(
    connection: Connection,
    text: string,
    operation: Operation | undefined,
  ): Promise<{ command: string; rowCount: number }> {
    const summary = text.toUpperCase()
    const statement = { text, parameters: noParameters, summary, kind: 'control' } as const
    return this.#send(connection, statement, operation, async () => ({
      command: await connection.control(text),
      rowCount: 0,
    }))
  }

  async #send<T extends { readonly rowCount: number }>(
    connection: Connection,
    statement: Omit<SentStatement, 'operation'>,
    operation: Operation | undefined,
    send: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const { text, parameters, summary, kind } = statement
    const end = this.#observer.statementSent?.({ text, parameters, summary, kind, operation })
    const limit = limitStatement(connection, statement, this.#limits.statement)
    this.#isCancellable = kind !== 'control' || (summary !== 'COMMIT' && summary !== 'ROLLBACK')
    const start = performance.now()
    try {
      const result = await within(this.#observer, operation, () => send(connection))
      end?.({ durationMs: performance.now() - start, rows: result.rowCount })
      return result
    } catch (cause) {
      const cancelled = connection.isCancelling ? (this.#refusal?.() ?? this.#expiry) : undefined
      const error = limit?.error ?? cancelled ?? statementError(cause, summary)
      end?.({ durationMs: performance.now() - start, error })
      this.#fail(cause, error)
      throw error
    } finally {
      this.#isCancellable = false
      clearTimeout(limit?.timer)
      if (connection.isCancelling) await connection.settled()
    }
  }

  #cancelRunning(): void {
    if (this.#isCancellable) this.#lease.connection?.cancel()
  }

  /** The time limit of the transaction is over: cancel the running statement, and roll back at once. */
  async #expire(limitMs: number, operation: Operation | undefined): Promise<void> {
    const expiry = transactionTimeoutError(limitMs)
    this.#expiry = expiry
    this.#cancelRunning()
    await this.#queue.take(async () => {
      // A COMMIT that was under way has ended it.
      if (this.#expiry !== expiry) return
      await this.#rollback(operation)
      this.#lease.giveBack()
      this.#transaction = 'lost'
      this.#failure = expiry
    })
  }

  #fail(cause: unknown, error: DataBridgeError): void {
    const isLost = isConnectionLoss(cause)
    if (this.#transaction !== 'none') {
      this.#failure ??= error
      this.#transaction = isLost ? 'lost' : 'failed'
    }
    if (isLost) this.#lease.giveBack(cause)
  }

  async #commit(operation: Operation): Promise<boolean> {
    if (this.#transaction === 'none') return false
    // If the connection was lost before COMMIT was sent, nothing was saved.
    const loss = this.#lease.connection?.loss
    if (loss !== undefined) this.#fail(loss, statementError(loss, 'the transaction'))
    const state: TransactionState = this.#transaction
    if (state !== 'open') {
      const cause = this.#failure
      await this.#rollback(operation)
      throw failedBeforeCommitError(cause)
    }
    try {
      const { command } = await this.#control(await this.#connect(operation), 'commit', operation)
      this.#end()
      if (command === 'COMMIT') return true
      throw notCommittedError(command)
    } catch (error) {
      const isLost = this.#transaction === 'lost'
      this.#end()
      throw commitError(error, isLost)
    }
  }

  async #rollback(operation: Operation | undefined): Promise<void> {
    const isSendable = this.#transaction === 'open' || this.#transaction === 'failed'
    try {
      const { connection } = this.#lease
      if (isSendable && connection !== undefined)
        await this.#control(connection, 'rollback', operation)
    } catch (error) {
      this.#lease.giveBack(error)
    } finally {
      this.#end()
    }
  }

  #recover(): void {
    this.#transaction = 'open'
    this.#failure = undefined
  }

  #end(): void {
    clearTimeout(this.#transactionLimit)
    this.#expiry = undefined
    this.#transaction = 'none'
    this.#failure = undefined
  }
}
