import { readFileSync } from 'node:fs'
import { findSourceMap, SourceMap } from 'node:module'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CallSite, Frame } from '../util/call-site.ts'
import type { Site } from '../observe/finding.ts'

interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Where a call is in the sources that people have written, with a path from the working directory. */
export function siteOf({ frames }: CallSite): Site {
  const frame = frames[0] as Frame
  const { file, line, column } = sourceOf(frame)
  return Object.freeze({
    file: shortened(file),
    line,
    column,
    ...(frame.function !== '' && { function: frame.function }),
  })
}

function sourceOf(frame: Frame): Position {
  const path = pathOf(frame.file)
  return (
    formatted(frame) ??
    mapped(findSourceMap(frame.file) ?? findSourceMap(path) ?? readMap(path), path, frame) ?? {
      ...frame,
      file: path,
    }
  )
}

/** As the tool that runs the sources writes them: test runners and loaders install a formatter that knows its maps. */
function formatted({ raw }: Frame): Position | undefined {
  if (Error.prepareStackTrace === undefined) return undefined
  const text = String(Error.prepareStackTrace(new Error(), [raw]))
  const [, file, line, column] = /\(?([^\s()][^()\n]*):(\d+):(\d+)\)?\s*$/.exec(text) ?? []
  if (file === undefined) return undefined
  return {
    file: pathOf(file.replace(/^at (?:async )?/, '')),
    line: Number(line),
    column: Number(column),
  }
}

function mapped(
  map: SourceMap | undefined,
  path: string,
  { line, column }: Frame,
): Position | undefined {
  const entry = map?.findEntry(line - 1, column - 1)
  if (entry === undefined || !('originalSource' in entry)) return undefined
  const { originalSource, originalLine, originalColumn } = entry
  const source = originalSource.startsWith('file:')
    ? fileURLToPath(originalSource)
    : resolve(dirname(path), originalSource)
  return { file: source, line: originalLine + 1, column: originalColumn + 1 }
}

const read = new Map<string, SourceMap | undefined>()

/** The map of a compiled file, which Node has not read: it does so with `--enable-source-maps` only. */
function readMap(path: string): SourceMap | undefined {
  if (read.has(path)) return read.get(path)
  const map = mapBeside(path)
  read.set(path, map)
  return map
}

function mapBeside(path: string): SourceMap | undefined {
  if (!/\.[cm]?js$/.test(path)) return undefined
  try {
    const [, url] = /^\/\/# sourceMappingURL=(\S+)\s*$/m.exec(readFileSync(path, 'utf8')) ?? []
    if (url === undefined) return undefined
    const [, inline] = /^data:application\/json[^,]*;base64,(.*)$/.exec(url) ?? []
    const text =
      inline === undefined
        ? readFileSync(resolve(dirname(path), decodeURIComponent(url)), 'utf8')
        : Buffer.from(inline, 'base64').toString()
    return new SourceMap(JSON.parse(text) as ConstructorParameters<typeof SourceMap>[0])
  } catch {
    // Without its map, the compiled file is the best place that there is.
    return undefined
  }
}

function pathOf(file: string): string {
  return file.startsWith('file:') ? fileURLToPath(file) : file
}

function shortened(file: string): string {
  const path = relative(process.cwd(), file)
  return path === '' || path.startsWith('..') ? file : path
}
