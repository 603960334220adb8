import { describe } from '../errors.ts'
import { optionError } from '../util/option-checks.ts'

/** How long things may take, in milliseconds; without a limit unless said. */
export interface TimeLimits {
  /** How long a session waits for a connection: then it is a 503. */
  readonly acquire?: number | undefined
  /** How long a statement may run: then it is cancelled on the server, and a 504. */
  readonly statement?: number | undefined
  /** How long a transaction may last from BEGIN to COMMIT: then it is rolled back, and a 504. */
  readonly transaction?: number | undefined
}

const timeLimitNames: readonly (keyof TimeLimits)[] = ['acquire', 'statement', 'transaction']

// What a timer of Node can wait for.
const longestMs = 2_147_483_647

/** Refuses what is none, and names that are not known: a misspelled limit would be no limit. */
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
    if (value === undefined) continue
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > longestMs) {
      throw optionError(
        `${where}.${name} expected whole milliseconds from 1 to ${longestMs}, got ${describe(value)}`,
      )
    }
  }
  return limits
}

/** The second says otherwise than the first, where it says something. */
export function mergedLimits(limits: TimeLimits, others: TimeLimits = {}): TimeLimits {
  return {
    acquire: others.acquire ?? limits.acquire,
    statement: others.statement ?? limits.statement,
    transaction: others.transaction ?? limits.transaction,
  }
}
