import type { RawOutcome } from '../driver/raw-outcome.ts'

/** The result of `execute()`: an array of rows, with the number of rows that the statement touched. */
export type ExecutedRows<R> = R[] & {
  /** The number of rows that were inserted, updated, deleted or read. */
  readonly rowCount: number
}

/** The count is not enumerable, so the rows are equal to a plain array, also in JSON. */
export function executedRows<R>({ rows, rowCount }: RawOutcome): ExecutedRows<R> {
  return Object.defineProperty([...rows], 'rowCount', { value: rowCount }) as ExecutedRows<R>
}
