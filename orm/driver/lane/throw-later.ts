/**
 * Throws what a function of others has thrown, but not into the reading of messages: that would stop in the
 * middle. It is still an uncaught error.
 */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}
