import type { Observer, SentStatement, StatementEnd } from './observer.ts'
import type { Operation } from './operation.ts'

/** A statement that took longer than it should. */
export interface SlowStatement {
  readonly durationMs: number
  /** The verb and the table: `SELECT users`. */
  readonly summary: string
  /** The text without values: they are parameters. */
  readonly sql: string
  /** The operation that sent it: `find`, `selectinload`, `flush`; undefined for the BEGIN of `transaction()`. */
  readonly operation: string | undefined
}

/** Reports statements that took at least so long, from sending to the answer. */
export class SlowStatements implements Observer {
  readonly #limitMs: number
  readonly #tell: (statement: SlowStatement) => void

  constructor(limitMs: number, tell: (statement: SlowStatement) => void) {
    this.#limitMs = limitMs
    this.#tell = tell
  }

  statementSent({ text, summary, operation }: SentStatement): StatementEnd {
    return ({ durationMs }) => {
      if (durationMs < this.#limitMs) return
      this.#tell({ durationMs, summary, sql: text, operation: nameOf(operation) })
    }
  }
}

function nameOf(operation: Operation | undefined): string | undefined {
  return operation?.kind === 'relationship' ? operation.strategy : operation?.name
}
