import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')

export interface Compiler {
  readonly name: string
  readonly path: string
}

export function compilerIn(packageName: string): Compiler {
  const folder = join(root, 'node_modules', packageName)
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return { name: `TypeScript ${version}`, path: join(folder, 'bin/tsc') }
}

export interface Compilation {
  readonly exitCode: unknown
  readonly output: string
  /** The CPU time. It is about the same on a busy machine. */
  readonly processorSeconds: number
}

// The last line of `times` has the CPU time of the children: `0m3.250s 0m0.410s`.
const script = '"$@"; status=$?; times; exit $status'

export function compile(compiler: Compiler, options: readonly string[]): Promise<Compilation> {
  const command = [process.execPath, compiler.path, ...options, '--pretty', 'false']
  // In some languages, the numbers of `times` have a comma.
  const limits = { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, LC_ALL: 'C' } }
  return new Promise((done) => {
    execFile('/bin/sh', ['-c', script, 'sh', ...command], limits, (error, output, complaints) => {
      const lines = output.trimEnd().split('\n')
      const [, taken = ''] = lines.splice(-2)
      done({
        exitCode: error === null ? 0 : (error.code ?? 'a signal'),
        output: lines.join('\n') + complaints,
        processorSeconds: secondsIn(taken),
      })
    })
  })
}

function secondsIn(times: string): number {
  const each = [...times.matchAll(/(\d+)m([\d.]+)s/g)]
  return each.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0)
}
