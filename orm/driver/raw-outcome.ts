import type { QueryResult } from 'pg'
import { transactionControls } from '../sql/transaction-control.ts'

/** The result of `execute()`. Of several statements in one text, it has the rows of the last. */
export interface RawOutcome {
  readonly rows: readonly Record<string, unknown>[]
  readonly rowCount: number
  /** The first word of each command tag: `SELECT`, `COMMIT`. */
  readonly commands: readonly string[]
  /** What `pg` gives: a result for each statement. */
  readonly results: readonly QueryResult[]
}

/**
 * Whether a text ended the transaction that it ran in, even if another one is open now. AND CHAIN has the
 * tags COMMIT and ROLLBACK too, and ROLLBACK TO SAVEPOINT has the tag ROLLBACK.
 */
export function hasEnded(text: string, commands: readonly string[], isOpen: boolean): boolean {
  if (!isOpen || commands.includes('COMMIT')) return true
  // PREPARE is the tag of PREPARE TRANSACTION too, after which there is none until it begins.
  const prepared = commands.indexOf('PREPARE')
  if (prepared !== -1 && commands.slice(prepared).some(isBegin)) return true
  const rollbacks = commands.filter((command) => command === 'ROLLBACK').length
  if (rollbacks === 0) return false
  const toSavepoints = transactionControls(text).filter(({ kind }) => kind === 'rollback to')
  return rollbacks !== toSavepoints.length
}

function isBegin(command: string): boolean {
  return command === 'BEGIN' || command === 'START'
}

const changing: ReadonlySet<string> = new Set(['CREATE', 'ALTER', 'DROP', 'DO', 'CALL', 'IMPORT'])

/** Whether a text may have changed tables. Does not see a function that a SELECT calls. */
export function mayChangeSchema({ commands }: Pick<RawOutcome, 'commands'>): boolean {
  return commands.some((command) => changing.has(command))
}
