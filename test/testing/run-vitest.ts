import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

/** A folder with test files that a vitest of its own runs. */
export interface Suite {
  readonly folder: string
  run(options?: {
    readonly environment?: NodeJS.ProcessEnv
    readonly arguments?: readonly string[]
  }): Promise<SuiteRun>
}

export interface SuiteRun {
  readonly succeeded: boolean
  /** The messages of each test by its name; none of a test that passes. */
  readonly tests: Readonly<Record<string, readonly string[]>>
  /** The message of each file that did not run. */
  readonly files: readonly string[]
  readonly output: string
}

interface Report {
  readonly success: boolean
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly {
      readonly title: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

const config = (settings: string): string => `
import { defineConfig } from 'vitest/config'
const conditions = ['fastify-data-bridge-source', 'module', 'node', 'development|production']
export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { setupFiles: ['./setup.ts'], maxWorkers: 2, ${settings} },
})
`

/** Writes test files. Below test/, where the package finds itself by its name. */
export function suite(files: Readonly<Record<string, string>>, settings = ''): Suite {
  const folder = mkdtempSync(join(import.meta.dirname, '.suite-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const setup = `import 'fastify-data-bridge/testing/vitest'`
  for (const [name, text] of Object.entries({ 'setup.ts': setup, ...files }))
    writeFileSync(join(folder, name), text)
  writeFileSync(join(folder, 'vitest.config.ts'), config(settings))
  return {
    folder,
    run: ({ environment = {}, arguments: further = [] } = {}) =>
      run(folder, { ...process.env, ...environment }, further),
  }
}

function run(
  folder: string,
  environment: NodeJS.ProcessEnv,
  further: readonly string[],
): Promise<SuiteRun> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const report = ['--reporter=json', '--outputFile.json=report.json']
  const env = Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith('VITEST')),
  )
  return new Promise((done, fail) => {
    execFile(
      process.execPath,
      [vitest, 'run', ...report, ...further],
      { cwd: folder, env },
      (_, output, complaints) => {
        try {
          const text = readFileSync(join(folder, 'report.json'), 'utf8')
          done(told(JSON.parse(text) as Report, output + complaints))
        } catch (error) {
          fail(new Error(output + complaints, { cause: error }))
        }
      },
    )
  })
}

function told({ success, testResults }: Report, output: string): SuiteRun {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  return {
    succeeded: success,
    tests: Object.fromEntries(tests.map(({ title, failureMessages }) => [title, failureMessages])),
    files: testResults.flatMap(({ message }) => (message === '' ? [] : [message])),
    output,
  }
}
