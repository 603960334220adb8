import type { DueCallback } from './due-callback.ts'

/** How many milliseconds the response, or `commit()`, waits for all callbacks together. */
const mostMs = 5_000

/**
 * Runs callbacks one after the other. Never rejects. When the time is over, nothing waits any more: those that have
 * not begun begin at once, because a callback that never ends must not keep them from running.
 */
export async function runCallbacks(
  callbacks: readonly DueCallback[],
  limitMs: number = mostMs,
): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, limitMs, true)
  let isLate = false
  for (const [index, callback] of callbacks.entries()) {
    const running = callback.run().then(() => false)
    if (isLate) continue
    isLate = await Promise.race([running, over])
    if (isLate) callback.tellLate(limitMs, callbacks.length - index - 1)
  }
  clearTimeout(timer)
}
