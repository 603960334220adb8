import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import type { TestDatabase } from '../support/database.ts'
import { afterExit } from '../support/after-exit.ts'
import { commands } from '../support/processes.ts'

const root = resolve(import.meta.dirname, '../..')

export const exampleSchema = 'fastify_data_bridge_example'

/** What the example's connections are doing, other than nothing. */
export async function busyConnections({ query }: TestDatabase): Promise<object[]> {
  return query(`select state, wait_event_type, query from pg_stat_activity
    where datname = current_database() and state <> 'idle'
      and application_name = 'fastify-data-bridge-example'`)
}

export async function connectionCount({ query }: TestDatabase): Promise<number> {
  const rows = await query(`select pid from pg_stat_activity
    where datname = current_database() and application_name = 'fastify-data-bridge-example'`)
  return rows.length
}

/** A program of the example as a process, as the npm scripts run it. */
export class Program {
  readonly child: ChildProcess
  /** With what it ended: `[0, null]`, `[null, 'SIGINT']`. */
  readonly ended: Promise<unknown[]>
  stdout = ''
  stderr = ''

  constructor(command: string, parameters: readonly string[], environment: NodeJS.ProcessEnv) {
    const { FORCE_COLOR: _, ...inherited } = process.env
    this.child = spawn(command, parameters, {
      cwd: root,
      detached: true, // a process group, as a terminal makes one
      env: { ...inherited, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.ended = once(this.child, 'close')
    this.child.once('close', afterExit('kill -KILL "-$1"', String(this.child.pid)))
    onTestFinished(() => this.#killGroup())
  }

  static run(script: 'server' | 'demo', environment: NodeJS.ProcessEnv): Program {
    const parameters = ['--conditions=fastify-data-bridge-source', `example-api/${script}.ts`]
    return new Program(process.execPath, parameters, {
      DATABASE_URL: '',
      PORT: '0',
      ...environment,
    })
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** What a terminal does on Ctrl-C. */
  interruptGroup(): void {
    process.kill(-Number(this.child.pid), 'SIGINT')
  }

  /** Resolves with the first match in its standard output. */
  async says(pattern: RegExp): Promise<string> {
    const match = await vi.waitFor(
      () => {
        const found = pattern.exec(this.stdout)
        const isOver = this.child.exitCode !== null || this.child.signalCode !== null
        if (found === null && !isOver) throw new Error(`${pattern} is not said: ${this.stdout}`)
        return found
      },
      { timeout: 15_000, interval: 10 },
    )
    assert(match !== null, `it has ended: ${this.stdout}${this.stderr}`)
    return match.at(-1) as string
  }

  /** The URL on which a server listens. */
  listens(): Promise<string> {
    return this.says(/Server listening at (http:[^"]+)/)
  }

  #killGroup(): void {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    process.kill(-Number(this.child.pid), 'SIGKILL')
  }
}

/** A temporary folder for one test, in which it can be seen whether an embedded PostgreSQL is gone. */
export function privateTemporaryFolder(): { readonly path: string; leftovers(): string[] } {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'example-api-test-')))
  chmodSync(path, 0o1777)
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  const made = /fastify-data-bridge-[0-9a-f]{16}/
  return {
    path,
    leftovers: () => [
      ...readdirSync(path).filter((name) => made.test(name)),
      ...commands().filter((command) => command.includes(`${path}/fastify-data-bridge-`)),
    ],
  }
}

/** Whether anyone listens there. */
export async function accepts(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const socket = connectSocket(Number(port), hostname)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
