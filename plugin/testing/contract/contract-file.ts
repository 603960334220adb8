import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type DatabaseContract, indexesOf } from './contract.ts'
import { differences } from './difference.ts'
import { print } from './print.ts'

const update = 'DATA_BRIDGE_UPDATE_CONTRACTS'

/**
 * Compares a contract with the one in a file. Rejects with the differences: a route that sends other statements or more of
 * them, a loader or an index that is gone, a filter without an index, another transaction.
 *
 * It writes the file if there is none, except where `CI` is set. To accept a change, run the tests once with
 * `DATA_BRIDGE_UPDATE_CONTRACTS=1`, and check the file in.
 *
 * @param contract what {@link databaseContract} gives
 * @param file a path, from the folder in which the tests run, or a file URL
 *
 * @example
 * ```ts
 * import { databaseContract, expectContract } from 'fastify-data-bridge/testing'
 * import type { FastifyInstance } from 'fastify'
 *
 * export async function checkPosts(app: FastifyInstance): Promise<void> {
 *   const contract = await databaseContract(app, {
 *     requests: [(rows) => ({ url: `/posts?limit=${rows}` })],
 *   })
 *   await expectContract(contract, 'test/contracts/posts.json')
 * }
 * ```
 */
export async function expectContract(
  contract: DatabaseContract,
  file: string | URL,
): Promise<void> {
  const path = typeof file === 'string' ? file : fileURLToPath(file)
  const isUpdate = isSet(update)
  const stored = await contractIn(path)
  if (stored === undefined) {
    if (isSet('CI') && !isUpdate)
      throw new Error(
        `Expected a database contract in ${path}, got no file: run the test where CI is not set, and check the file in.`,
      )
    return write(contract, path)
  }
  const lines = differences(stored, contract)
  const hasMorePlans = contract.plans === 'checked' && stored.plans !== 'checked'
  if (isUpdate && (lines.length > 0 || hasMorePlans)) {
    if (stored.plans === 'checked' && contract.plans !== 'checked')
      throw new Error(
        `Expected a PostgreSQL that tells plans to update ${path}, got one that does not: ${contract.plans}.`,
      )
    return write(contract, path)
  }
  if (lines.length === 0) return
  throw new Error(
    `Expected the database contract of ${path}, got ${lines.length === 1 ? 'a difference' : 'differences'}:\n` +
      `${lines.map((line) => `  ${line}`).join('\n')}\n` +
      `If it is right, run the test once with ${update}=1, and check the file in.`,
  )
}

async function write(contract: DatabaseContract, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, print(withUsedIndexes(contract)))
}

/** Other indexes of the tables may come and go. */
function withUsedIndexes(contract: DatabaseContract): DatabaseContract {
  const statements = Object.values(contract.routes).flatMap((route) => route.statements)
  const used = new Set(statements.flatMap(({ plan }) => indexesOf(plan)))
  const indexes = Object.entries(contract.indexes).filter(([name]) => used.has(name))
  return { ...contract, indexes: Object.fromEntries(indexes) }
}

async function contractIn(path: string): Promise<DatabaseContract | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    const found: unknown = JSON.parse(text)
    if (typeof found === 'object' && found !== null && 'routes' in found && 'plans' in found)
      return found as DatabaseContract
  } catch (error) {
    throw notContract(path, error)
  }
  throw notContract(path)
}

function notContract(path: string, cause?: unknown): Error {
  return new Error(
    `Expected a database contract in ${path}, got something else: remove it to write it anew.`,
    { cause },
  )
}

function isSet(name: string): boolean {
  return !['', '0', 'false'].includes(process.env[name] ?? '')
}
