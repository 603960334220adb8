import type { DataBridgeError } from '../errors.ts'
import type { SentStatement } from '../observe/observer.ts'
import { type Connection, graceMs } from './connection.ts'
import { statementTimeoutError } from './transaction-errors.ts'

/** The time limit of a running statement. Has an error when the time is over. */
export interface StatementLimit {
  readonly timer: NodeJS.Timeout
  readonly error: DataBridgeError | undefined
}

/** The summary of queries to the catalogue, which the library sends by itself. */
export const catalogueSummary = 'SELECT catalogue'

/**
 * Statements such as BEGIN cannot be cancelled: their connection is closed. ROLLBACK has its own limit,
 * since PostgreSQL also rolls back when the connection ends.
 */
export function limitStatement(
  connection: Connection,
  { summary, kind }: Pick<SentStatement, 'summary' | 'kind'>,
  statementMs: number | undefined,
): StatementLimit | undefined {
  const limitMs = summary === 'ROLLBACK' ? graceMs : statementMs
  if (limitMs === undefined) return undefined
  let error: DataBridgeError | undefined
  const timer = setTimeout(() => {
    error = statementTimeoutError(summary, limitMs)
    if (kind === 'control' && summary !== catalogueSummary) connection.destroy()
    else connection.cancel()
  }, limitMs)
  return {
    timer,
    get error() {
      return error
    },
  }
}
