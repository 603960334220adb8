import { transactionControls } from '../sql/transaction-control.ts'

/** What SQL of the program's own has done; of several statements in one text the rows are those of the last. */
export interface RawOutcome {
  readonly rows: readonly Record<string, unknown>[]
  readonly rowCount: number
  /** The first word of each command tag: `SELECT`, `COMMIT`. */
  readonly commands: readonly string[]
}

/**
 * Whether a text has ended the transaction that it was executed in, though another one may be open now.
 * COMMIT and ROLLBACK are the tags of AND CHAIN too, and ROLLBACK that of ROLLBACK TO SAVEPOINT.
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

/** Whether a text may have changed tables; what a function does that a SELECT calls is not seen. */
export function mayChangeSchema({ commands }: Pick<RawOutcome, 'commands'>): boolean {
  return commands.some((command) => changing.has(command))
}
