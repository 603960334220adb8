import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { entities, type Example, examples, examplesIn, root } from './examples.ts'

const control: Example = {
  file: 'control.md',
  line: 11,
  code: `import { User } from './entities.ts'\n\nnew User({ name: 'x' })`,
}

// Below test/, where the package finds itself by its name; with a dot, which other compilers skip.
const folder = mkdtempSync(join(import.meta.dirname, '.examples-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let problems: readonly string[] = []
beforeAll(async () => {
  problems = await compile([...examples, control])
})

describe('examples in the documentation', () => {
  it.each(examples.map((example) => [`${example.file}:${example.line}`, example] as const))(
    '%s compiles',
    (_, example) => {
      expect(problemsOf(example)).toEqual([])
    },
  )

  it('are there', () => {
    expect(examples.length).toBeGreaterThan(5)
  })

  it('are compiled: an error is found in its line', () => {
    expect(problemsOf(control)).toEqual([
      expect.stringMatching(/^control\.md:13 error TS\d+: Property 'email' is missing/),
    ])
  })

  it('are all that the compiler complains about', () => {
    expect(problems.filter((problem) => !/^\S+\.(ts|md):\d+ /.test(problem))).toEqual([])
  })
})

describe('finding examples', () => {
  it('takes them out of doc comments and keeps their lines', () => {
    const source = '/**\n * @example\n * ```ts\n * one()\n *\n *   two()\n * ```\n */\n'
    expect(examplesIn('a.ts', source)).toEqual([
      { file: 'a.ts', line: 4, code: 'one()\n\n  two()' },
    ])
  })

  it('takes them out of Markdown, but for other languages and what is not to be checked', () => {
    const source = '```sh\nno\n```\n```ts no-check\nno\n```\n- a\n\n  ```ts\n  yes()\n  ```\n'
    expect(examplesIn('a.md', source)).toEqual([{ file: 'a.md', line: 10, code: '  yes()' }])
  })

  it('refuses a block that does not end', () => {
    expect(() => examplesIn('a.md', 'x\n```ts\nyes()\n')).toThrow('a.md:2')
  })
})

function problemsOf({ file, line, code }: Example): readonly string[] {
  const last = line + code.split('\n').length
  return problems.filter((problem) => {
    const [, where, at] = /^(\S+):(\d+) /.exec(problem) ?? []
    return where === file && Number(at) >= line && Number(at) <= last
  })
}

/** One run of the compiler for all of them. @returns its messages, with the lines of the documentation */
async function compile(all: readonly Example[]): Promise<readonly string[]> {
  const directories = all.map((_, index) => `example-${index}`)
  for (const [index, { code }] of all.entries()) {
    const directory = join(folder, directories[index] as string)
    mkdirSync(directory)
    writeFileSync(join(directory, 'example.ts'), code)
    writeFileSync(join(directory, 'entities.ts'), `export * from '../entities.ts'\n`)
  }
  writeFileSync(join(folder, 'entities.ts'), entities)
  const files = directories.map((directory) => `${directory}/example.ts`)
  const config = { extends: '../../../tsconfig.json', files, include: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const output = await runCompiler(join(folder, 'tsconfig.json'))
  const messages = output.split(/\n(?! )/).filter((message) => message.trim() !== '')
  return messages.map((message) => inDocumentation(message, all))
}

function inDocumentation(message: string, all: readonly Example[]): string {
  const [, index, line, text] =
    /example-(\d+)\/example\.ts\((\d+),\d+\): (.*)$/s.exec(message) ?? []
  const example = all[Number(index)]
  return example === undefined
    ? message
    : `${example.file}:${example.line + Number(line) - 1} ${text}`
}

function runCompiler(config: string): Promise<string> {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  return new Promise((done) => {
    execFile(
      process.execPath,
      [compiler, '-p', config, '--pretty', 'false'],
      { cwd: root, maxBuffer: 64 * 1024 * 1024 },
      (error, output, complaints) => done(error === null ? '' : output + complaints),
    )
  })
}
