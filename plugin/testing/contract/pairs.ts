import type { StatementContract } from './contract.ts'
import { isEager } from './origin.ts'

/** A statement as it was, and as it is: one of both at least. */
export interface Pair {
  readonly before?: StatementContract
  readonly now?: StatementContract
}

type Alike = (before: StatementContract, now: StatementContract) => boolean

// The most alike first: the same one, one whose text has changed, one that is loaded in another way.
const alike: readonly Alike[] = [
  (before, now) => isSame(before, now) && before.by === now.by,
  (before, now) => before.by === now.by && before.summary === now.summary,
  (before, now) => isSame(before, now),
  (before, now) => before.summary === now.summary && (isEager(before.by) || isEager(now.by)),
]

/** Which statement of a route is which. */
export function pairsOf(
  before: readonly StatementContract[],
  now: readonly StatementContract[],
): readonly Pair[] {
  const gone = [...before]
  const come = [...now]
  const pairs = alike.flatMap((isAlike) =>
    [...gone].flatMap((each): Pair[] => {
      const place = come.findIndex((other) => isAlike(each, other))
      if (place === -1) return []
      gone.splice(gone.indexOf(each), 1)
      const [found] = come.splice(place, 1) as [StatementContract]
      return [{ before: each, now: found }]
    }),
  )
  return [
    ...pairs,
    ...gone.map((each) => ({ before: each })),
    ...come.map((each) => ({ now: each })),
  ]
}

/** Whether both have one text, and so one plan. */
export function isSame(before: StatementContract, now: StatementContract): boolean {
  return before.sql === now.sql && before.summary === now.summary
}
