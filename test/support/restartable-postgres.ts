import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { vi } from 'vitest'
import {
  plainEnvironment,
  temporaryFolder,
  unprivilegedAccount,
} from '../../plugin/testing/postgres-account.ts'
import { runnableBinaries } from '../../plugin/testing/postgres-binaries.ts'

const run = promisify(execFile)

// The end of stdin ends the server, so that it does not outlive the test.
const script = `"$@" & server=$!; read -r signal; kill -"\${signal:-QUIT}" $server; wait $server`

/** `INT`: connections are ended, then the server. `QUIT`: at once, and the next start recovers from the log. */
export type Shutdown = 'INT' | 'QUIT'

/** A PostgreSQL that can be stopped and started again on its data and its port. */
export class RestartablePostgres implements AsyncDisposable {
  readonly url: string
  readonly #folder: string
  readonly #server: () => ChildProcess
  #running: ChildProcess | undefined

  private constructor(url: string, folder: string, server: () => ChildProcess) {
    this.url = url
    this.#folder = folder
    this.#server = server
  }

  static async create(port: number): Promise<RestartablePostgres> {
    const account = await unprivilegedAccount()
    const temporary = await temporaryFolder(account)
    const binaries = join(await runnableBinaries(account, temporary), 'bin')
    const folder = await mkdtemp(join(temporary, 'fastify-data-bridge-restart-'))
    if (account !== undefined) await chown(folder, account.uid, account.gid)
    const options = { ...account, cwd: '/', env: plainEnvironment() }
    const data = join(folder, 'data')
    await run(
      join(binaries, 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8'],
      options,
    )
    // Without fsync nothing is lost: it is the server that ends, not the machine.
    const settings = ['fsync=off', 'listen_addresses=127.0.0.1', 'unix_socket_directories=']
    const command = [
      join(binaries, 'postgres'),
      '-D',
      data,
      ...[...settings, `port=${port}`].flatMap((setting) => ['-c', setting]),
    ]
    const server = (): ChildProcess =>
      spawn('/bin/sh', ['-c', script, 'sh', ...command], {
        ...options,
        stdio: ['pipe', 'ignore', 'ignore'],
      })
    const url = `postgresql://postgres@127.0.0.1:${port}/postgres`
    return new RestartablePostgres(url, folder, server)
  }

  async start(): Promise<void> {
    this.#running = this.#server()
    await vi.waitFor(
      async () => {
        const state = await readFile(join(this.#folder, 'data', 'postmaster.pid'), 'utf8')
        if (state.split('\n')[7]?.trim() !== 'ready') throw new Error('PostgreSQL is not ready')
      },
      { timeout: 15_000, interval: 15 },
    )
  }

  async stop(how: Shutdown): Promise<void> {
    const server = this.#running
    if (server === undefined) return
    this.#running = undefined
    const ended = once(server, 'close')
    server.stdin?.end(`${how}\n`)
    await ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('QUIT')
    await rm(this.#folder, { recursive: true, force: true })
  }
}
