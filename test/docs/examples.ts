import { globSync, readFileSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'

export const root: string = resolve(import.meta.dirname, '../..')

/** A block of code in the documentation. */
export interface Example {
  readonly file: string
  /** The line of its first statement. */
  readonly line: number
  readonly code: string
}

/** What examples import as `./entities.ts`: the entities of the example API. */
export const entities = readFileSync(join(root, 'example-api/entities.ts'), 'utf8')

/** Every block of TypeScript in the documentation. */
export const examples: readonly Example[] = globSync(
  ['{orm,plugin}/**/*.ts', 'README.md', 'docs/**/*.md'],
  { cwd: root },
)
  .map((file) => file.split(sep).join('/'))
  .sort()
  .flatMap((file) => examplesIn(file, readFileSync(join(root, file), 'utf8')))

/** The blocks of a language in a source: in Markdown, or in doc comments. */
export function examplesIn(file: string, source: string, wanted = 'ts'): Example[] {
  const isMarkdown = file.endsWith('.md')
  const lines = source
    .split('\n')
    .map((line) => (isMarkdown ? line : (/^\s*\* ?(.*)$/.exec(line)?.[1] ?? '')))
  const found: Example[] = []
  for (let at = 0; at < lines.length; at += 1) {
    const language = /^\s*```(\S.*)$/.exec(lines[at] ?? '')?.[1]?.trim()
    if (language === undefined) continue
    const end = lines.findIndex((line, index) => index > at && /^\s*```\s*$/.test(line))
    if (end === -1) throw new Error(`${file}:${at + 1} begins a block of code that does not end`)
    if (language === wanted)
      found.push({ file, line: at + 2, code: lines.slice(at + 1, end).join('\n') })
    at = end
  }
  return found
}
