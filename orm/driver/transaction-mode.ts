import { optionError, requireBoolean } from '../util/option-checks.ts'
import { type Isolation, requireIsolation } from './isolation.ts'

/** How a transaction begins. */
export interface TransactionMode {
  /** What it sees of others. Default: that of the database, usually `'read committed'`. */
  readonly isolation?: Isolation | undefined
  /** PostgreSQL refuses to write in it. */
  readonly readOnly?: boolean | undefined
  /**
   * It waits until it can read without ever failing with a serialization failure, and without making others fail: for
   * long reports. Only with `isolation: 'serializable'` and `readOnly: true`.
   */
  readonly deferrable?: boolean | undefined
}

/** How the transactions of a session begin. */
export interface SessionMode extends TransactionMode {
  /** Whether reads have a transaction too, before the first write. */
  readonly transaction?: boolean | undefined
}

/** Refuses `deferrable` where PostgreSQL would ignore it. */
export function requireDeferrable(
  { isolation, readOnly, deferrable }: TransactionMode,
  where = '',
): void {
  requireBoolean(`${where}deferrable`, deferrable)
  if (deferrable !== true || (isolation === 'serializable' && readOnly === true)) return
  const got = [
    isolation === undefined ? 'no isolation' : `isolation: '${isolation}'`,
    readOnly === true ? 'readOnly: true' : 'no readOnly: true',
  ]
  throw optionError(
    `${where}deferrable expected isolation: 'serializable' and readOnly: true beside it, got ${got.join(' and ')}`,
  )
}

export function beginText({ isolation, readOnly, deferrable }: TransactionMode): string {
  requireIsolation(isolation)
  const level = isolation === undefined ? '' : ` isolation level ${isolation}`
  return `begin${level}${readOnly === true ? ' read only' : ''}${deferrable === true ? ' deferrable' : ''}`
}
