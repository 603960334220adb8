import type { Pool, PoolClient } from 'pg'
import { closeSocket } from './dialing.ts'

/** How long a connection may take to say goodbye. */
const goodbyeMs = 500

/** The sockets of a pool, until they have closed. */
export class PoolSockets {
  readonly #pool: Pool
  readonly #open = new Set<PoolClient>()
  readonly #closed = Promise.withResolvers<void>()
  #isEnding = false

  constructor(pool: Pool) {
    this.#pool = pool
    pool.on('connect', (client) => void this.#open.add(client))
    pool.on('remove', (client) => {
      this.#open.delete(client)
      if (this.#isEnding && this.#open.size === 0) this.#closed.resolve()
    })
  }

  /** Ends the pool. Resolves when its sockets have closed. Cuts those off that a silent network keeps open. */
  async end(): Promise<void> {
    this.#isEnding = true
    if (this.#open.size === 0) this.#closed.resolve()
    const isOver = Promise.withResolvers<void>()
    const limit = setTimeout(() => {
      for (const client of this.#open) closeSocket(client)
      isOver.resolve()
    }, goodbyeMs)
    // The pool itself is ended before the sockets of its connections have closed.
    await Promise.race([Promise.all([this.#pool.end(), this.#closed.promise]), isOver.promise])
    clearTimeout(limit)
  }
}
