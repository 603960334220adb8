import { AsyncResource } from 'node:async_hooks'
import pg, { type Pool, type PoolClient } from 'pg'
import type { DataBridgeError } from '../errors.ts'
import { type Acquisition, acquisition } from './acquisition.ts'
import { Client } from './client.ts'
import { PoolConnection, type PoolState } from './connection.ts'
import type { ConnectionTarget } from './connection-target.ts'
import { type Attempt, Dialing } from './dialing.ts'
import { acquireTimeoutError, closedError, connectError, tooManyError } from './pool-errors.ts'
import { PoolSockets } from './pool-sockets.ts'
import { type Acquired, type Waiter, WaitingLine } from './waiting-line.ts'

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

/** What a pool does beside what its connections do. */
export interface PoolLimits {
  /** How many requests may wait. */
  readonly maxWaiting?: number | undefined
  /** How long a request waits, if it does not say so itself. */
  readonly acquireMs?: number | false | undefined
  /** How long it may take to make a connection. Default: `acquireMs`. */
  readonly connectMs?: number | false | undefined
  /** Whether statements are prepared. Undefined: as fits what is at the other end. */
  readonly prepare?: boolean | undefined
}

/** How long a request waits for a connection by default, in milliseconds. */
export const defaultAcquireMs = 30_000

/** How long no new connection is tried after a refused one, while others serve. */
const pauseMs = 1000

/** How long the other attempts are waited for when one has failed and no connection lives. */
const hopeMs = 3000

/**
 * Where connections come from: a pool of `pg`, and the line of those who wait.
 *
 * - A new connection serves the first in the line, whoever it was begun for.
 * - If one cannot be made while others live, nobody fails: the line waits for those, and one attempt a
 *   second finds out whether there may be more. Where none lives, all fail once the last attempt has.
 * - Attempts that nobody waits for any more, since their requests were given up, are ended.
 */
export class ConnectionPool {
  /** Whether we opened the pool. Otherwise the application did, and ends it. */
  readonly isOwn: boolean
  readonly #pool: Pool
  readonly #state: PoolState
  readonly #target: Pick<ConnectionTarget, 'where' | 'fallback'>
  readonly #sockets: PoolSockets | undefined
  readonly #maxWaiting: number
  readonly #acquireMs: number | false
  readonly #line = new WaitingLine((waiter) => this.giveUp(waiter, this.#timeoutError(waiter)))
  readonly #dialing: Dialing
  /** How many calls of `pool.connect()` are to bring a connection for the line. */
  #asked = 0
  #refusal: { readonly error: unknown; readonly at: number } | undefined
  #pause: NodeJS.Timeout | undefined
  #hope: NodeJS.Timeout | undefined
  #ended: Promise<void> | undefined

