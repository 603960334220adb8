import { AsyncLocalStorage } from 'node:async_hooks'
import { DataBridgeError } from '../errors.ts'
import type { BaseSession } from './session.ts'

/** The method that gives the session of `User.get(1)`. A symbol, so that a request can have it beside its own properties. */
export const ambient: unique symbol = Symbol('fastify-data-bridge.ambient')

/** The method that gives the unit that sessions belong to. A symbol, like {@link ambient}. */
export const unit: unique symbol = Symbol('fastify-data-bridge.unit')

/** A request, or the job of `database.run(fn)`. */
export interface AmbientScope {
  [ambient](): BaseSession
  /** The request or the job that sessions belong to which begin in it. */
  [unit]?(): object
}

/** The asynchronous context of the ambient statics. */
export const ambientScope: AsyncLocalStorage<AmbientScope> = new AsyncLocalStorage<AmbientScope>()

export function ambientSession(what: string): BaseSession {
  const scope = ambientScope.getStore()
  if (scope !== undefined) return scope[ambient]()
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_NO_AMBIENT_SESSION',
    `${what} expected to be called within a request or database.run(fn), and there is no session here; ` +
      'use session.get(…) and session.find(…), or check the plugin option ambient',
  )
}
