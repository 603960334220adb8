import { AsyncLocalStorage } from 'node:async_hooks'
import { graceMs } from '../cancelling.ts'
import type { Connection } from '../connection.ts'
import { Lease } from '../lease.ts'
import { statementError } from '../pg-errors.ts'
import type { ConnectionPool } from '../pool.ts'
import { control } from '../sending.ts'
import { type Caller, NestedLine } from './nested-line.ts'
import { overlapError } from './rollback-errors.ts'
import { restoringText } from './restoring-text.ts'

/** One call, which nobody else has. */
type Call = object

type Calls = ReadonlyMap<ConnectionPool, Call>

/** The calls around the code that runs. */
const around = new AsyncLocalStorage<Calls>()

const innermost = new WeakMap<ConnectionPool, Call>()

const none: Calls = new Map()

/**
 * Runs a function. What sessions do meanwhile on connections of the pool happens in one transaction of one of them,
 * which is rolled back. Requests come from everywhere, so this is for all of them, whatever their context.
 */
export async function rolledBack<T>(
  pool: ConnectionPool,
  caller: () => Caller | undefined,
  fn: () => Promise<T> | T,
): Promise<T> {
  const calls = around.getStore() ?? none
  const outer = innermost.get(pool)
  if (outer !== calls.get(pool)) throw overlapError()
  const call: Call = {}
  innermost.set(pool, call)
  try {
    return await inPlaceOf(pool, caller, () =>
      around.run(new Map([...calls, [pool, call]]), async () => fn()),
    )
  } finally {
    if (outer === undefined) innermost.delete(pool)
    else innermost.set(pool, outer)
  }
}

async function inPlaceOf<T>(
  pool: ConnectionPool,
  caller: () => Caller | undefined,
  fn: () => Promise<T>,
): Promise<T> {
  const lease = new Lease(pool, {}, {})
  const real = await taken(lease)
  const line = new NestedLine(real, restoringText(real.isResettable), caller)
  const take = pool.take.bind(pool)
  let result: T
  let loss: Error | undefined
  try {
    await sent(real, 'begin')
    pool.take = line.take
    result = await fn()
  } finally {
    pool.take = take
    loss = line.loss
    await line.end(graceMs)
    await rollBack(lease, real)
  }
  if (loss !== undefined) throw loss
  return result
}

function taken(lease: Lease): Promise<Connection> {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>()
  lease.take(undefined, (error, connection) => {
    if (connection === undefined) reject(error)
    else resolve(connection)
  })
  return promise
}

function sent(connection: Connection, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.send([control(text)], (failure) => {
      if (failure === undefined) resolve()
      else reject(statementError(failure.error, text.toUpperCase()))
    })
  })
}

/** If ROLLBACK cannot be sent, the connection is closed, and PostgreSQL rolls back by itself. */
async function rollBack(lease: Lease, connection: Connection): Promise<void> {
  try {
    await sent(connection, 'rollback')
  } catch (error) {
    lease.drop(error)
  }
  await new Promise<void>((resolve) => lease.giveBack(resolve))
}