  private constructor(
    pool: Pool,
    isOwn: boolean,
    target: Pick<ConnectionTarget, 'where' | 'fallback'>,
    { maxWaiting = Infinity, acquireMs = defaultAcquireMs, connectMs, prepare }: PoolLimits,
  ) {
    this.#state = { prepare, changes: 0 }
    this.isOwn = isOwn
    this.#pool = pool
    this.#target = target
    this.#sockets = isOwn ? new PoolSockets(pool) : undefined
    this.#maxWaiting = maxWaiting
    this.#acquireMs = acquireMs
    this.#dialing = new Dialing(
      connectMs ?? acquireMs,
      () => this.#dialing.size <= this.#line.length,
      () => void (this.#asked -= 1),
    )
    // The pool reports the loss of an idle connection here and replaces it; without a listener the process would end.
    pool.on('error', this.#onFreed)
    pool.on('release', this.#onFreed)
  }

  /** Opens a pool. `end()` ends it. */
  static open(target: ConnectionTarget, limits: PoolLimits = {}): ConnectionPool {
    const pool = new pg.Pool({ ...target.config, Client })
    return new ConnectionPool(pool, true, target, limits)
  }

  /** A pool that the application made and ends itself. */
  static around(pool: Pool, limits: PoolLimits = {}): ConnectionPool {
    return new ConnectionPool(pool, false, { where: 'the given pool', fallback: undefined }, limits)
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
    const ofOthers = Math.max(waitingCount - this.#queued, 0)
    return {
      total: totalCount,
      idle: idleCount,
      waiting: Math.max(this.#line.length - this.#dialing.size, 0) + ofOthers,
    }
  }

  /** Whether statements are prepared. Undefined: as fits what is at the other end. */
  get prepare(): boolean | undefined {
    return this.#state.prepare
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

  /** {@link take}, as a promise. */
  acquire(limitMs: number | false | undefined): Acquisition {
    return acquisition(this, limitMs)
  }

  /**
   * Takes a connection, and makes one if it may. An idle one is there in the next tick.
   *
   * @param limitMs how long to wait; undefined: as long as the pool says
   * @param done called once, never before this returns while the pool is open, and not always in the
   * asynchronous context of the caller
   */
  take(limitMs: number | false | undefined, done: Acquired): Waiter {
    if (this.#ended !== undefined) throw closedError()
    const { idleCount, totalCount } = this.#pool
    const room = this.#refusal === undefined ? Math.max(this.max - totalCount, 0) : 0
    // Earlier requests of this turn have not taken the idle connections yet.
    if (this.#line.length >= this.#maxWaiting + idleCount + this.#dialing.size + room)
      throw tooManyError(this.#maxWaiting, this.#target.where)
    const limit = limitMs ?? this.#acquireMs
    const deadline = limit === false ? Infinity : performance.now() + limit
    const waiter: Waiter = { done, limitMs: limit, deadline, context: undefined }
    this.#line.add(waiter)
    this.#serve()
    // What instruments `pg` looks for the caller's span when a connection is asked for.
    // The functions of `AsyncLocalStorage.snapshot()` outlive minor collections.
    if (this.#asked < this.#line.length) waiter.context = new AsyncResource('DataBridgeWaiter')
    return waiter
  }

  /** The error of a request whose new connection has said nothing for so long. */
  silenceError(limitMs: number): DataBridgeError {
    const { where } = this.#target
    return acquireTimeoutError(limitMs, { where, inUse: undefined, refusal: undefined })
  }

  /** Fails a request that still waits. */
  giveUp(waiter: Waiter, reason: unknown): void {
    if (!this.#line.remove(waiter)) return
    this.#dialing.keep(this.#line.length)
    waiter.done(reason)
  }

  /** Ends the pool when its connections have come back. Does not end a pool of the application. */
  end(): Promise<void> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  async #end(): Promise<void> {
    clearTimeout(this.#pause)
    clearTimeout(this.#hope)
    this.#line.stop()
    for (const { done } of this.#line.takeBehind(0)) done(closedError())
    this.#dialing.keep(0)
    this.#pool.removeListener('release', this.#onFreed)
    if (this.#sockets === undefined) this.#pool.removeListener('error', this.#onFreed)
    else await this.#sockets.end()
  }

  /** Asks for connections until there is one for each request, or none can be had. */
  #serve(): void {
    while (this.#asked < this.#line.length && this.#canAsk()) {
      const { context } = this.#line.at(this.#asked) ?? {}
      if (context === undefined) this.#ask()
      else context.runInAsyncScope(() => this.#ask())
    }
    if (this.#asked < this.#line.length && this.#isPausing()) {
      const leftMs = this.#dialing.latest + pauseMs - performance.now()
      this.#pause ??= setTimeout(() => {
        this.#pause = undefined
        this.#serve()
      }, leftMs)
    }
  }

  #canAsk(): boolean {
    const { idleCount, totalCount, waitingCount } = this.#pool
    if (idleCount > this.#queued) return true
    if (totalCount < this.max) return !this.#isPausing()
    // Behind those who ask a given pool themselves; otherwise they would always come first.
    return waitingCount > this.#queued
  }

  /** Whether a new connection is not to be tried yet. */
  #isPausing(): boolean {
    if (this.#refusal === undefined || this.#pool.totalCount >= this.max) return false
    if (this.#living === 0 && this.#dialing.size === 0) return false
    return performance.now() < this.#dialing.latest + pauseMs
  }

  /** How many of the calls of `pool.connect()` are in the queue of the pool. */
  get #queued(): number {
    return this.#asked - this.#dialing.size
  }

  get #living(): number {
    return this.#pool.totalCount - this.#dialing.unmade
  }

  #ask(): void {
    const before = this.#pool.totalCount
    let attempt: Attempt | undefined
    this.#asked += 1
    try {
      this.#pool.connect((error, client) => this.#arrived(attempt, error, client))
    } catch (error) {
      // Settings that the client of a given pool refuses.
      this.#arrived(undefined, error, undefined)
    }
    if (this.#pool.totalCount > before) attempt = this.#dialing.begin(this.#pool)
  }

  // The connection is made in the callback: in between nobody would listen to it, and an error without a
  // listener ends the process.
  #arrived(attempt: Attempt | undefined, error: unknown, client: PoolClient | undefined): void {
    if (attempt?.isDropped !== true) this.#asked -= 1
    if (attempt !== undefined) this.#dialing.end(attempt)
    if (client === undefined) {
      if (attempt?.isDropped === true) this.#serve()
      else this.#failed(attempt, error)
      return
    }
    if (attempt !== undefined && attempt.beganAt > (this.#refusal?.at ?? 0))
      this.#refusal = undefined
    const waiter = this.#line.shift()
    if (waiter === undefined) client.release()
    else waiter.done(undefined, PoolConnection.checkOut(client, this.#state))
    if (this.#asked < this.#line.length) this.#serve()
  }

  #failed(attempt: Attempt | undefined, error: unknown): void {
    const { fallback } = this.#target
    if (fallback?.isFor(error) === true && attempt !== undefined && attempt.ssl !== fallback.ssl) {
      this.#pool.options.ssl = fallback.ssl
      this.#serve()
      return
    }
    this.#refusal = { error, at: performance.now() }
    if (this.#living > 0 && !this.#pool.ending) this.#serve()
    else if (this.#dialing.size === 0) this.#refuseBehind(0, error)
    else {
      // Of several attempts the others may succeed. One that hears nothing is not waited for.
      this.#hope ??= setTimeout(() => {
        this.#hope = undefined
        if (this.#living === 0) this.#refuseBehind(this.#dialing.size, error)
      }, hopeMs)
    }
  }

  #refuseBehind(first: number, error: unknown): void {
    for (const { done } of this.#line.takeBehind(first))
      done(connectError(error, this.#target.where))
  }

  #timeoutError(waiter: Waiter): unknown {
    const isAccepting = this.#refusal === undefined
    const isDialing =
      this.#living === 0 || (isAccepting && this.#line.indexOf(waiter) < this.#dialing.unmade)
    return acquireTimeoutError(Number(waiter.limitMs), {
      where: this.#target.where,
      inUse: isDialing ? undefined : this.#living,
      refusal: this.#refusal?.error,
    })
  }

  // The pool has yet to put the connection back, or to forget it.
  readonly #onFreed = (): void => {
    if (this.#asked < this.#line.length) process.nextTick(() => this.#serve())
  }
}

/** Whether a value is a pool of `pg`, of whichever copy of the package. */
export function isPool(value: unknown): value is Pool {
  const { connect, totalCount } = (value ?? {}) as { connect?: unknown; totalCount?: unknown }
  return typeof connect === 'function' && typeof totalCount === 'number'
}
