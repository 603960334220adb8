import { DataBridgeError } from '../errors.ts'
import type { QueryOperation } from '../observe/operation.ts'
import { type Fetched, FetchedRows } from '../sql/fetched.ts'
import { quote } from '../sql/identifier.ts'
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

  constructor(context: QueryContext, operation: QueryOperation) {
    this.#context = context
    this.#operation = operation
    made += 1
    this.#name = quote(`data_bridge_${made}`)
  }

  /** Reads the next rows of a statement. The first time it declares the cursor, in the same exchange. */
  async fetch<T>(statement: Statement, rows: number, fetched: Fetched<T>): Promise<T> {
    const fetching = this.#statement(statement, `fetch ${rows} from ${this.#name}`)
    const operation = this.#operation
    if (this.#transaction !== undefined) {
      if (this.#context.transaction !== this.#transaction) throw endedError()
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
    return first as T
  }

  /** Closes the cursor, unless it has ended with its transaction. */
  async close(): Promise<void> {
    const { transaction } = this.#context
    if (transaction === undefined || transaction !== this.#transaction) return
    const closing: Statement = {
      text: `close ${this.#name}`,
      kind: 'read',
      summary: 'CLOSE',
      tables: [],
      parameters: noParameters,
    }
    await this.#context.fetch(closing, this.#operation, new FetchedRows(() => undefined))
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

function endedError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    'stream() expected the transaction that it began in, which has ended: with the session, by commit(), rollback() or a failed statement',
  )
}
