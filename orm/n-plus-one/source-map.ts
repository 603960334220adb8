import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

type Payload = ConstructorParameters<typeof SourceMap>[0]

const read = new Map<string, SourceMap | undefined>()

/** The map of a compiled file, which Node has not read: it does so with `--enable-source-maps` only. */
export function mapBeside(path: string): SourceMap | undefined {
  if (!/\.[cm]?js$/.test(path)) return undefined
  if (!read.has(path)) read.set(path, mapOf(path))
  return read.get(path)
}

function mapOf(path: string): SourceMap | undefined {
  try {
    const urls = readFileSync(path, 'utf8').matchAll(/^\/\/# sourceMappingURL=(\S+)\s*$/gm)
    // The last one counts: a bundle may have others in it.
    const url = Array.from(urls).at(-1)?.[1]
    if (url === undefined) return undefined
    const [, inline] = /^data:application\/json[^,]*;base64,(.*)$/.exec(url) ?? []
    if (inline !== undefined) return mapFrom(Buffer.from(inline, 'base64').toString(), path)
    const file = resolve(dirname(path), decodeURIComponent(url))
    return mapFrom(readFileSync(file, 'utf8'), file)
  } catch {
    // Without its map, the compiled file is the best place that there is.
    return undefined
  }
}

/** @param file whose folder the paths in the map begin at */
function mapFrom(text: string, file: string): SourceMap {
  const payload = JSON.parse(text) as Payload
  const base = new URL(folderUrl(payload.sourceRoot), pathToFileURL(file))
  const sources = payload.sources.map((source) => new URL(source, base).href)
  return new SourceMap({ ...payload, sources })
}

function folderUrl(sourceRoot: string | undefined): string {
  if (sourceRoot === undefined || sourceRoot === '') return './'
  return sourceRoot.endsWith('/') ? sourceRoot : `${sourceRoot}/`
}
