import type { DataBridgeError } from '../errors.ts'
import { transactionControls } from '../sql/transaction-control.ts'
import { controlError, rollbackToError } from './session-errors.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/**
 * The savepoints that `execute()` made. SQL may roll back to one only if the session has written nothing since:
 * otherwise the session would treat undone rows as stored.
 */
export class SqlSavepoints {
  readonly #work: UnitOfWork
  /** How much the session had written when a savepoint was set. */
  #writes: Map<string, number> | undefined

  constructor(work: UnitOfWork) {
    this.#work = work
  }

  /** Why a text must not be executed. */
  refusal(text: string): DataBridgeError | undefined {
    for (const control of transactionControls(text)) {
      if (control.kind === 'end') return controlError(control.words)
      if (control.kind === 'savepoint') this.#set(control.name)
      else if (this.#writes?.get(control.name) !== this.#work.writeCount)
        return rollbackToError(control.name)
    }
    return undefined
  }

  #set(name: string): void {
    this.#writes ??= new Map()
    this.#writes.set(name, this.#work.writeCount)
  }

  /** The transaction has ended, and its savepoints with it. */
  clear(): void {
    this.#writes = undefined
  }
}
