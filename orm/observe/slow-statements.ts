import type { Observer, SentStatement, StatementEnd } from './observer.ts'
import type { Operation } from './operation.ts'

/** A statement that took longer than it should. */
export interface SlowStatement {
  readonly durationMs: number
  /** What it does: `SELECT users`. */
  readonly summary: string
  /** Its text; values are bound parameters, so it has none. */
  readonly sql: string
  /** The operation that sent it: `find`, `selectinload`, `flush`; undefined for the start of a transaction by hand. */
  readonly operation: string | undefined
}

/** Tells of statements that took at least so long, from when they were sent to their answer. */
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
