import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Database, DataBridgeError, type Session } from '../orm/index.ts'
import type { SessionOf } from './lifecycle.ts'

/**
 * What `request.sessions` has. Declare your names, so that a misspelled one does not compile:
 * `declare module 'fastify-data-bridge/plugin' { interface NamedSessions { reports: Session } }`.
 */
export interface NamedSessions {
  readonly [name: string]: Session
}

const named = Symbol('fastify-data-bridge.named')

type Named = Readonly<Record<string, SessionOf>>

/** Adds a database to those that have a name, in this scope and below. */
export function addNamed(
  app: FastifyInstance,
  name: string,
  database: Database,
  sessionOf: SessionOf,
): void {
  const { [named]: above = {} } = app as { readonly [named]?: Named }
  if (Object.hasOwn(app, 'dataBridges') && Object.hasOwn(app.dataBridges, name)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_OPTION',
      `fastify-data-bridge is registered twice with the name ${name} in one scope; give each a name of its own`,
    )
  }
  const sessions: Named = { ...above, [name]: sessionOf }
  const databases = { ...app.dataBridges, [name]: database }
  redefine(app, named, sessions)
  redefine(app, 'dataBridges', databases)
  if (!app.hasRequestDecorator('sessions')) {
    app.decorateRequest('sessions', {
      getter(this: FastifyRequest) {
        return sessionsOf(this)
      },
    })
  }
}

/** Each session is made when its name is read. */
function sessionsOf(request: FastifyRequest): NamedSessions {
  const { [named]: sessions = {} } = request.server as { readonly [named]?: Named }
  return Object.defineProperties(
    Object.create(null) as NamedSessions,
    Object.fromEntries(
      Object.entries(sessions).map(([name, sessionOf]) => [
        name,
        { enumerable: true, get: () => sessionOf(request) },
      ]),
    ),
  )
}

// A decorator of Fastify cannot be replaced in its scope, and each registration adds to it.
function redefine(app: FastifyInstance, property: PropertyKey, value: unknown): void {
  Object.defineProperty(app, property, { value, configurable: true, enumerable: true })
}
