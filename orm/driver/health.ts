import { DataBridgeError, type ErrorCode } from '../errors.ts'
import type { Failure } from './lane/part.ts'
import { statementError } from './pg-errors.ts'
import type { ConnectionPool, PoolUsage } from './pool.ts'

/** Whether a database answers, and how busy its pool is. */
export interface Health {
  readonly isUp: boolean
  /** Milliseconds until the answer or the time limit, including the wait for a connection. */
  readonly latencyMs: number
  /** Why there was no answer; undefined if there was one. */
  readonly error: ErrorCode | undefined
  readonly pool: PoolUsage
}

export async function checkHealth(pool: ConnectionPool, timeoutMs: number): Promise<Health> {
  const start = performance.now()
  const error = await ask(pool, timeoutMs).then(() => undefined, codeOf)
  return {
    isUp: error === undefined,
    latencyMs: performance.now() - start,
    error,
    pool: pool.usage,
  }
}

async function ask(pool: ConnectionPool, timeoutMs: number): Promise<void> {
  const start = performance.now()
  const connection = await pool.acquire(timeoutMs).connection
  const left = Math.max(timeoutMs - (performance.now() - start), 1)
  const limit = setTimeout(() => connection.destroy(), left)
  try {
    const failure = await new Promise<Failure | undefined>((resolve) =>
      connection.ask('select 1', resolve),
    )
    connection.release(failure?.error)
    if (failure !== undefined) throw statementError(failure.error, 'the health check')
  } finally {
    clearTimeout(limit)
  }
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof DataBridgeError ? error.code : 'DATA_BRIDGE_ERR_UNREACHABLE'
}
