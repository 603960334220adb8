import type { Lifecycle } from '../entity/entity-state.ts'
import { DataBridgeError, safeError } from '../errors.ts'

export function closedError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    'the session is closed: its request has been answered, or close() was called; open another session',
  )
}

export function closedToCallbackError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_SESSION_CLOSED',
    'the session is closed to its own callbacks of afterCommit(): its work is committed; open another session, for example with database.run(fn)',
  )
}

/** @param reason the reason of the signal */
export function abortedError(reason: unknown): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_ABORTED',
    'the signal of the session was aborted: what was not committed is rolled back; its reason is the cause',
    { cause: reason },
  )
}

export function lostError(): DataBridgeError {
  return safeError(
    'DATA_BRIDGE_ERR_COMMIT_FAILED',
    'nothing was committed: the session was closed, or its database, with changes that were not committed',
  )
}

export function readOnlyError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_FLUSH',
    'the session is read-only, and entities were added, changed or deleted in it',
  )
}

/** @param method the method that was given the entity */
export function goneError(
  method: string,
  entityName: string,
  lifecycle: Lifecycle,
): DataBridgeError {
  const got = lifecycle === 'stored' ? 'of another session' : `that is ${lifecycle}`
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_DETACHED',
    `${method}() expected a ${entityName} that is stored in this session, got one ${got}`,
  )
}

export function notFoundError(entityName: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_NOT_FOUND',
    `getOrThrow(${entityName}) expected a row with this key, got none`,
    { safeMessage: 'getOrThrow() expected a row with this key, got none' },
  )
}

/** @param words the words of the statement: `COMMIT` */
export function controlError(words: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    `execute() expected SQL that leaves the transaction of the session open, got ${words}; use commit(), rollback() or transaction()`,
  )
}

export function overlapError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    'session.connection expected COMMIT or ROLLBACK before the next BEGIN of a client, got BEGIN: transactions of one client overlap; await one before the next is started',
  )
}

/** @param begin how the transaction of the session begins */
export function otherModeError(begin: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    `session.connection expected the isolation and access mode of the session's transaction, which begins with ${begin.toUpperCase()}, got others; begin it with them: by options of the session or the route, or by transaction(fn, options)`,
  )
}

export function deferrableError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    'session.connection expected a transaction without DEFERRABLE, got one with it: it has an effect only where a transaction of PostgreSQL begins',
  )
}

export function rollbackToError(name: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_TRANSACTION',
    `execute() got ROLLBACK TO ${name}, which would undo what the session has written since; use transaction(), whose savepoints the session knows`,
  )
}
