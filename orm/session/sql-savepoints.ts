import type { DataBridgeError } from '../errors.ts'
import { transactionControls } from '../sql/transaction-control.ts'
import { controlError, rollbackToError } from './session-errors.ts'
import type { AfterCommit } from './after-commit.ts'
import type { UnitOfWork } from '../unit-of-work/unit-of-work.ts'

/** What a session had done when a savepoint was set. */
interface Mark {
  readonly writes: number
  /** How many callbacks of `afterCommit()` there were. */
  readonly callbacks: number
}

/**
 * The savepoints that `execute()` made. SQL may roll back to one only if the session has written nothing since:
 * otherwise the session would treat undone rows as stored.
 */
export class SqlSavepoints {
  readonly #work: UnitOfWork
  #marks: Map<string, Mark> | undefined

  constructor(work: UnitOfWork) {
    this.#work = work
  }

  /** Why a text must not be executed. */
  refusal(text: string, callbacks: AfterCommit | undefined): DataBridgeError | undefined {
    for (const control of transactionControls(text)) {
      if (control.kind === 'end') return controlError(control.words)
      if (control.kind === 'savepoint') {
        this.#set(control.name, callbacks?.count ?? 0)
        continue
      }
      const mark = this.#marks?.get(control.name)
      if (mark?.writes !== this.#work.writeCount) return rollbackToError(control.name)
      callbacks?.undoneTo(mark.callbacks)
    }
    return undefined
  }

  #set(name: string, callbacks: number): void {
    this.#marks ??= new Map()
    this.#marks.set(name, { writes: this.#work.writeCount, callbacks })
  }

  /** The transaction has ended, and its savepoints with it. */
  clear(): void {
    this.#marks = undefined
  }
}
