import type { PoolClient } from 'pg'
import { Connection } from './connection.ts'

/** A connection that is waited for. */
export interface Acquisition {
  readonly connection: Promise<Connection>
  /** Fails it, if it has not come yet; when it comes after all it goes back at once. */
  readonly giveUp: (reason: unknown) => void
}

/** What the pool does about a connection that is waited for. */
export interface Acquiring {
  /** After how many milliseconds it is given up. */
  readonly limitMs: number | undefined
  /** Why it is given up then. */
  readonly timeout: (limitMs: number) => unknown
  readonly explain: (error: unknown) => unknown
  /** It was given up; what this gives is called when it has come, or failed, after all. */
  readonly abandoned: () => () => void
}

/**
 * @param connect calls back with a connection, or with an error. The connection is made in the callback: in
 * between nobody would listen to it, and an error without a listener ends the process.
 */
export function acquisition(
  connect: (done: (error: unknown, client?: PoolClient) => void) => void,
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
    else resolve(new Connection(client))
    isOver = true
  })
  return { connection: promise, giveUp }
}
