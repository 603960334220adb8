import type { Pool } from 'pg'

/** A connection that is being made. */
export interface Attempt {
  readonly beganAt: number
  /** The TLS settings that it uses. */
  readonly ssl: unknown
  /** Whether it was given up. Its place in the pool is free when its socket has closed. */
  readonly isDropped: boolean
}

interface Underway {
  readonly beganAt: number
  readonly ssl: unknown
  isDropped: boolean
  timer: NodeJS.Timeout | undefined
  readonly client: unknown
}

/** Bounds attempts that nobody waits for, where waiting has no limit. */
const unwantedMs = 30_000

/** The connections that a pool is making. */
export class Dialing {
  readonly #limitMs: number | false
  readonly #isWanted: () => boolean
  readonly #dropped: (attempt: Attempt) => void
  readonly #underway = new Set<Underway>()
  #closing = 0
  #latest = -Infinity

  /**
   * @param limitMs how long an attempt may take
   * @param isWanted whether as many requests wait as there are attempts
   * @param dropped called for each attempt that is given up
   */
  constructor(
    limitMs: number | false,
    isWanted: () => boolean,
    dropped: (attempt: Attempt) => void,
  ) {
    this.#limitMs = limitMs
    this.#isWanted = isWanted
    this.#dropped = dropped
  }

  /** How many attempts are under way. */
  get size(): number {
    return this.#underway.size
  }

  /** How many connections of the pool are not made yet: attempts, and dropped ones whose sockets are closing. */
  get unmade(): number {
    return this.#underway.size + this.#closing
  }

  /** When the latest attempt began. */
  get latest(): number {
    return this.#latest
  }

  /** Counts the connection that the pool began to make last. */
  begin(pool: Pool): Attempt {
    const beganAt = performance.now()
    const client = newestClient(pool)
    const ssl: unknown = pool.options.ssl
    const attempt: Underway = { beganAt, ssl, isDropped: false, timer: undefined, client }
    this.#underway.add(attempt)
    this.#latest = beganAt
    this.#limit(attempt)
    return attempt
  }

  /** Called when it has succeeded or failed. */
  end(attempt: Attempt): void {
    if (attempt.isDropped) this.#closing -= 1
    const ended = attempt as Underway
    clearTimeout(ended.timer)
    this.#underway.delete(ended)
  }

  /** Gives up the oldest attempts until this many are left. */
  keep(most: number): void {
    for (const attempt of this.#underway) {
      if (this.#underway.size <= most) return
      this.#drop(attempt)
    }
  }

  #limit(attempt: Underway): void {
    attempt.timer = setTimeout(
      () => {
        if (this.#limitMs === false && this.#isWanted()) this.#limit(attempt)
        else this.#drop(attempt)
      },
      this.#limitMs === false ? unwantedMs : this.#limitMs,
    )
    attempt.timer.unref()
  }

  #drop(attempt: Underway): void {
    clearTimeout(attempt.timer)
    this.#underway.delete(attempt)
    attempt.isDropped = true
    this.#closing += 1
    this.#dropped(attempt)
    closeSocket(attempt.client)
  }
}

/** Ends a connection at once. `client.end()` of `pg` waits for the other side. */
export function closeSocket(client: unknown): void {
  const { connection } = (client ?? {}) as { connection?: { stream?: { destroy?: () => void } } }
  connection?.stream?.destroy?.()
}

function newestClient(pool: Pool): unknown {
  return (pool as unknown as { readonly _clients?: readonly unknown[] })._clients?.at(-1)
}
