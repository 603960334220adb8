import type { CallSite, Frame } from '../util/call-site.ts'

// An `await` and the call behind it may stand on several lines.
const mostLinesOfCall = 20

/**
 * Whether two calls come from one loop: the same functions called each other at the same places. In the first turn of
 * a loop, its function runs, and its place is that of the call; in later turns it waits, and its place is that of the
 * `await`, which stands before the call.
 */
export function isSameLoop(one: CallSite, other: CallSite): boolean {
  const { length } = one.frames
  if (other.frames.length !== length) return false
  for (let index = 0; index < length; index += 1)
    if (!isSameCall(one.frames[index] as Frame, other.frames[index] as Frame)) return false
  return true
}

/** Whether two calls come from the same place, whoever has called the function there. */
export function isSameTop(one: CallSite, other: CallSite): boolean {
  return isSameCall(one.frames[0] as Frame, other.frames[0] as Frame)
}

function isSameCall(one: Frame, other: Frame): boolean {
  if (one.function !== other.function || one.file !== other.file) return false
  if (one.isAsync === other.isAsync) return one.line === other.line && one.column === other.column
  const [awaiting, calling] = one.isAsync ? [one, other] : [other, one]
  return awaiting.line <= calling.line && calling.line - awaiting.line <= mostLinesOfCall
}
