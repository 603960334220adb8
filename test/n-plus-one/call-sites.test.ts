import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript-5'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { captureSite } from '../../orm/n-plus-one/capture.ts'
import { ownerOf } from '../../orm/n-plus-one/file-owner.ts'

const library = join(import.meta.dirname, '../../orm/n-plus-one')

let folder = ''
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'call sites ')))
})
afterAll(() => rm(folder, { recursive: true }))

const run = promisify(execFile)

/** What a program prints, which Node runs in the folder. */
async function printed(file: string, ...flags: readonly string[]): Promise<unknown> {
  const { stdout } = await run(process.execPath, ['--no-warnings', ...flags, file], { cwd: folder })
  return JSON.parse(stdout)
}

async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  return path
}

/** A program that calls the library in a function, at line 8. */
const source = (print = 'console.log(JSON.stringify(called() ?? null))'): string => `
import { captureSite } from ${JSON.stringify(`${library}/capture.ts`)}
import { siteOf } from ${JSON.stringify(`${library}/source-position.ts`)}
interface NotInJavaScript {
  readonly site: unknown
}
function called(): unknown {
  const site = captureSite()
  const answer: NotInJavaScript = { site: site && siteOf(site) }
  return answer.site
}
${print}
`

// In one piece, it would be read as a map of this file.
const mapAt = (url: string): string => `//# ${'sourceMappingURL'}=${url}`

const site = { file: 'program.ts', line: 8, column: 16, function: 'called' }

/** The program, compiled: its lines are others. */
function compiled(options: ts.CompilerOptions): ts.TranspileOutput {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.ESNext,
    ...options,
  }
  return ts.transpileModule(source(), { fileName: 'program.ts', compilerOptions })
}

describe('the place of a call is that in the sources', () => {
  it('where Node runs the sources', async () => {
    await write('program.ts', source())
    expect(await printed('program.ts')).toEqual(site)
    expect(await printed('program.ts', '--enable-source-maps')).toEqual(site)
  })

  it.each([
    ['a module', 'mjs', ts.ModuleKind.ESNext],
    ['CommonJS', 'cjs', ts.ModuleKind.CommonJS],
  ])('where %s has a map in it', async (_name, extension, module) => {
    const { outputText } = compiled({ inlineSourceMap: true, module })
    await write(`program.${extension}`, outputText)
    // A compiler may map a call to its brackets.
    const expected = { ...site, column: expect.any(Number) }
    expect(await printed(`program.${extension}`)).toEqual(expected)
    expect(await printed(`program.${extension}`, '--enable-source-maps')).toEqual(expected)
  })

  it('where the map is another file, in another folder', async () => {
    const { outputText, sourceMapText = '' } = compiled({ sourceMap: true })
    const map = { ...JSON.parse(sourceMapText), sourceRoot: '../', sources: ['my src/program.ts'] }
    const text = outputText.replace(/sourceMappingURL=.*/, 'sourceMappingURL=../maps/all%20of.map')
    await write('dist/program.mjs', text)
    await write('maps/all of.map', JSON.stringify(map))
    const expected = { ...site, file: 'my src/program.ts' }
    expect(await printed('dist/program.mjs')).toEqual(expected)
    expect(await printed('dist/program.mjs', '--enable-source-maps')).toEqual(expected)
  })

  it('where a loader compiles the sources', async () => {
    const loader = await write(
      'loader.mjs',
      `import { registerHooks } from 'node:module'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
const ts = createRequire(${JSON.stringify(import.meta.url)})('typescript-5')
process.setSourceMapsEnabled(true)
registerHooks({
  load(url, context, next) {
    if (!url.endsWith('/program.ts')) return next(url, context)
    const compilerOptions = { target: 'es2022', module: 'esnext', inlineSourceMap: true }
    const fileName = new URL(url).pathname
    const { outputText } = ts.transpileModule(readFileSync(new URL(url), 'utf8'), { fileName: decodeURI(fileName), compilerOptions })
    return { format: 'module', source: outputText, shortCircuit: true }
  },
})`,
    )
    await write('program.ts', source())
    expect(await printed('program.ts', `--import=${loader.replaceAll(' ', '%20')}`)).toEqual(site)
  })

  it('where a bundle has packages in it: the program, and not the package that it calls', async () => {
    // Line 2 is of a package, line 3 of the program.
    const text = `import { captureSite } from ${JSON.stringify(`${library}/capture.ts`)}; import { siteOf } from ${JSON.stringify(`${library}/source-position.ts`)}
function each(fn) { return siteOf(captureSite()) }
function list() { return each() }
console.log(JSON.stringify(list()))
${mapAt('bundle.mjs.map')}
`
    await write('bundle.mjs', text)
    const map = {
      version: 3,
      sources: ['webpack://shop/node_modules/each/index.js', 'src/list.ts'],
      names: [],
      mappings: ';AAAA;ACQA',
    }
    await write('bundle.mjs.map', JSON.stringify(map))
    expect(await printed('bundle.mjs')).toEqual({
      file: 'src/list.ts',
      line: 9,
      column: 1,
      function: 'list',
    })
  })

  it('as compiled where there is no map, or one that cannot be read', async () => {
    const { outputText } = compiled({})
    const line = outputText.split('\n').findIndex((each) => each.includes('captureSite()')) + 1
    await write('bare.mjs', outputText)
    const bare = { ...site, file: 'bare.mjs', line, column: 18 }
    expect(await printed('bare.mjs')).toEqual(bare)
    await write('bare.mjs', `${outputText}\n${mapAt('nowhere.map')}`)
    expect(await printed('bare.mjs')).toEqual(bare)
    await write('bare.mjs', `${outputText}\n${mapAt('bare.mjs')}`)
    expect(await printed('bare.mjs')).toEqual(bare)
  })

  it('where the name of a folder has brackets', async () => {
    await write('(a b) [c]/program.ts', source())
    const expected = { ...site, file: '(a b) [c]/program.ts' }
    expect(await printed('(a b) [c]/program.ts', '--enable-source-maps')).toEqual(expected)
  })

  it('unknown where only an installed package has called', async () => {
    const file = 'node_modules/app/index.mjs'
    await write(file, compiled({}).outputText)
    expect(await printed(file)).toBeNull()
    // A package that the program calls is not meant.
    const text = compiled({}).outputText.replace(/console.log.*/, 'export { called }')
    await write('node_modules/tool/index.mjs', text)
    await write(
      'outside.mjs',
      `import { called } from './node_modules/tool/index.mjs'\nconsole.log(JSON.stringify(called()))`,
    )
    expect(await printed('outside.mjs')).toEqual({ file: 'outside.mjs', line: 2, column: 28 })
  })

  it('unknown where the process has frozen Error', async () => {
    await write('frozen.ts', source())
    expect(await printed('frozen.ts', '--frozen-intrinsics')).toBeNull()
  })
})

