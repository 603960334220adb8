import { AsyncLocalStorage } from 'node:async_hooks'
import { DataBridgeError } from '../errors.ts'
import type { BaseSession } from './session.ts'

/** Where `User.get(1)` finds its session: that of the request, or of `database.run(fn)`. */
export interface AmbientScope {
  session(): BaseSession
}

/** The only asynchronous context of the library; nothing but the ambient statics depends on it. */
export const ambientScope: AsyncLocalStorage<AmbientScope> = new AsyncLocalStorage<AmbientScope>()

export function ambientSession(what: string): BaseSession {
  const scope = ambientScope.getStore()
  if (scope !== undefined) return scope.session()
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_NO_AMBIENT_SESSION',
    `${what} expected to be called within a request or database.run(fn), and there is no session here; ` +
      'use session.get(…) and session.find(…), or check the plugin option ambient',
  )
}
