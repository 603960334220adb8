import type { DataBridgeError } from '../errors.ts'
import type { SentStatement } from '../observe/observer.ts'
import { type Connection, graceMs } from './connection.ts'
import { statementTimeoutError } from './transaction-errors.ts'

/** The time limit of a statement that is under way; it has an error when the time is over. */
export interface StatementLimit {
  readonly timer: NodeJS.Timeout
  readonly error: DataBridgeError | undefined
}

/** The catalogue is asked by a query that nobody has asked for. */
export const catalogueSummary = 'SELECT catalogue'

/**
 * What is no query cannot be cancelled: its connection is cut off. ROLLBACK has a limit of its own,
 * since PostgreSQL does the same when the connection ends.
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
