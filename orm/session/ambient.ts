import { AsyncLocalStorage } from 'node:async_hooks'
import { DataBridgeError } from '../errors.ts'
import type { BaseSession } from './session.ts'

/** The session of `User.get(1)`: that of the request, or of `database.run(fn)`. */
export interface AmbientScope {
  session(): BaseSession
}

/** The only asynchronous context of the library. Only the ambient statics use it. */
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
