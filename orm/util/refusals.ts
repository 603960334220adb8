/**
 * Refusals: errors of sessions that were ended from outside, because the client left, the time was over or
 * the application closes. The program cannot know when that happens. A promise that was started earlier
 * and is awaited later may be refused in between, and Node ends a process with a rejection that nobody
 * awaits.
 */
const refusals = new WeakSet<object>()

/** Marks an error as a refusal. */
export function refusal<E extends object>(error: E): E {
  refusals.add(error)
  return error
}

/** Whether an error is a refusal, or is caused by one. */
export function isRefusal(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { cause } = error as { readonly cause?: unknown }
  return refusals.has(error) || (typeof cause === 'object' && cause !== null && refusals.has(cause))
}

/** Told of a refused promise, which perhaps nobody awaits. */
export type TellRefused = (error: unknown) => void

/**
 * Keeps a promise that is refused from ending the process. Who awaits it still gets the error. Other
 * errors are left alone. For a promise that is about to be rejected, or was in this turn.
 */
export function spare(promise: Promise<unknown>, error: unknown, tell?: TellRefused): void {
  if (!isRefusal(error)) return
  promise.catch(() => undefined)
  tell?.(error)
}

/** What a session wants to know of the promises that it gives. */
export interface Giver {
  /** Called when the work has ended. */
  ended?(): void
  readonly tellRefused?: TellRefused | undefined
}

/** The promise of some work, {@link spare}d if it is refused. */
export function given<T>(work: () => Promise<T> | T, giver: Giver = {}): Promise<T> {
  const promise = asPromise(work).then(
    (result) => {
      giver.ended?.()
      return result
    },
    (error: unknown) => {
      giver.ended?.()
      // If it was refused at once, there is no promise yet. Node looks at it after all microtasks.
      if (isRefusal(error)) queueMicrotask(() => spare(promise, error, giver.tellRefused))
      throw error
    },
  )
  return promise
}

function asPromise<T>(work: () => Promise<T> | T): Promise<T> {
  try {
    return Promise.resolve(work())
  } catch (error) {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- it is what was thrown
    return Promise.reject(error)
  }
}

/** What follows from a given promise, {@link spare}d if that one is refused. */
export function followed<T, U>(
  given: Promise<T>,
  next: (result: T) => U,
  tell: TellRefused | undefined,
): Promise<U> {
  const promise = given.then(next, (error: unknown) => {
    if (isRefusal(error)) queueMicrotask(() => spare(promise, error, tell))
    throw error
  })
  return promise
}
