import { requireIsolation } from '../driver/isolation.ts'
import type { TransactionMode } from '../driver/session-connection.ts'
import { DataBridgeError, describe } from '../errors.ts'
import { listed } from '../schema/metadata.ts'

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
      `transaction() expected options such as { retries: 3 }; came ${describe(options)}`,
    )
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown !== undefined)
    throw optionError(`transaction() has no option ${unknown}; it has ${listed(known)}`)
  const { isolation, readOnly, retries } = options as TransactionOptions
  requireIsolation(isolation)
  if (readOnly !== undefined && typeof readOnly !== 'boolean')
    throw optionError(`readOnly expected true or false; came ${describe(readOnly)}`)
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0))
    throw optionError(`retries expected a whole number from 0; came ${describe(retries)}`)
  return options
}

function optionError(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_OPTION', message)
}
