import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { type Application, injected } from './injected.ts'
import type { QueryRecord } from './query-record.ts'
import { Recorder } from './recorder.ts'

/**
 * Records what the sessions do that begin while a function runs, on whatever database. N+1 patterns are looked for, even
 * if the database does not. Recordings nest, and those that run at the same time do not mix. A session that has begun
 * before is not recorded, nor is a request that comes over a real socket.
 *
 * Rejects if the function does.
 *
 * @example
 * ```ts
 * import type { Database } from 'fastify-data-bridge/orm'
 * import { recordQueries } from 'fastify-data-bridge/testing'
 * import { User } from './entities.ts'
 *
 * export async function cost(database: Database): Promise<number> {
 *   const db = await recordQueries(() => database.run((session) => session.find(User).toList()))
 *   return db.queryCount
 * }
 * ```
 */
export async function recordQueries(fn: () => unknown): Promise<QueryRecord> {
  const recorder = new Recorder()
  await recorder.during(fn)
  return recorder.record
}

/** What {@link injectWithDb} gives. */
export interface Injected {
  readonly response: LightMyRequestResponse
  /** What the request has done to the databases. */
  readonly db: QueryRecord
}

/**
 * Sends a request by `app.inject()`, and records what it does to the databases, also if it fails. N+1 patterns are looked
 * for, even if the database does not.
 *
 * @example
 * ```ts
 * import type { FastifyInstance } from 'fastify'
 * import { injectWithDb } from 'fastify-data-bridge/testing'
 *
 * export async function queriesOf(app: FastifyInstance): Promise<number> {
 *   const { response, db } = await injectWithDb(app, { method: 'GET', url: '/posts' })
 *   if (response.statusCode !== 200) throw new Error(response.body)
 *   return db.queryCount
 * }
 * ```
 */
export async function injectWithDb(
  app: Application,
  request: InjectOptions | string,
): Promise<Injected> {
  // What the application does when it starts is not part of the request.
  await app.ready()
  const recorder = new Recorder()
  const { response, route } = await recorder.during(() => injected(app, request))
  recorder.route = route
  return { response, db: recorder.record }
}
