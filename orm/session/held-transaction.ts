/** A `transaction()` that is ended by calls, and not by the end of its function. */
export interface HeldTransaction {
  /** Its function resolves. */
  release(): Promise<void>
  /** Its function rejects. */
  rollBack(): Promise<void>
}

/** Resolves when the transaction has begun. */
export async function heldTransaction(
  run: (fn: () => Promise<void>) => Promise<void>,
): Promise<HeldTransaction> {
  const over = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const undone = new Error('rolled back')
  const running = run(() => {
    begun.resolve()
    return over.promise
  })
  await Promise.race([begun.promise, running])
  return {
    release: () => {
      over.resolve()
      return running
    },
    rollBack: () => {
      over.reject(undone)
      return running.catch((error: unknown) => {
        if (error !== undone) throw error
      })
    },
  }
}
