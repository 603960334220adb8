import { requireIsolation } from '../driver/isolation.ts'
import { optionError, refuseUnknown, requireBoolean, requireCount } from '../util/option-checks.ts'
import { requireDeferrable, type TransactionMode } from '../driver/transaction-mode.ts'
import { describe } from '../errors.ts'

/** How a transaction begins, and how often it is retried. */
export interface TransactionOptions extends TransactionMode {
  /**
   * How often the function is called again after a serialization failure (40001), a deadlock (40P01), a write of rows
   * that others have changed (`DATA_BRIDGE_ERR_STALE`), or a change of a table that has outdated a prepared
   * statement. Default: 0.
   */
  readonly retries?: number | undefined
}

const known = ['isolation', 'readOnly', 'deferrable', 'retries']

/** Refuses invalid values and unknown names: with a misspelled `readOnly` the transaction could write. */
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
  requireDeferrable(options)
  requireCount('retries', retries)
  return options
}
