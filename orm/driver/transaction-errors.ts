import { DataBridgeError, safeError, tellRefused } from '../errors.ts'
import { refusal } from '../util/refusals.ts'

/** The error of a statement in a transaction that has already failed. */
export function failedTransactionError(isLost: boolean, cause: unknown): DataBridgeError {
  if (isTransactionTimeout(cause)) return cause
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    isLost
      ? 'the transaction was lost with its connection; roll back and begin again'
      : 'the transaction failed at an earlier statement and has to be rolled back; its error is the cause',
    { cause },
  )
}

/** The error of a commit if the transaction failed before it. */
export function failedBeforeCommitError(cause: unknown): DataBridgeError {
  if (isTransactionTimeout(cause)) return cause
  return safeError(
    'DATA_BRIDGE_ERR_COMMIT_FAILED',
    'nothing was committed: the transaction had failed before, and that error is the cause',
    { cause },
  )
}

/** PostgreSQL answered COMMIT with another tag: it rolled back. */
export function notCommittedError(command: string): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_COMMIT_FAILED',
    `nothing was committed: PostgreSQL answered COMMIT with ${command}`,
  )
}

/** The error of a COMMIT that failed. */
export function commitError(error: unknown, isLost: boolean): unknown {
  if (isLost) {
    return safeError(
      'DATA_BRIDGE_ERR_COMMIT_UNKNOWN',
      'the connection was lost while the transaction was being committed: it is not known whether it was saved',
      { cause: error },
    )
  }
  if (
    !(error instanceof DataBridgeError) ||
    error.code === 'DATA_BRIDGE_ERR_COMMIT_FAILED' ||
    error.retryable === true
  ) {
    return error
  }
  const { sqlState, constraint, table, column, columns } = error
  const failed = new DataBridgeError(
    'DATA_BRIDGE_ERR_COMMIT_FAILED',
    `nothing was committed: ${error.details}`,
    {
      cause: error,
      sqlState,
      constraint,
      table,
      column,
      safeMessage: `nothing was committed: ${error.message}`,
    },
  )
  if (columns !== undefined) tellRefused(failed, { columns })
  return failed
}

export function endedBySqlError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    'SQL has ended the transaction of the session, which cannot be saved any more; use commit(), rollback() or transaction()',
  )
}

export function statementTimeoutError(summary: string, limitMs: number): DataBridgeError {
  const took = `took longer than timeouts.statement allows (${limitMs} ms), and was cancelled`
  return new DataBridgeError('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', `${summary} ${took}`, {
    safeMessage: `the statement ${took}`,
  })
}

export function transactionTimeoutError(limitMs: number): DataBridgeError {
  return refusal(
    safeError(
      'DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT',
      `the transaction took longer than timeouts.transaction allows (${limitMs} ms), and was rolled back`,
    ),
  )
}

function isTransactionTimeout(error: unknown): error is DataBridgeError {
  return error instanceof DataBridgeError && error.code === 'DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT'
}

/** A COPY was under way when its work was rolled back. */
export function undoneCopyError(): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    'copy() was ended before its last row, since its transaction was rolled back',
  )
}

/** The rows of a COPY wait for a statement that waits for the end of the COPY. */
export function busyCopyingError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    'copy() expected rows that do not wait for a statement of its own session, which is busy until the COPY has ended; ' +
      'read them in another session',
  )
}
