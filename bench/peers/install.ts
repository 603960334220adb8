import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Progress } from './progress.ts'

const folder = import.meta.dirname
const modules = join(folder, 'node_modules')
/** Says what is installed. An interrupted or outdated install has none, or another one. */
const stamp = join(modules, '.installed')

/** Installs the peers on the first run, and again after their lock file changes. */
export async function installPeers(progress: Progress): Promise<void> {
  const wanted = readFileSync(join(folder, 'package-lock.json'), 'utf8')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  progress.phase('installing the peers into bench/peers/node_modules (once)')
  await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  // The client needs no engine. The command would download one, but only if none is named.
  await run(join(modules, '.bin/prisma'), ['generate', '--no-hints'], {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
  })
  writeFileSync(stamp, wanted)
}

async function run(
  command: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const child = spawn(command, parameters, {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  if (code === 0) return
  throw new Error(
    `Expected "${command} ${parameters.join(' ')}" to succeed, got ${code}:\n${output}`,
  )
}
