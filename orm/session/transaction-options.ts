import { requireIsolation } from '../driver/isolation.ts'
import { optionError, refuseUnknown, requireBoolean, requireCount } from '../util/option-checks.ts'
import type { TransactionMode } from '../driver/transaction-mode.ts'
import { describe } from '../errors.ts'

/** How a transaction begins, and how often it is begun again. */
export interface TransactionOptions extends TransactionMode {
  /**
   * How often the function is called again where PostgreSQL refuses the transaction for what others
   * did at the same time: serialization failures (40001) and deadlocks (40P01). 0 unless said.
   */
  readonly retries?: number | undefined
}

const known = ['isolation', 'readOnly', 'retries']

/** Refuses what is none, and names that are not known: a misspelled `readOnly` would write. */
export function requireTransactionOptions(options: unknown): TransactionOptions {
  if (typeof options !== 'object' || options === null) {
    throw optionError(
      `transaction() expected options such as { retries: 3 }, got ${describe(options)}`,
    )
  }
  refuseUnknown(options, known, 'transaction()')
  const { isolation, readOnly, retries } = options as TransactionOptions
  requireIsolation(isolation)
  requireBoolean('readOnly', readOnly)
  requireCount('retries', retries)
  return options
}
