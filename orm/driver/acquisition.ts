import type { PoolClient } from 'pg'
import { Connection } from './connection.ts'

/** A connection that is waited for. */
export interface Acquisition {
  readonly connection: Promise<Connection>
  /** Fails it, if it has not come yet; when it comes after all it goes back at once. */
  readonly giveUp: (reason: unknown) => void
}

/** @param limit after how many milliseconds it is given up, and for what reason */
export function acquisition(
  connecting: Promise<PoolClient>,
  explain: (error: unknown) => unknown,
  limit?: { readonly ms: number; readonly reason: () => unknown },
): Acquisition {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>()
  let isGivenUp = false
  let timer: NodeJS.Timeout | undefined
  const giveUp = (reason: unknown): void => {
    isGivenUp = true
    clearTimeout(timer)
    reject(reason)
  }
  if (limit !== undefined) timer = setTimeout(() => giveUp(limit.reason()), limit.ms)
  connecting.then(
    (client) => {
      clearTimeout(timer)
      if (isGivenUp) client.release()
      else resolve(new Connection(client))
    },
    (error: unknown) => {
      clearTimeout(timer)
      reject(explain(error))
    },
  )
  return { connection: promise, giveUp }
}
