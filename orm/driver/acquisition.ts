import type { PoolClient } from 'pg'
import type { Connection } from './connection.ts'

/** A request for a connection. */
export interface Acquisition {
  readonly connection: Promise<Connection>
  /** Fails the request. If the connection arrives later, it goes back to the pool at once. */
  readonly giveUp: (reason: unknown) => void
}

/** The limits of a request for a connection. */
export interface Acquiring {
  /** The time limit in milliseconds. */
  readonly limitMs: number | undefined
  /** The error after that time. */
  readonly timeout: (limitMs: number) => unknown
  readonly explain: (error: unknown) => unknown
  /** Called when the request is given up. The returned function is called when the connection arrives or fails later. */
  readonly abandoned: () => () => void
}

/**
 * @param connect calls back with a connection, or with an error. The connection is made in the callback: in
 * between nobody would listen to it, and an error without a listener ends the process.
 */
export function acquisition(
  connect: (done: (error: unknown, client?: PoolClient) => void) => void,
  checkOut: (client: PoolClient) => Connection,
  acquiring: Acquiring,
): Acquisition {
  const { limitMs, timeout, explain, abandoned } = acquiring
  const { promise, resolve, reject } = Promise.withResolvers<Connection>()
  let isOver = false
  let ended: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  const giveUp = (reason: unknown): void => {
    if (isOver) return
    isOver = true
    clearTimeout(timer)
    ended = abandoned()
    reject(reason)
  }
  if (limitMs !== undefined) timer = setTimeout(() => giveUp(timeout(limitMs)), limitMs)
  connect((error, client) => {
    ended?.()
    clearTimeout(timer)
    if (client === undefined) reject(explain(error))
    else if (isOver) client.release()
    else resolve(checkOut(client))
    isOver = true
  })
  return { connection: promise, giveUp }
}
