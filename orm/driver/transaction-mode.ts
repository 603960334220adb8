import { type Isolation, requireIsolation } from './isolation.ts'

/** How a transaction begins. */
export interface TransactionMode {
  readonly isolation?: Isolation | undefined
  readonly readOnly?: boolean | undefined
}

/** How the transactions of a session begin. */
export interface SessionMode extends TransactionMode {
  /** Whether reads have a transaction too, before the first write. */
  readonly transaction?: boolean | undefined
}

export function beginText({ isolation, readOnly }: TransactionMode): string {
  requireIsolation(isolation)
  const level = isolation === undefined ? '' : ` isolation level ${isolation}`
  return `begin${level}${readOnly === true ? ' read only' : ''}`
}
