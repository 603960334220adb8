import { DataBridgeError, safeError } from '../../errors.ts'
import { factsOf } from '../pg-errors.ts'

export function overlapError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    'withRollback() expected no other call of it that runs on the same database, got one; await it first, or call this one inside of it',
  )
}

export function waitedError(limitMs: number): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_POOL_EXHAUSTED',
    `withRollback() has one connection, and the transaction of another session on it did nothing for timeouts.acquire (${limitMs} ms); ` +
      'end that transaction first, or begin this one in the same request or the same run()',
  )
}

export function lostError(cause: unknown): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_CONNECTION_LOST',
    'the connection of withRollback() was lost: PostgreSQL has rolled back, and nothing more can be sent',
    factsOf(cause),
  )
}

export function endedError(): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_CONNECTION_LOST',
    'withRollback() has ended, and what the session did is rolled back; await all that it calls',
  )
}
