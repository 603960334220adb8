import { findSourceMap, type SourceMap } from 'node:module'
import { relative, resolve } from 'node:path'
import type { CallSite, Frame } from '../util/call-site.ts'
import type { Site } from '../observe/finding.ts'
import { isInstalled, pathOf } from './file-owner.ts'
import { mapBeside } from './source-map.ts'

interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Where a call is in the sources that people have written, with a path from the working directory. */
export function siteOf({ frames }: CallSite): Site {
  const [first] = frames as readonly [Frame]
  let frame: Frame = first
  let source = sourceOf(frame)
  // A bundle has the program and its packages in one file.
  for (let index = 1; index < frames.length && isInstalled(source.file); index += 1) {
    frame = frames[index] as Frame
    source = sourceOf(frame)
  }
  if (isInstalled(source.file)) source = sourceOf((frame = first))
  const { file, line, column } = source
  return Object.freeze({
    file: shortened(file),
    line,
    column,
    ...(frame.function !== '' && { function: frame.function }),
  })
}

function sourceOf(frame: Frame): Position {
  const path = pathOf(frame.file)
  const compiled = { file: path, line: frame.line, column: frame.column }
  return formatted(frame, compiled) ?? mapped(path, frame) ?? compiled
}

/**
 * As the tool that runs the sources writes them: test runners and loaders install a formatter that knows its maps.
 * Undefined if it writes what V8 says.
 */
function formatted({ raw }: Frame, compiled: Position): Position | undefined {
  const line = lastLineOf(raw)
  // Behind the name of the function, if there is one.
  const at = line.endsWith(')')
    ? line.slice(line.indexOf(' (') + 2, -1)
    : line.replace(/^\s*at (?:async )?/, '')
  const [, file, row, column] = /^(.+):(\d+):(\d+)$/.exec(at) ?? []
  if (file === undefined) return undefined
  const told = { file: pathOf(file), line: Number(row), column: Number(column) }
  const isSame =
    told.file === compiled.file && told.line === compiled.line && told.column === compiled.column
  return isSame ? undefined : told
}

function lastLineOf(raw: NodeJS.CallSite): string {
  try {
    return (
      String(Error.prepareStackTrace?.(new Error(), [raw]))
        .trimEnd()
        .split('\n')
        .at(-1) ?? ''
    )
  } catch {
    // Somebody else's formatter, which expects other errors.
    return ''
  }
}

function mapped(path: string, { file, line, column }: Frame): Position | undefined {
  const map: SourceMap | undefined = findSourceMap(file) ?? findSourceMap(path) ?? mapBeside(path)
  const entry = map?.findEntry(line - 1, column - 1)
  if (entry === undefined || !('originalSource' in entry)) return undefined
  const { originalSource, originalLine, originalColumn } = entry
  return { file: pathOf(originalSource), line: originalLine + 1, column: originalColumn + 1 }
}

function shortened(file: string): string {
  // Bundlers name sources by URLs of their own.
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(file)) return file
  const path = relative(process.cwd(), resolve(file))
  return path === '' || path.startsWith('..') ? file : path
}
