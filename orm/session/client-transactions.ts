import type { TransactionMode } from '../driver/transaction-mode.ts'
import type { SessionConnection } from '../driver/session-connection.ts'
import {
  type CommandMode,
  type TransactionCommand,
  transactionCommand,
} from '../sql/transaction-command.ts'
import { heldTransaction, type HeldTransaction } from './held-transaction.ts'
import { deferrableError, otherModeError, overlapError } from './session-errors.ts'

/** What transactions of a client need of the session. */
export interface TransactionHost {
  readonly connection: Pick<SessionConnection, 'isInTransaction' | 'begun'>
  readonly isReadOnly: boolean
  transaction(fn: () => Promise<void>, mode: TransactionMode): Promise<void>
}

interface Open {
  /** Of a savepoint; undefined for BEGIN. */
  readonly name: string | undefined
  readonly held: HeldTransaction
}

/** The transaction that a client of `session.connection` begins by SQL, and its savepoints: those of `transaction()`. */
export class ClientTransactions {
  readonly #host: TransactionHost
  /** The outermost first, which is that of BEGIN. */
  readonly #open: Open[] = []
  /** COMMIT has failed, and nothing is left that the ROLLBACK behind it could undo. */
  #isUndone = false

  constructor(host: TransactionHost) {
    this.#host = host
  }

  /** Does what a command says. Undefined if it does not concern a transaction of this client. */
  take(command: TransactionCommand): Promise<void> | undefined {
    const isUndone = this.#isUndone
    this.#isUndone = false
    switch (command.kind) {
      case 'begin':
        return this.#begin(command.mode)
      case 'set':
        return this.#host.connection.isInTransaction ? this.#set(command.mode) : undefined
      case 'commit':
        return this.#isBegun ? this.#release(0) : undefined
      case 'rollback':
        if (!this.#isBegun) return isUndone ? Promise.resolve() : undefined
        return this.#rollBack(0)
      case 'savepoint':
        return this.#isBegun ? this.#push(command.name, {}) : undefined
      case 'release':
      case 'rollback to':
        return this.#toSavepoint(command)
    }
  }

  get #isBegun(): boolean {
    return this.#open.length > 0
  }

  async #begin(mode: CommandMode): Promise<void> {
    if (this.#isBegun) throw overlapError()
    await this.#push(undefined, this.#required(mode))
  }

  async #set(mode: CommandMode): Promise<void> {
    this.#required(mode)
  }

  #toSavepoint(command: { kind: string; name: string }): Promise<void> | undefined {
    const { kind, name } = command
    const index = this.#open.findLastIndex((open) => open.name === name)
    if (index === -1) return undefined
    if (kind === 'release') return this.#release(index)
    // In PostgreSQL the savepoint is still there afterwards.
    return this.#rollBack(index).then(() => this.#push(name, {}))
  }

  async #push(name: string | undefined, mode: TransactionMode): Promise<void> {
    const held = await heldTransaction((fn) => this.#host.transaction(fn, mode))
    this.#open.push({ name, held })
  }

  /** The innermost first. */
  async #release(index: number): Promise<void> {
    try {
      while (this.#open.length > index) await this.#open.pop()?.held.release()
    } catch (error) {
      this.#isUndone = !this.#isBegun
      throw error
    }
  }

  /** The outermost first: it takes those in it along. */
  async #rollBack(index: number): Promise<void> {
    for (const { held } of this.#open.splice(index)) await held.rollBack()
  }

  /** The mode to begin with. Throws if the transaction that is open has another one. */
  #required(mode: CommandMode): TransactionMode {
    const { connection, isReadOnly } = this.#host
    if (mode.deferrable === true) throw deferrableError()
    if (connection.isInTransaction) {
      if (differs(mode, modeOf(connection.begun))) throw otherModeError(connection.begun)
      return {}
    }
    const { isolation, readOnly } = mode
    if (readOnly === false && isReadOnly) throw otherModeError('begin read only')
    return { ...(isolation && { isolation }), ...(readOnly && { readOnly }) }
  }
}

function differs(
  wanted: CommandMode,
  { isolation = 'read committed', readOnly = false }: CommandMode,
): boolean {
  return (wanted.isolation ?? isolation) !== isolation || (wanted.readOnly ?? readOnly) !== readOnly
}

function modeOf(begun: string): CommandMode {
  const command = transactionCommand(begun)
  return command?.kind === 'begin' ? command.mode : {}
}
