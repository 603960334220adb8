import type { RawOutcome } from '../driver/raw-outcome.ts'

/** What `execute()` gives: an array of rows that says how many the statement has touched. */
export type ExecutedRows<R> = R[] & {
  /** How many rows were inserted, updated, deleted or read. */
  readonly rowCount: number
}

/** The count is not enumerable: the rows are equal to a plain array of them, and are one in JSON. */
export function executedRows<R>({ rows, rowCount }: RawOutcome): ExecutedRows<R> {
  return Object.defineProperty([...rows], 'rowCount', { value: rowCount }) as ExecutedRows<R>
}
