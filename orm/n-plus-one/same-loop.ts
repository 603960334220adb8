import type { CallSite, Frame } from '../util/call-site.ts'
import { mostFrames } from './capture.ts'

// An `await` and the call behind it may stand on several lines.
const mostLinesOfCall = 20

/**
 * Whether two calls come from one loop: the same functions called each other at the same places. In the first turn of
 * a loop, its function runs, and its place is that of the call; in later turns it waits, and its place is that of the
 * `await`, which stands before the call. Functions that do not wait have returned by then.
 */
export function isSameLoop({ frames: one }: CallSite, { frames: other }: CallSite): boolean {
  let [left, right] = [0, 0]
  while (left < one.length || right < other.length) {
    const [first, second] = [one[left], other[right]]
    if (first !== undefined && second !== undefined && isSameCall(first, second)) {
      left += 1
      right += 1
    } else if (left === 0) return false
    else if (hasReturned(first, second)) left += 1
    else if (hasReturned(second, first)) right += 1
    else return isCut(first, one) || isCut(second, other)
  }
  return true
}

/** Whether a function of the first turn cannot be in the stacks of later ones. */
function hasReturned(frame: Frame | undefined, later: Frame | undefined): boolean {
  return frame?.isAsync === false && later?.isAsync !== false
}

/** Whether a stack has more frames than are kept. */
function isCut(frame: Frame | undefined, { length }: readonly Frame[]): boolean {
  return frame === undefined && length === mostFrames
}

/** Whether two calls come from the same place, whoever has called the function there. */
export function isSameTop(one: CallSite, other: CallSite): boolean {
  return isSameCall(one.frames[0] as Frame, other.frames[0] as Frame)
}

type Comparison = (one: CallSite, other: CallSite) => boolean

/** Compares two calls, whose places may both be unknown. */
export function isOneSite(
  one: CallSite | undefined,
  other: CallSite | undefined,
  isSame: Comparison,
): boolean {
  return one === undefined || other === undefined ? one === other : isSame(one, other)
}

/** Those that the same line sends, whoever has called it. */
export function alike<T extends { readonly site: CallSite | undefined }>(
  places: readonly T[],
): readonly (readonly T[])[] {
  const groups: T[][] = []
  for (const place of places) {
    const group = groups.find(([first]) => isOneSite(first?.site, place.site, isSameTop))
    if (group === undefined) groups.push([place])
    else group.push(place)
  }
  return groups
}

/** The place from which most calls come. */
export function most<T extends { readonly count: number }>(places: readonly T[]): T {
  return places.reduce((one, other) => (other.count > one.count ? other : one))
}

/** Whether two calls come from the same place, on the way from the same function: by a recursion. */
export function isSameEnds(one: CallSite, other: CallSite): boolean {
  return (
    isSameTop(one, other) && isSameCall(one.frames.at(-1) as Frame, other.frames.at(-1) as Frame)
  )
}

function isSameCall(one: Frame, other: Frame): boolean {
  if (one.file !== other.file || one.function !== other.function) return false
  if (one.isAsync === other.isAsync) return one.line === other.line && one.column === other.column
  const [awaiting, calling] = one.isAsync ? [one, other] : [other, one]
  // A second call in the same line has an `await` of its own, behind the first one.
  if (awaiting.line === calling.line) return awaiting.column <= calling.column
  return awaiting.line < calling.line && calling.line - awaiting.line <= mostLinesOfCall
}
