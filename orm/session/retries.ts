import { setTimeout } from 'node:timers/promises'
import { DataBridgeError, describe } from '../errors.ts'

/** Refuses what is no number of attempts. */
export function requireRetries(retries: unknown): void {
  if (retries === undefined || (Number.isInteger(retries) && (retries as number) >= 0)) return
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_OPTION',
    `retries expected a whole number from 0; came ${describe(retries)}`,
  )
}

/** Whether the same work may succeed when it is done again: serialization failures and deadlocks. */
export function isRetryable(error: unknown): boolean {
  return error instanceof DataBridgeError && error.retryable === true
}

const firstPauseMs = 5
const longestPauseMs = 500

/** Waits for a random time, longer after each attempt, so that those who collided do not meet again. */
export async function pauseAfter(attempt: number): Promise<void> {
  await setTimeout(Math.random() * Math.min(firstPauseMs * 2 ** attempt, longestPauseMs))
}
