import pg, { type Pool } from 'pg'
import { DataBridgeError, describe } from '../errors.ts'
import { type Acquisition, acquisition } from './acquisition.ts'
import { Client } from './client.ts'
import { acquireTimeoutError, connectError, tooManyError } from './pg-errors.ts'
import { type PoolSettings, requireSettings } from './pool-settings.ts'

export type { Pool }

/** How much of a pool is in use. */
export interface PoolUsage {
  /** How many connections there are. */
  readonly total: number
  /** How many of them are free. */
  readonly idle: number
  /** How many sessions wait for one. */
  readonly waiting: number
}

/** Where connections come from. */
export class ConnectionPool {
  readonly #pool: Pool
  readonly #isOwn: boolean
  readonly #where: string
  readonly #maxWaiting: number
  /** How many requests are in the pool's queue although nobody waits for them any more. */
  #abandoned = 0
  #ended: Promise<void> | undefined

  private constructor(pool: Pool, isOwn: boolean, where: string, maxWaiting: number) {
    this.#pool = pool
    this.#isOwn = isOwn
    this.#where = where
    this.#maxWaiting = maxWaiting
    // The pool reports the loss of an idle connection here and replaces it; without a listener the process would end.
    pool.on('error', ignoreIdleLoss)
  }

  /** Opens a pool. `end()` ends it. */
  static open(
    connectionString: string,
    settings: PoolSettings = {},
    maxWaiting: number = Infinity,
  ): ConnectionPool {
    const where = describeUrl(connectionString)
    const pool = new pg.Pool({ ...requireSettings(settings), connectionString, Client })
    return new ConnectionPool(pool, true, where, maxWaiting)
  }

  /** A pool that the application made and ends itself. */
  static around(pool: Pool, maxWaiting: number = Infinity): ConnectionPool {
    return new ConnectionPool(pool, false, 'the given pool', maxWaiting)
  }

  /** The server that its connections go to, as far as the settings say. */
  get server(): {
    readonly host: string
    readonly port: number
    readonly database: string | undefined
  } {
    // A client that never connects reads the settings as those of the pool do: URL, options, environment.
    const { host, port, database } = new pg.Client(this.#pool.options)
    return { host, port, database }
  }

  get usage(): PoolUsage {
    const { totalCount, idleCount, waitingCount } = this.#pool
    return {
      total: totalCount,
      idle: idleCount,
      waiting: Math.max(waitingCount - this.#abandoned, 0),
    }
  }

  /** How many connections there may be. */
  get max(): number {
    return this.#pool.options.max
  }

  /** Whether an instrumentation of OpenTelemetry has wrapped the driver. */
  get isInstrumented(): boolean {
    const pool = this.#pool as Pool & { readonly Client?: { readonly prototype: pg.Client } }
    const { query } = (pool.Client ?? pg.Client).prototype as {
      query: { readonly __wrapped?: boolean }
    }
    return query.__wrapped === true
  }

  /** @param limitMs how long to wait; undefined: only the limit of the pool */
  acquire(limitMs: number | undefined): Acquisition {
    if (this.#ended !== undefined) {
      throw new DataBridgeError(
        'DATA_BRIDGE_ERR_UNREACHABLE',
        'the database was closed; no connection can be had',
        { safeMessage: 'the database was closed; no connection can be had' },
      )
    }
    const { waiting, idle, total } = this.usage
    const isFull = idle === 0 && total >= this.max
    // Earlier requests of this turn have not taken the idle connections yet.
    if (waiting >= this.#maxWaiting + idle + Math.max(this.max - total, 0))
      throw tooManyError(this.#maxWaiting, this.#where)
    const queued = this.#pool.waitingCount
    const acquired = acquisition((done) => this.#pool.connect(done), {
      limitMs,
      timeout: (ms) => acquireTimeoutError(ms, isFull, this.#where),
      explain: (error) => connectError(error, this.#where),
      abandoned: () => this.#abandon(isQueued),
    })
    const isQueued = this.#pool.waitingCount > queued
    return acquired
  }

  /** @param isQueued whether the request was counted as waiting; then the count goes down */
  #abandon(isQueued: boolean): () => void {
    if (!isQueued) return () => {}
    this.#abandoned += 1
    return () => void (this.#abandoned -= 1)
  }

  /** Ends the pool when its connections have come back. Does not end a pool of the application. */
  end(): Promise<void> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  async #end(): Promise<void> {
    // `pg` does not wait for its connections to close: a server that stops now still tells them so.
    if (this.#isOwn) await this.#pool.end()
    else this.#pool.removeListener('error', ignoreIdleLoss)
  }
}

function ignoreIdleLoss(): void {}

/** Whether a value is a pool of `pg`, of whichever copy of the package. */
export function isPool(value: unknown): value is Pool {
  const { connect, totalCount } = (value ?? {}) as { connect?: unknown; totalCount?: unknown }
  return typeof connect === 'function' && typeof totalCount === 'number'
}

// Host, port, database and user, without the password: for messages.
function describeUrl(connectionString: unknown): string {
  if (typeof connectionString !== 'string') {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_OPTION',
      `connectionString expected a URL such as postgresql://user@localhost:5432/mydb, got ${describe(connectionString)}`,
    )
  }
  if (connectionString === '') {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_OPTION',
      'connectionString expected a URL such as postgresql://user@localhost:5432/mydb, got an empty string',
    )
  }
  if (!/^postgres(ql)?:\/\//.test(connectionString) || !URL.canParse(connectionString)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_OPTION',
      'connectionString expected a URL such as postgresql://user@localhost:5432/mydb; ' +
        'got a string of another form (not shown, since it may hold a password)',
    )
  }
  const { hostname, port, pathname, username, searchParams } = new URL(connectionString)
  const host = searchParams.get('host') ?? (hostname === '' ? 'localhost' : hostname)
  const user = username === '' ? '' : `${decoded(username)}@`
  return `${user}${host}:${port === '' ? 5432 : port}${decoded(pathname)}`
}

// `pg` accepts a percent sign that encodes nothing.
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
