import { setTimeout } from 'node:timers/promises'
import { isOutdated } from '../driver/pg-errors.ts'
import { DataBridgeError } from '../errors.ts'

/**
 * Whether the same work may succeed in a new transaction: after serialization failures, deadlocks, stale writes, and
 * changes of tables that outdated a prepared statement.
 */
export function isRetryable(error: unknown): boolean {
  // Query builders on `session.connection` wrap the errors of their statements.
  if (!(error instanceof DataBridgeError))
    return (
      error instanceof Error && error.cause instanceof DataBridgeError && isRetryable(error.cause)
    )
  return error.retryable === true || error.code === 'DATA_BRIDGE_ERR_STALE' || isOutdated(error)
}

const firstPauseMs = 5
const longestPauseMs = 500

/** Waits for a random time, longer after each attempt, so that the same transactions do not collide again. */
export async function pauseAfter(attempt: number): Promise<void> {
  await setTimeout(Math.random() * Math.min(firstPauseMs * 2 ** attempt, longestPauseMs))
}
