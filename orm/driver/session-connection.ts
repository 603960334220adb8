import { DataBridgeError } from '../errors.ts'
import type { Observer, SentStatement } from '../observe/observer.ts'
import type { Operation } from '../observe/operation.ts'
import { noParameters } from '../sql/node.ts'
import type { Statement } from '../sql/statement.ts'
import type { Connection, RawResult } from './connection.ts'
import { type Isolation, requireIsolation } from './isolation.ts'
import { isConnectionLoss, statementError } from './pg-errors.ts'
import type { ConnectionPool } from './pool.ts'

/** How a transaction begins. */
export interface TransactionMode {
  readonly isolation?: Isolation | undefined
  readonly readOnly?: boolean | undefined
}

/**
 * `none`: statements commit by themselves. `failed`: a statement was refused, and PostgreSQL answers
 * nothing but ROLLBACK. `lost`: the connection broke, and PostgreSQL has rolled back.
 */
type TransactionState = 'none' | 'open' | 'failed' | 'lost'

/**
 * A session's side of the pool: at most one connection, one statement at a time, in the order in
 * which they were asked for. The connection is held while a statement runs or a transaction is open.
 */
export class SessionConnection {
  readonly #pool: ConnectionPool
  readonly #observer: Observer
  readonly #mode: TransactionMode
  #connection: Connection | undefined
  #heldSince = 0
  #transaction: TransactionState = 'none'
  #failure: unknown
  #tail: Promise<unknown> | undefined
  #refusal: DataBridgeError | undefined

  constructor(pool: ConnectionPool, observer: Observer, mode: TransactionMode) {
    this.#pool = pool
    this.#observer = observer
    this.#mode = mode
  }

  get isInTransaction(): boolean {
    return this.#transaction !== 'none'
  }

  /** Refuses every statement that has not been sent yet. */
  refuse(reason: DataBridgeError): void {
    this.#refusal ??= reason
  }

  rows(statement: Statement, operation: Operation | undefined): Promise<RawResult> {
    return this.#run(statement, operation, (connection) => connection.rawRows(statement))
  }

