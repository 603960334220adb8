import { DataBridgeError } from '../errors.ts'
import type { QueryOperation } from '../observe/operation.ts'
import { type Fetched, FetchedRows } from '../sql/fetched.ts'
import { noParameters } from '../sql/node.ts'
import type { Statement } from '../sql/statement.ts'
import type { QueryContext } from './run.ts'

let made = 0

/** A cursor of PostgreSQL: it lives in the transaction that it was declared in. */
export class Cursor {
  readonly #context: QueryContext
  readonly #operation: QueryOperation
  readonly #name: string
  #transaction: number | undefined
  #recoveries = 0

  constructor(context: QueryContext, operation: QueryOperation) {
    this.#context = context
    this.#operation = operation
    made += 1
    this.#name = `data_bridge_${made}`
  }

  /** Reads the next rows of a statement. The first time it declares the cursor, in the same exchange. */
  async fetch<T>(statement: Statement, rows: number, fetched: Fetched<T>): Promise<T> {
    const fetching = this.#statement(statement, `fetch ${rows} from ${this.#name}`)
    const operation = this.#operation
    if (this.#transaction !== undefined) {
      if (!(await this.#isOpen())) throw endedError()
      return this.#context.fetch(fetching, operation, fetched)
    }
    const text = `declare ${this.#name} no scroll cursor for ${statement.text}`
    const declaring = { ...this.#statement(statement, text), decoder: undefined }
    const parameters = statement.parameters
    const declared = new FetchedRows(() => undefined)
    const [, first] = await this.#context.fetchAll<T | undefined>(
      [
        { statement: { ...declaring, parameters }, operation, fetched: declared },
        { statement: fetching, operation, fetched },
      ],
      operation,
    )
    this.#transaction = this.#context.transaction
    this.#recoveries = this.#context.recoveries
    return first as T
  }

  /** Closes the cursor, unless it has ended with its transaction. */
  async close(): Promise<void> {
    if (!(await this.#isOpen())) return
    const closing = ownStatement(`close ${this.#name}`, 'CLOSE')
    await this.#context.fetch(closing, this.#operation, new FetchedRows(() => undefined))
  }

  async #isOpen(): Promise<boolean> {
    const { transaction, recoveries } = this.#context
    if (transaction === undefined || transaction !== this.#transaction) return false
    if (recoveries === this.#recoveries) return true
    // A savepoint from before its first rows has taken it along; asking for what is not there would be a failure.
    const text = `select from pg_cursors where name = '${this.#name}'`
    const found = new FetchedRows(({ rows }) => rows.length > 0)
    const isThere = await this.#context.fetch(
      ownStatement(text, 'SELECT pg_cursors'),
      this.#operation,
      found,
    )
    this.#recoveries = recoveries
    if (!isThere) this.#transaction = undefined
    return isThere
  }

  // Without a name: the next cursor has other columns.
  #statement({ summary, tables, decoder }: Statement, text: string): Statement {
    const needsTransaction = true
    return {
      text,
      kind: 'read',
      summary,
      tables,
      decoder,
      needsTransaction,
      parameters: noParameters,
    }
  }
}

function ownStatement(text: string, summary: string): Statement {
  return { text, kind: 'read', summary, tables: [], parameters: noParameters }
}

function endedError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    'stream() expected the transaction that it began in, which has ended: with the session, by commit(), rollback(), a failed statement, or a transaction() around its first rows that failed',
  )
}
