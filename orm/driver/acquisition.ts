import type { Connection } from './connection.ts'
import type { Waiter } from './waiting-line.ts'
import type { ConnectionPool } from './pool.ts'

/** A request for a connection. */
export interface Acquisition {
  readonly connection: Promise<Connection>
  /** Fails the request. It takes no connection later. */
  readonly giveUp: (reason: unknown) => void
}

/** A request for a connection as a promise. */
export function acquisition(
  pool: Pick<ConnectionPool, 'take' | 'giveUp'>,
  limitMs: number | false | undefined,
): Acquisition {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>()
  const waiter: Waiter = pool.take(limitMs, (error, connection) => {
    if (connection === undefined) reject(error)
    else resolve(connection)
  })
  return { connection: promise, giveUp: (reason) => pool.giveUp(waiter, reason) }
}
