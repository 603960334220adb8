import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CallSite, Frame } from '../util/call-site.ts'

// Code that waits in a long chain has many frames; those nearest to the call say where it is.
const mostFrames = 8

// The library's own functions come first.
const mostRawFrames = 24

type AnyFunction = (...values: never[]) => unknown

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
 * @param below the function of the library that was called; its frame and those above are left out
 * @returns undefined if no frame belongs to the program: it has called from a library, or in a callback of Node
 */
export function captureSite(below?: AnyFunction): CallSite | undefined {
  const frames = programFrames(rawFrames(below ?? captureSite))
  return frames.length === 0 ? undefined : { frames }
}

function rawFrames(below: AnyFunction): readonly NodeJS.CallSite[] {
  const { prepareStackTrace, stackTraceLimit } = settings
  const holder: { stack?: readonly NodeJS.CallSite[] } = {}
  settings.stackTraceLimit = mostRawFrames
  settings.prepareStackTrace = asTheyAre
  try {
    Error.captureStackTrace(holder, below)
    return holder.stack ?? []
  } finally {
    settings.prepareStackTrace = prepareStackTrace
    settings.stackTraceLimit = stackTraceLimit
  }
}

const asTheyAre = (_error: unknown, sites: NodeJS.CallSite[]): NodeJS.CallSite[] => sites

function programFrames(raw: readonly NodeJS.CallSite[]): Frame[] {
  const frames: Frame[] = []
  for (let index = 0; index < raw.length && frames.length < mostFrames; index += 1) {
    const site = raw[index] as NodeJS.CallSite
    const file = site.getFileName()
    if (file === null || file === undefined || !isOfProgram(file)) continue
    const frame = frameOf(site, file)
    const last = frames.at(-1)
    // A recursion is one frame, however deep it is.
    if (last === undefined || !isSamePlace(last, frame)) frames.push(frame)
  }
  return frames
}

function frameOf(site: NodeJS.CallSite, file: string): Frame {
  return {
    file,
    line: site.getLineNumber() ?? 0,
    column: site.getColumnNumber() ?? 0,
    function: site.getFunctionName() ?? '',
    isAsync: site.isAsync(),
    raw: site,
  }
}

function isSamePlace(one: Frame, other: Frame): boolean {
  return one.line === other.line && one.column === other.column && one.file === other.file
}

const root = join(import.meta.dirname, '../..')

// Not the root itself: it is the folder of the program too, where the library is tried from its sources.
const ownFolders = [join(root, 'orm') + sep, join(root, 'plugin') + sep]

const known = new Map<string, boolean>()

/** Whether a file belongs to the program: neither to Node, nor to an installed package, nor to this library. */
function isOfProgram(file: string): boolean {
  const isKnown = known.get(file)
  if (isKnown !== undefined) return isKnown
  const path = file.startsWith('file:') ? fileURLToPath(file) : file
  const isForeign =
    path.startsWith('node:') ||
    /[\\/]node_modules[\\/]/.test(path) ||
    ownFolders.some((folder) => path.startsWith(folder))
  known.set(file, !isForeign)
  return !isForeign
}
