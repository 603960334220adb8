/** Calls `fn`. What it throws becomes a rejection, as in an asynchronous function, without a promise of its own. */
export function attempt<T>(fn: () => Promise<T>): Promise<T> {
  try {
    return fn()
  } catch (error) {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- it is what was thrown
    return Promise.reject(error)
  }
}
