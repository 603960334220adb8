import { openPool } from './open-pool.ts'
import type { Failure } from './lane/part.ts'

const acquireMs = 30_000

/** Runs a statement that no transaction may have around it, such as CREATE DATABASE, on a connection of its own. */
export async function runAlone(connectionString: string, text: string): Promise<void> {
  const pool = openPool(undefined, { connectionString, max: 1 }, {})
  try {
    const connection = await pool.acquire(acquireMs).connection
    const failure = await new Promise<Failure | undefined>((resolve) =>
      connection.ask(text, resolve),
    )
    connection.release(failure?.error)
    if (failure !== undefined) throw failure.error
  } finally {
    await pool.end()
  }
}
