import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { type Database, optionError } from '../orm/index.ts'
import { addLifecycle } from './lifecycle.ts'
import { addNamed } from './named.ts'
import { type DataBridgeOptions, settingsOf } from './options.ts'
import type { DataBridgeRouteOptions } from './route-options.ts'

export type { CommitOn } from './commit-on.ts'
export type { DataBridgeOptions } from './options.ts'
export type { DataBridgeRouteOptions } from './route-options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The plugin's database, for your own sessions, jobs and the schema. */
    readonly dataBridge: Database
    /** The databases that have a `name`, by their names in {@link DataBridgeSessions}. */
    readonly dataBridges: { readonly [Name in keyof DataBridgeSessions]: Database }
  }

  /**
   * The names of databases. The application declares them, so that a misspelled name does not compile:
   * `declare module 'fastify' { interface DataBridgeSessions { readonly reports: Session } }`.
   */
  interface DataBridgeSessions {}

  interface FastifyRequest {
    /** The request's sessions on the databases that have a `name`. */
    readonly sessions: DataBridgeSessions
  }

  interface FastifyContextConfig {
    /** Options of the sessions of this route. */
    readonly dataBridge?: DataBridgeRouteOptions
  }
}

/**
 * The Fastify plugin: every request has its own session. It opens on first use, commits before the
 * response leaves, rolls back on errors and aborts, and always returns its connection.
 *
 * @throws DataBridgeError `DATA_BRIDGE_ERR_OPTION` at startup, if an option is not valid.
 *
 * @example
 * ```ts
 * import Fastify from 'fastify'
 * import dataBridge from 'fastify-data-bridge'
 * import { User } from './entities.ts'
 *
 * const app = Fastify({ logger: true })
 * app.register(dataBridge, { connectionString: process.env.DATABASE_URL })
 *
 * app.get<{ Params: { id: string } }>('/users/:id', async (request, reply) => {
 *   const user = await request.session.get(User, Number(request.params.id))
 *   return user ?? reply.callNotFound()
 * })
 * ```
 */
export const dataBridge: FastifyPluginAsync<DataBridgeOptions> = fp(register, {
  name: 'fastify-data-bridge',
  fastify: '5.x',
})

export default dataBridge

async function register(app: FastifyInstance, options: DataBridgeOptions): Promise<void> {
  const settings = settingsOf(options, process.env)
  const { name, database } = settings
  if (name === undefined) refuseSecond(app)
  const sessionOf = addLifecycle(app, settings)
  if (name !== undefined) return addNamed(app, name, database, sessionOf)
  claim(app, settings.decorateAs)
  app.decorateRequest(settings.decorateAs, {
    getter(this: FastifyRequest) {
      return sessionOf(this)
    },
  })
  app.decorate('dataBridge', database)
}

function refuseSecond(app: FastifyInstance): void {
  if (!Object.hasOwn(app, 'dataBridge')) return
  throw optionError(
    'fastify-data-bridge is registered twice in one scope; give the second a name or its own scope',
  )
}

const claimed = Symbol('fastify-data-bridge.claimed')

/** Takes a property of requests. It may hide this plugin's property of a scope above, but no other. */
function claim(app: FastifyInstance, property: string): void {
  const { [claimed]: above = [] } = app as { readonly [claimed]?: readonly string[] }
  if (!above.includes(property) && app.hasRequestDecorator(property)) {
    throw optionError(
      `request.${property} belongs to Fastify or another plugin (perhaps @fastify/session); choose another name with decorateAs`,
    )
  }
  app.decorate(claimed, [...above, property])
}
