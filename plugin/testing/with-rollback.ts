import type { FastifyInstance } from 'fastify'
import { Database, describe, optionError } from '../../orm/index.ts'

/**
 * Runs a function, and rolls back what all sessions of the app's databases do meanwhile: those of requests, by
 * `inject()` or over sockets, and your own. Each database has one connection then, and one transaction.
 *
 * - A session works as ever: its transactions are savepoints. COMMIT checks deferred constraints, callbacks of
 *   `afterCommit()` run, errors undo what they undo in production.
 * - Statements outside of transactions take turns. A transaction waits until that of another request has ended. It
 *   fails if nothing happens for `timeouts.acquire` (here 4 s by default). In a handler or a job, `run()` does not
 *   wait: its transaction is part of the one around it, and is undone with that.
 * - Other than in production: sessions see what others have not committed yet, and do not wait for the locks of each
 *   other. The isolation level is that of the database. `now()` is when the call began. Sequences keep their
 *   numbers. `NOTIFY` is not delivered, and what PostgreSQL refuses in a transaction (`create database`) fails.
 *
 * Await all that the function begins. A transaction that was open before the call is not part of it. Calls of one
 * database run one after the other, or inside of each other.
 *
 * @returns the result of the function
 *
 * @throws DataBridgeError `DATA_BRIDGE_ERR_TRANSACTION` if another call runs on the same database,
 * `DATA_BRIDGE_ERR_CONNECTION_LOST` if the connection was lost meanwhile
 *
 * @example
 * ```ts
 * import type { FastifyInstance } from 'fastify'
 * import { withRollback } from 'fastify-data-bridge/testing'
 *
 * export async function createsUser(app: FastifyInstance): Promise<void> {
 *   await withRollback(app, async () => {
 *     const payload = { name: 'Ann', email: 'ann@example.com' }
 *     const created = await app.inject({ method: 'POST', url: '/users', payload })
 *     if (created.statusCode !== 201) throw new Error(created.body)
 *   })
 * }
 * ```
 */
export async function withRollback<A extends FastifyInstance | Database, T>(
  app: A,
  fn: (app: A) => Promise<T> | T,
): Promise<T> {
  if (typeof fn !== 'function')
    throw optionError(`withRollback() expected a function, got ${describe(fn)}`)
  const nested = (await databasesOf(app)).reduceRight<() => Promise<T>>(
    (inner, database) => () => database.rolledBack(inner),
    async () => fn(app),
  )
  return nested()
}

/** Those of this scope: a scope below has its own. */
async function databasesOf(app: FastifyInstance | Database): Promise<readonly Database[]> {
  if (app instanceof Database) return [app]
  await (app as Partial<FastifyInstance> | undefined)?.ready?.()
  const { dataBridge, dataBridges } = (app ?? {}) as Partial<FastifyInstance>
  const all: ReadonlySet<unknown> = new Set([dataBridge, ...Object.values(dataBridges ?? {})])
  const databases = [...all].filter((each) => each instanceof Database)
  if (databases.length > 0) return databases
  throw optionError(
    'withRollback() expected a Database, or an app in whose own scope fastify-data-bridge is registered, got neither',
  )
}
