import type { DataBridgeSessions, FastifyInstance, FastifyRequest } from 'fastify'
import { type Database, optionError } from '../orm/index.ts'
import type { SessionOf } from './lifecycle.ts'

const named = Symbol('fastify-data-bridge.named')

/** A database with a name, and the scope of its registration. */
interface Named {
  readonly scope: FastifyInstance
  readonly database: Database
  readonly sessionOf: SessionOf
}

type Names = Readonly<Record<string, Named>>

/** Adds a database with a name to this scope and those below. It may hide one of a scope above. */
export function addNamed(
  app: FastifyInstance,
  name: string,
  database: Database,
  sessionOf: SessionOf,
): void {
  const above = namesOf(app)
  if (above !== undefined && Object.hasOwn(above, name) && above[name]?.scope === app) {
    throw optionError(
      `fastify-data-bridge is registered twice with the name ${name} in one scope; give each its own name`,
    )
  }
  if (above === undefined) decorate(app)
  const names: Names = { ...above, [name]: { scope: app, database, sessionOf } }
  redefine(app, named, names)
  redefine(
    app,
    'dataBridges',
    byName(names, (each) => each.database),
  )
}

function decorate(app: FastifyInstance): void {
  if (app.hasRequestDecorator('sessions')) {
    throw optionError(
      'request.sessions belongs to another plugin or to a database with decorateAs; databases with a name need it',
    )
  }
  app.decorateRequest('sessions', {
    getter(this: FastifyRequest) {
      const names = namesOf(this.server) ?? {}
      return byName(names, ({ sessionOf }) => sessionOf(this)) as DataBridgeSessions
    },
  })
}

function namesOf(app: FastifyInstance): Names | undefined {
  return (app as { readonly [named]?: Names })[named]
}

/** Values by name, each made at its first read: a session that nobody reads is never opened. */
function byName(names: Names, valueOf: (each: Named) => unknown): object {
  const properties = Object.entries(names).map(
    ([name, each]) => [name, { enumerable: true, get: () => valueOf(each) }] as const,
  )
  return Object.create(null, Object.fromEntries(properties)) as object
}

// Each registration adds a name, and Fastify does not replace a decorator in its scope.
function redefine(app: FastifyInstance, property: PropertyKey, value: unknown): void {
  Object.defineProperty(app, property, { value, configurable: true, enumerable: true })
}
