import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../../..')

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function bench(...given: readonly string[]): Promise<Ended> {
  const flags = ['--conditions=fastify-data-bridge-source', 'bench/index.ts', ...given]
  return new Promise((done) => {
    execFile(process.execPath, flags, { cwd: root }, (error, stdout, stderr) =>
      done({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })
}

it('lists the benchmarks with their options', async () => {
  const { code, stdout } = await bench()
  expect(code).toBe(0)
  for (const each of ['peers', '--only=', '--workloads=', '--rounds=', 'statements', 'telemetry']) {
    expect(stdout).toContain(each)
  }
})

it('refuses wrong options before anything starts', async () => {
  const { code, stdout, stderr } = await bench('peers', '--rounds=none')
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^--rounds expected a whole number from 1 to 1000, got "none"\n\n--only=/)
})

it('refuses options where a benchmark takes none, and unknown benchmarks', async () => {
  expect(await bench('statements', '--rounds=5')).toMatchObject({
    code: 1,
    stderr: 'Expected no options for statements, got "--rounds=5".\n',
  })
  const { code, stderr } = await bench('nothing')
  expect(code).toBe(1)
  expect(stderr).toContain('Expected the name of a benchmark, got "nothing"')
})
