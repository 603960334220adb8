import { DataBridgeError } from '../errors.ts'
import type { BaseSession } from '../session/session.ts'
import { sql, Template } from '../sql/template.ts'

/** A statement, and what it does, for messages: `create the table public.users`. */
export interface Step {
  readonly what: string
  readonly sql: string
}

// Two processes that start at the same time must not create the same table; any number serves that both know.
const lockKey = 4_206_942_001

/** Waits until no other process creates or drops tables; held until the transaction ends. */
export async function lockSchema(session: BaseSession): Promise<void> {
  await session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
}

export async function runStep(session: BaseSession, where: string, step: Step): Promise<void> {
  try {
    await session.execute(new Template([step.sql], []))
  } catch (error) {
    if (!(error instanceof DataBridgeError)) throw error
    const { code, message, details, cause, sqlState, constraint, table, column } = error
    throw new DataBridgeError(code, `${where} could not ${step.what}: ${details}`, {
      cause,
      sqlState,
      constraint,
      table,
      column,
      safeMessage: `${where} could not change the schema: ${message}`,
    })
  }
}