  async objects(
    statement: Statement,
    operation: Operation,
  ): Promise<readonly Record<string, unknown>[]> {
    const { rows } = await this.#run(statement, operation, async (connection) => {
      const objects = await connection.objects(statement)
      if (!connection.isInTransaction) throw endedError()
      return { rows: objects, rowCount: objects.length }
    })
    return rows
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

  /** Never fails: where ROLLBACK cannot be sent the connection is closed, and PostgreSQL rolls back by itself. */
  rollback(operation: Operation): Promise<void> {
    return this.#inTurn(() => this.#rollback(operation), true)
  }

  savepoint(name: string, operation: Operation | undefined): Promise<void> {
    return this.#inTurn(async () => {
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
      this.#transaction = 'open'
      this.#failure = undefined
    })
  }

  /** Resolves when every statement that was sent has been answered and the connection is back. */
  async settled(): Promise<void> {
    while (this.#tail !== undefined) await this.#tail
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
      }
      return this.#send(connection, statement, operation, send)
    })
  }

  #needsTransaction(statement: Statement): boolean {
    return (
      statement.kind === 'write' ||
      this.#mode.isolation !== undefined ||
      this.#mode.readOnly === true
    )
  }

  async #inTurn<T>(work: () => Promise<T>, evenIfRefused = false): Promise<T> {
    const before = this.#tail
    let finish!: () => void
    const mine = new Promise<void>((resolve) => (finish = resolve))
    this.#tail = mine
    try {
      if (before !== undefined) await before
      if (this.#refusal !== undefined && !evenIfRefused) throw this.#refusal
      return await work()
    } finally {
      if (this.#tail === mine) {
        this.#tail = undefined
        if (this.#transaction === 'none') this.#release()
      }
      finish()
    }
  }

  async #connect(operation: Operation | undefined): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection
    this.#connection = await this.#acquire(operation)
    // The session may have ended while it waited.
    if (this.#refusal !== undefined) throw this.#refusal
    return this.#connection
  }

  async #acquire(operation: Operation | undefined): Promise<Connection> {
    const start = performance.now()
    const acquire = (): Promise<Connection> => this.#pool.acquire()
    try {
      const connection = await this.#within(operation, acquire)
      this.#heldSince = performance.now()
      this.#observer.connectionAwaited?.({ durationMs: this.#heldSince - start })
      return connection
    } catch (error) {
      this.#observer.connectionAwaited?.({ durationMs: performance.now() - start, error })
      throw error
    }
  }

  #within<T>(operation: Operation | undefined, send: () => T): T {
    return this.#observer.within === undefined ? send() : this.#observer.within(operation, send)
  }

  #release(cause?: unknown): void {
    if (this.#connection === undefined) return
    this.#connection.release(cause)
    this.#connection = undefined
    this.#observer.connectionReleased?.(performance.now() - this.#heldSince)
  }

  #refuseFailed(): void {
    if (this.#transaction !== 'failed' && this.#transaction !== 'lost') return
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_TRANSACTION',
      this.#transaction === 'lost'
        ? 'the transaction was lost with its connection; roll back and begin again'
        : 'the transaction failed at an earlier statement and has to be rolled back; its error is the cause',
      { cause: this.#failure },
    )
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
    const start = performance.now()
    try {
      const result = await this.#within(operation, () => send(connection))
      end?.({ durationMs: performance.now() - start, rows: result.rowCount })
      return result
    } catch (cause) {
      const error = statementError(cause, summary)
      end?.({ durationMs: performance.now() - start, error })
      this.#fail(cause, error)
      throw error
    }
  }

  #fail(cause: unknown, error: DataBridgeError): void {
    const isLost = isConnectionLoss(cause)
    if (this.#transaction !== 'none') {
      this.#failure ??= error
      this.#transaction = isLost ? 'lost' : 'failed'
    }
    if (isLost) this.#release(cause)
  }

  async #commit(operation: Operation): Promise<boolean> {
    if (this.#transaction === 'none') return false
    // Where the loss is known before COMMIT is sent, it is known too that nothing was saved.
    const loss = this.#connection?.loss
    if (loss !== undefined) this.#fail(loss, statementError(loss, 'the transaction'))
    const state: TransactionState = this.#transaction
    if (state !== 'open') {
      const cause = this.#failure
      await this.#rollback(operation)
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_COMMIT_FAILED',
        'nothing was committed: the transaction had failed before, and that error is the cause',
        { cause },
      )
    }
    try {
      const { command } = await this.#control(await this.#connect(operation), 'commit', operation)
      this.#end()
      if (command === 'COMMIT') return true
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_COMMIT_FAILED',
        `nothing was committed: PostgreSQL answered COMMIT with ${command}`,
      )
    } catch (error) {
      const isLost = this.#transaction === 'lost'
      this.#end()
      throw commitError(error, isLost)
    }
  }

  async #rollback(operation: Operation): Promise<void> {
    const isSendable = this.#transaction === 'open' || this.#transaction === 'failed'
    try {
      if (isSendable && this.#connection !== undefined)
        await this.#control(this.#connection, 'rollback', operation)
    } catch (error) {
      this.#release(error)
    } finally {
      this.#end()
    }
  }

  #end(): void {
    this.#transaction = 'none'
    this.#failure = undefined
  }
}

// The level becomes SQL text, so nothing but these may get there.
function endedError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    'SQL has ended the transaction of the session; use commit(), rollback() and transaction() for that',
  )
}

function commitError(error: unknown, isLost: boolean): unknown {
  if (isLost) {
    return new DataBridgeError(
      'DATA_BRIDGE_ERR_COMMIT_UNKNOWN',
      'the connection was lost while the transaction was being committed: it is not known whether it was saved',
      { cause: error },
    )
  }
  if (
    !(error instanceof DataBridgeError) ||
    error.code === 'DATA_BRIDGE_ERR_COMMIT_FAILED' ||
    error.retryable === true
  ) {
    return error
  }
  const { sqlState, constraint, table, column } = error
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_COMMIT_FAILED',
    `nothing was committed: ${error.message}`,
    {
      cause: error,
      sqlState,
      constraint,
      table,
      column,
    },
  )
}
