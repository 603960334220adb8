import type { Socket } from 'node:net'
import type { PoolClient, QueryArrayResult, QueryResult } from 'pg'
import { sendCancelRequest } from './cancel-request.ts'
import type { RawRow } from '../entity/entity-state.ts'
import type { RawOutcome } from './raw-outcome.ts'
import type { Parameter } from '../sql/node.ts'

/** The parts of a statement that the driver needs. */
export interface WireStatement {
  readonly text: string
  readonly parameters: readonly Parameter[]
  readonly name?: string | undefined
}

export interface RawResult {
  readonly rows: readonly RawRow[]
  /** PostgreSQL's command tag without its counts: `COMMIT`, `ROLLBACK`, `SELECT`. */
  readonly command: string
  readonly rowCount: number
  /** Parses a text of the column as `pg` does: an `integer` is a number, a `bigint` a string. */
  parse(column: number, text: string): unknown
}

/** How long a cancelled statement or a ROLLBACK may still run. Then the connection is closed. */
export const graceMs = 1000

const asText = { getTypeParser: () => (text: string) => text } as never

/** One checked-out connection. Never given two statements at a time. */
export class Connection {
  readonly #client: PoolClient
  #lost: Error | undefined
  #isReleased = false
  #isOutdated = false
  #cancelling: Promise<void> | undefined
  #cutOff: NodeJS.Timeout | undefined

  constructor(client: PoolClient) {
    this.#client = client
    // While it is checked out, nobody else listens for errors, and an error without a listener ends the process.
    client.on('error', this.#onLost)
  }

  /** Rows as PostgreSQL's texts, in the order of the columns. */
  async rawRows(statement: WireStatement): Promise<RawResult> {
    try {
      return this.#rawResult(await this.#sendRaw(statement))
    } catch (error) {
      if (statement.name === undefined || !isOutdated(error)) throw error
      this.#isOutdated = true
      // Nothing was executed. But a transaction cannot go on after that.
      if (this.isInTransaction) throw error
      return this.#rawResult(await this.#sendRaw({ ...statement, name: undefined }))
    }
  }

  #sendRaw(statement: WireStatement): Promise<QueryArrayResult<(string | null)[]>> {
    return this.#client.query({ ...queryOf(statement), rowMode: 'array', types: asText })
  }

  #rawResult({ rows, command, rowCount, fields }: QueryArrayResult<(string | null)[]>): RawResult {
    return {
      rows,
      command,
      rowCount: rowCount ?? 0,
      parse: (column, text) => this.#parserOf(fields[column]?.dataTypeID)(text),
    }
  }

  /** Rows as objects, with the values that `pg` parses for each type. */
  async objects(statement: WireStatement): Promise<RawOutcome> {
    const result: QueryResult | QueryResult[] = await this.#client.query(queryOf(statement))
    // Several statements in one text give a result each.
    const results = Array.isArray(result) ? result : [result]
    const last = results.at(-1)
    return {
      rows: last?.rows ?? [],
      rowCount: last?.rowCount ?? 0,
      commands: results.map(({ command }) => command),
    }
  }

  /** BEGIN, COMMIT and their like: no parameters, nothing prepared. */
  async control(text: string): Promise<string> {
    const { command } = await this.#client.query(text)
    return command
  }

  /**
   * Asks the server to cancel the running statement. If the statement goes on after the grace period, the
   * connection is closed.
   */
  cancel(): void {
    this.#cancelling ??= this.#cancel()
  }

  get isCancelling(): boolean {
    return this.#cancelling !== undefined
  }

  /** Resolves when no cancel request of the last statement is under way, which could cancel the next one. */
  async settled(): Promise<void> {
    clearTimeout(this.#cutOff)
    await this.#cancelling
    this.#cancelling = undefined
  }

  /** Breaks the connection. The running statement fails, and PostgreSQL rolls back by itself. */
  destroy(): void {
    this.#lost ??= new Error('the connection was cut off')
    const { connection } = this.#client as unknown as { connection: { stream: Socket } }
    connection.stream.destroy()
  }

  /** Whether PostgreSQL, when it last answered, was in a transaction, failed or not. */
  get isInTransaction(): boolean {
    return this.#client.getTransactionStatus() !== 'I'
  }

  /** Why the connection broke or was closed while no statement ran; undefined if it did not. */
  get loss(): Error | undefined {
    return this.#lost
  }

  /** Returns the connection to the pool. Closes it instead if it is broken, still in a transaction, or has outdated prepared statements. */
  release(cause?: unknown): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#client.removeListener('error', this.#onLost)
    const broken = cause ?? this.#lost ?? (this.isInTransaction || this.#isOutdated)
    this.#client.release(broken instanceof Error ? broken : broken !== false)
  }

  #parserOf(typeId: number | undefined): (text: string) => unknown {
    return typeId === undefined ? String : this.#client.getTypeParser(typeId)
  }

  async #cancel(): Promise<void> {
    this.#cutOff = setTimeout(() => this.destroy(), graceMs)
    const isDone = await sendCancelRequest(this.#client, graceMs)
    // A cancel request that is still under way could cancel the next statement.
    if (!isDone) this.destroy()
  }

  readonly #onLost = (error: Error): void => {
    this.#lost = error
  }
}

/** Whether a prepared statement is gone, or the columns of its table have other types now. */
function isOutdated(error: unknown): boolean {
  const { code, routine } = error as { readonly code?: string; readonly routine?: string }
  return code === '26000' || (code === '0A000' && routine === 'RevalidateCachedQuery')
}

function queryOf({ text, parameters, name }: WireStatement): {
  text: string
  values: Parameter[]
  name?: string
} {
  const values = parameters as Parameter[]
  return name === undefined ? { text, values } : { text, values, name }
}
