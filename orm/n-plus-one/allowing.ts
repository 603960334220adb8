import { AsyncLocalStorage } from 'node:async_hooks'
import { describe } from '../errors.ts'
import type { Operation } from '../observe/operation.ts'
import { optionError } from '../util/option-checks.ts'

// Made by the first call: most programs have none.
let reasons: AsyncLocalStorage<string> | undefined

const allowed = new WeakSet<Operation>()

/**
 * Calls a function whose queries are accepted as they are, and gives what it returns. What begins in it never counts as
 * an N+1 pattern. It may be asynchronous, and calls may be nested.
 *
 * @param reason why, for those who read the code
 * @throws DataBridgeError `DATA_BRIDGE_ERR_OPTION` without a reason or a function.
 *
 * @example
 * ```ts
 * import { allowNPlusOne, type Session } from 'fastify-data-bridge/orm'
 * import { Post } from './entities.ts'
 *
 * export function exportAll(session: Session, write: (line: string) => void): Promise<void> {
 *   return allowNPlusOne('the nightly export keeps one author in memory at a time', async () => {
 *     for await (const post of session.find(Post).stream()) write((await post.author).name)
 *   })
 * }
 * ```
 */
export function allowNPlusOne<T>(reason: string, fn: () => T): T {
  if (typeof reason !== 'string' || reason.trim() === '')
    throw optionError(`allowNPlusOne() expected a reason, got ${describe(reason)}`)
  if (typeof fn !== 'function')
    throw optionError(`allowNPlusOne() expected a function, got ${describe(fn)}`)
  reasons ??= new AsyncLocalStorage()
  return reasons.run(reason, fn)
}

/** Whether the program is within `allowNPlusOne()`. */
export function isAllowing(): boolean {
  return reasons?.getStore() !== undefined
}

/** Notes an operation that begins within `allowNPlusOne()`: its statements are sent later, perhaps behind others. */
export function noteAllowed(operation: Operation): void {
  if (isAllowing()) allowed.add(operation)
}

/** Whether an operation, or one that it is a part of, has begun within `allowNPlusOne()`. */
export function isAllowed(operation: Operation | undefined): boolean {
  if (reasons === undefined) return false
  for (let each = operation; each !== undefined; each = each.parent)
    if (allowed.has(each)) return true
  return false
}
