import type { CallSite } from '../util/call-site.ts'
import { isSameLoop } from './same-loop.ts'

/** Whether two calls come from one loop, or from one function that calls itself. */
export function isSameTurn(one: CallSite, other: CallSite): boolean {
  if (isSameLoop(one, other)) return true
  const [first, second] = [withoutRecursion(one), withoutRecursion(other)]
  return (first !== one || second !== other) && isSameLoop(first, second)
}

/** Of a function with a name that calls itself, only its innermost call. */
function withoutRecursion(site: CallSite): CallSite {
  const { frames } = site
  const others = frames.filter((frame, index) => {
    const inner = frames[index - 1]
    if (inner === undefined || frame.function === '') return true
    return inner.function !== frame.function || inner.file !== frame.file
  })
  return others.length === frames.length ? site : { frames: others }
}
