import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterExit } from '../support/after-exit.ts'

/** A service in a process of its own. */
export interface Service extends AsyncDisposable {
  readonly url: string
  readonly child: ChildProcess
  /** Its exit code and the signal that ended it. */
  readonly exit: Promise<unknown[]>
  /** What it has printed so far. */
  readonly output: string
  /** What it has printed to stderr so far. */
  readonly errors: string
}

export interface ServiceSettings {
  /** Replaces what the tests themselves have. */
  readonly env: Readonly<Record<string, string>>
  /** A file below `fixtures/`: `server.ts` unless said. */
  readonly file?: string
  /** Of Node: the preload unless said. */
  readonly preload?: readonly string[]
  readonly args?: readonly string[]
  /** How a line begins that tells the URL. */
  readonly marker?: RegExp
}

const preloaded = ['--import', 'fastify-data-bridge/register']

/** Starts it and waits until it listens. */
export async function startService(settings: ServiceSettings): Promise<Service> {
  const { env, file = 'server.ts', preload = preloaded, args = [] } = settings
  const script = fileURLToPath(new URL(`fixtures/${file}`, import.meta.url))
  const child = spawn(
    process.execPath,
    ['--conditions=fastify-data-bridge-source', ...preload, script, ...args],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const exit = once(child, 'exit')
  child.once('exit', afterExit('kill -KILL "$1"', String(child.pid)))
  const url = await Promise.race([
    urlIn(child.stdout, settings.marker ?? /^(http:\S+)$/),
    exit.then(([code]) => {
      throw new Error(`the service has ended with ${String(code)}: ${errors}`)
    }),
  ])
  return {
    url,
    child,
    exit,
    get output() {
      return output
    },
    get errors() {
      return errors
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exit
    },
  }
}

async function urlIn(stdout: NodeJS.ReadableStream, marker: RegExp): Promise<string> {
  for await (const line of createInterface(stdout)) {
    const url = marker.exec(line)?.[1]
    if (url !== undefined) return url
  }
  return new Promise(() => {}) // its exit says why
}
