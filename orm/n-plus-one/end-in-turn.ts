import type { StatementEnd } from '../observe/observer.ts'

/** Two functions that are called at the end of a statement, as one. */
export function inTurn(
  first: StatementEnd | undefined,
  second: StatementEnd | undefined,
): StatementEnd | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return (outcome) => {
    first(outcome)
    second(outcome)
  }
}
