import type { Socket } from 'node:net'
import type { PoolClient, QueryArrayResult, QueryResult } from 'pg'
import { sendCancelRequest } from './cancel-request.ts'
import type { RawRow } from '../entity/entity-state.ts'
import type { RawOutcome } from './raw-outcome.ts'
import type { Parameter } from '../sql/node.ts'

/** What the driver needs to know of a statement. */
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
  /** What `pg` makes of a text of the column: a number of an `integer`, a string of a `bigint`. */
  parse(column: number, text: string): unknown
}

/** How long a statement that was cancelled may go on, and a ROLLBACK: then the connection is cut off. */
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
    // While it is checked out nobody else listens, and an error without a listener ends the process.
    client.on('error', this.#onLost)
  }

  /** Rows as PostgreSQL's texts, in the order of the columns. */
  async rawRows(statement: WireStatement): Promise<RawResult> {
    try {
      return this.#rawResult(await this.#sendRaw(statement))
    } catch (error) {
      if (statement.name === undefined || !isOutdated(error)) throw error
      this.#isOutdated = true
      // Nothing was executed; in a transaction, though, nothing can be any more.
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

  /** Rows as objects, with the values that `pg` makes of each type. */
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
   * Has the server cancel the statement that runs. One that goes on regardless is cut off with its
   * connection: nobody waits for longer than the grace.
   */
  cancel(): void {
    this.#cancelling ??= this.#cancel()
  }

  get isCancelling(): boolean {
    return this.#cancelling !== undefined
  }

  /** Resolves, after a statement, when no request to cancel it is under way any more, which could hit the next one. */
  async settled(): Promise<void> {
    clearTimeout(this.#cutOff)
    await this.#cancelling
    this.#cancelling = undefined
  }

  /** Breaks the connection: what waits for an answer fails, and PostgreSQL rolls back by itself. */
  destroy(): void {
    this.#lost ??= new Error('the connection was cut off')
    const { connection } = this.#client as unknown as { connection: { stream: Socket } }
    connection.stream.destroy()
  }

  /** Whether PostgreSQL, when it last answered, was in a transaction, failed or not. */
  get isInTransaction(): boolean {
    return this.#client.getTransactionStatus() !== 'I'
  }

  /** Why the connection broke while nothing was sent, or was cut off; undefined where it was not. */
  get loss(): Error | undefined {
    return this.#lost
  }

  /** Gives the connection back; one that broke, that is not idle, or whose prepared statements are outdated, is closed instead. */
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
    // One that is still on its way would hit the next statement.
    if (!isDone) this.destroy()
  }

  readonly #onLost = (error: Error): void => {
    this.#lost = error
  }
}

/** Whether PostgreSQL no longer has what was prepared, or a table's columns have other types since. */
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
