const outdated = new WeakSet<object>()

/** Marks the error of a prepared statement that was outdated in the middle of a transaction. */
export function markOutdated(error: unknown): void {
  if (typeof error === 'object' && error !== null) outdated.add(error)
}

/** Whether only an outdated prepared statement made the transaction fail: it is prepared again for the next one. */
export function isOutdatedError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && outdated.has(error)
}
