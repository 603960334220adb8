import { describe, type Database, optionError } from '../../../orm/index.ts'
import type { DatabaseContract } from './contract.ts'
import { explain } from './explain.ts'
import { contractOf, type Measurement } from './measured.ts'
import { recorded } from './recorded.ts'
import { type ContractApp, type ContractRequest, requestFor, send } from './requests.ts'
import { isSeveral } from './sql-text.ts'

export interface DatabaseContractOptions {
  /**
   * What is sent, each with every number of rows. Requests of one route need a `name`, which is then the name in the
   * contract in place of `GET /posts/:id`.
   */
  readonly requests: readonly (ContractRequest | ((rows: number) => ContractRequest))[]
  /** Called before the requests are sent: makes the rows. It can do without if the requests choose how many they read. */
  readonly populate?: ((rows: number) => unknown) | undefined
  /** The numbers of rows, at least two. Default: `[2, 5]` */
  readonly scales?: readonly number[]
  /** Whose plans are asked for. Default: `app.dataBridge` */
  readonly database?: Database
}

/**
 * Measures what routes do to the database: which statements they send, how the number of each grows with the rows,
 * which indexes these use, which filters and orders no index serves, and what is in a transaction.
 *
 * It sends the requests with `app.inject()`, with every number of rows. Plans come from EXPLAIN (GENERIC_PLAN), which
 * executes nothing, and under settings by which they do not depend on the sizes of tables and on statistics. PostgreSQL 15
 * has no such plans: there, the contract is without them, and says so.
 *
 * @example
 * ```ts
 * import { databaseContract, expectContract } from 'fastify-data-bridge/testing'
 * import type { FastifyInstance } from 'fastify'
 *
 * export async function checkPosts(
 *   app: FastifyInstance,
 *   createPosts: (rows: number) => Promise<void>,
 * ): Promise<void> {
 *   const contract = await databaseContract(app, {
 *     populate: createPosts,
 *     requests: [{ url: '/posts' }, { method: 'PATCH', url: '/posts/1', payload: { title: 'New' } }],
 *   })
 *   await expectContract(contract, 'test/contracts/posts.json')
 * }
 * ```
 */
export async function databaseContract(
  app: ContractApp,
  options: DatabaseContractOptions,
): Promise<DatabaseContract> {
  const { requests, populate, scales = [2, 5], database } = options
  requireScales(scales)
  if (!Array.isArray(requests) || requests.length === 0)
    throw optionError(`databaseContract() expected requests, got ${describe(requests)}`)
  await app.ready()
  const measurements: Measurement[] = []
  for (const rows of scales) {
    await populate?.(rows)
    for (const [place, given] of requests.entries()) {
      const request = requestFor(given, rows)
      const { result, statements } = await recorded(() => send(app, request))
      measurements.push({ ...result, place, rows, statements })
    }
  }
  const texts = measurements.flatMap(({ statements }) =>
    statements.filter(({ kind }) => kind !== 'control').map(({ text }) => text),
  )
  const explained = await explain(database ?? databaseOf(app), unique(texts).filter(isSingle))
  return contractOf(measurements, explained)
}

function requireScales(scales: readonly number[]): void {
  const isRight =
    Array.isArray(scales) &&
    new Set(scales).size > 1 &&
    scales.every((rows) => Number.isSafeInteger(rows) && rows >= 0)
  if (isRight) return
  throw optionError(
    `databaseContract() expected scales of at least two numbers of rows, got ${describe(scales)}`,
  )
}

function databaseOf({ dataBridge }: ContractApp): Database {
  if (dataBridge !== undefined) return dataBridge
  throw optionError(
    'databaseContract() expected an application with app.dataBridge, got none: register the plugin, or give the option database',
  )
}

function isSingle(text: string): boolean {
  return !isSeveral(text)
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)]
}
