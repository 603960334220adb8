import { AsyncLocalStorage } from 'node:async_hooks'

/** What runs within a callback of `afterCommit()`. */
export interface CallbackScope {
  /** Whose callback it is; undefined when it has ended: timers and sockets that it made may keep the scope. */
  owner: object | undefined
  /** The callback that this one was called in: that of another session. */
  readonly outer: CallbackScope | undefined
}

const scopes = new AsyncLocalStorage<CallbackScope>()

/** Runs a callback of a session. */
export async function runCallbackOf(owner: object, fn: () => Promise<unknown>): Promise<void> {
  const scope: CallbackScope = { owner, outer: scopes.getStore() }
  try {
    await scopes.run(scope, fn)
  } finally {
    scope.owner = undefined
  }
}

/** Whether this is called by a callback of the session. */
export function isInCallbackOf(owner: object): boolean {
  let scope = scopes.getStore()
  while (scope !== undefined && scope.owner !== owner) scope = scope.outer
  return scope !== undefined
}