describe('what an error has of its stack', () => {
  it('is set as before, also if V8 refuses', () => {
    const { prepareStackTrace, stackTraceLimit } = Error
    const own = () => 'own'
    try {
      Error.prepareStackTrace = own
      Error.stackTraceLimit = 3
      expect(captureSite()?.frames.length).toBeGreaterThan(0)
      expect([Error.prepareStackTrace, Error.stackTraceLimit]).toEqual([own, 3])
      const capture = vi.spyOn(Error, 'captureStackTrace').mockImplementation(() => {
        throw new RangeError('too deep')
      })
      expect(() => captureSite()).toThrow(RangeError)
      capture.mockRestore()
      expect([Error.prepareStackTrace, Error.stackTraceLimit]).toEqual([own, 3])
    } finally {
      Object.assign(Error, { prepareStackTrace, stackTraceLimit })
    }
  })
})

describe('a file', () => {
  const root = join(import.meta.dirname, '../..')

  it.each([
    ['node:internal/process/task_queues', 'node'],
    [join(root, 'orm/session/session.ts'), 'library'],
    [`file://${root}/plugin/index.ts`, 'library'],
    [join(root, 'example-api/app.ts'), 'program'],
    [join(root, 'orm-tools/index.ts'), 'program'],
    ['/app/node_modules/fastify/lib/route.js', 'package'],
    ['file:///app/node_modules/fastify/lib/route.js', 'package'],
    ['C:\\app\\node_modules\\fastify\\lib\\route.js', 'package'],
    ['C:\\app\\src\\node_modules.ts', 'program'],
    ['file:///C:/app/src/app.ts', 'program'],
    ['file://server/share/app.ts', 'program'],
    ['webpack-internal:///src/app.ts', 'program'],
  ])('%s belongs to the %s', (file, owner) => {
    expect(ownerOf(file)).toBe(owner)
  })
})
