import { describe } from '../errors.ts'
import { optionError } from '../util/option-checks.ts'

/** Time limits in milliseconds. */
export interface TimeLimits {
  /**
   * How long a session waits for a connection, also for a new one. Then it fails (503): with
   * `DATA_BRIDGE_ERR_POOL_EXHAUSTED` if all connections are in use, with `DATA_BRIDGE_ERR_UNREACHABLE` if
   * PostgreSQL accepts none. Default: 30,000. `false`: no limit.
   */
  readonly acquire?: number | false | undefined
  /** How long a statement may run. Then the server cancels it: `DATA_BRIDGE_ERR_STATEMENT_TIMEOUT` (504). No limit by default. */
  readonly statement?: number | undefined
  /** How long a transaction may last, from BEGIN to COMMIT. Then it is rolled back: `DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT` (504). No limit by default. */
  readonly transaction?: number | undefined
}

const timeLimitNames: readonly (keyof TimeLimits)[] = ['acquire', 'statement', 'transaction']

// The longest delay of a Node timer.
const longestMs = 2_147_483_647

/** Refuses invalid limits and unknown names: a misspelled limit would not limit anything. */
export function requireTimeLimits(limits: unknown, where = 'timeouts'): TimeLimits {
  if (limits === undefined) return {}
  if (typeof limits !== 'object' || limits === null) {
    throw optionError(
      `${where} expected an object such as { statement: 5000 }, got ${describe(limits)}`,
    )
  }
  for (const [name, value] of Object.entries(limits) as [string, unknown][]) {
    if (!timeLimitNames.some((known) => known === name)) {
      throw optionError(`${where} has no ${name}; it has ${timeLimitNames.join(', ')}`)
    }
    if (value === undefined || (name === 'acquire' && value === false)) continue
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > longestMs) {
      throw optionError(
        `${where}.${name} expected whole milliseconds from 1 to ${longestMs}${name === 'acquire' ? ', or false' : ''}, got ${describe(value)}`,
      )
    }
  }
  return limits
}

/** The limits, with those of `others` where they are set. */
export function mergedLimits(limits: TimeLimits, others: TimeLimits = {}): TimeLimits {
  return {
    acquire: others.acquire ?? limits.acquire,
    statement: others.statement ?? limits.statement,
    transaction: others.transaction ?? limits.transaction,
  }
}
