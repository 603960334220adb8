import type { CallSite, Frame } from '../util/call-site.ts'
import { CapturedFrame } from './captured-frame.ts'
import { ownerOf } from './file-owner.ts'

// Code that waits in a long chain has many frames; those nearest to the call say where it is.
export const mostFrames = 8

// The library's own functions come first: of `transaction()` more than twenty.
const mostRawFrames = 48

/** The settings of V8 for the stacks of errors, which are set back. */
interface StackSettings {
  prepareStackTrace?: unknown
  stackTraceLimit: number
}

const settings: StackSettings = Error

/**
 * Where the program calls the library. Takes the frames as V8 has them: the text of a stack would cost more, above all
 * with source maps.
 *
 * @returns undefined if no code of the program has called, only Node or a package, or if the process has frozen `Error`
 */
export function captureSite(): CallSite | undefined {
  const frames = programFrames(rawFrames())
  return frames.length === 0 ? undefined : { frames }
}

const noFrames: readonly NodeJS.CallSite[] = []

function rawFrames(): readonly NodeJS.CallSite[] {
  const { prepareStackTrace, stackTraceLimit } = settings
  const holder: { stack?: unknown } = {}
  try {
    settings.stackTraceLimit = mostRawFrames
    settings.prepareStackTrace = asTheyAre
  } catch {
    // Of `--frozen-intrinsics`. Without the setting, V8 gives a text.
    return noFrames
  }
  try {
    Error.captureStackTrace(holder, captureSite)
    return Array.isArray(holder.stack) ? (holder.stack as NodeJS.CallSite[]) : noFrames
  } finally {
    settings.prepareStackTrace = prepareStackTrace
    settings.stackTraceLimit = stackTraceLimit
  }
}

const asTheyAre = (_error: unknown, sites: NodeJS.CallSite[]): NodeJS.CallSite[] => sites

/** The frames of the program. A package that calls by itself, such as another query builder, always does so at one place. */
function programFrames(raw: readonly NodeJS.CallSite[]): readonly Frame[] {
  const frames: Frame[] = []
  let position = -1
  for (let index = 0; index < raw.length && frames.length < mostFrames; index += 1) {
    const site = raw[index] as NodeJS.CallSite
    const file = site.getFileName()
    if (file === null || file === undefined) continue
    if (ownerOf(file) !== 'program') continue
    const before = position
    position = site.getPosition()
    // A recursion is one frame, however deep it is.
    if (position !== before || frames.at(-1)?.file !== file)
      frames.push(new CapturedFrame(file, site))
  }
  return frames
}
