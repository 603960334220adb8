import type { Attributes } from '@opentelemetry/api'
import { DataBridgeError, withoutValues } from '../errors.ts'

/** What a span or a measurement says of an error: PostgreSQL's code, else the code or name of the error. */
export function failureAttributes(error: unknown): Attributes {
  if (!(error instanceof DataBridgeError)) {
    return { 'error.type': error instanceof Error ? error.name : typeof error }
  }
  if (error.sqlState === undefined) return { 'error.type': error.code }
  return { 'error.type': error.sqlState, 'db.response.status_code': error.sqlState }
}

/** An exception as a span records it: its message and its whole stack, without the values of the program. */
export interface RecordedException {
  readonly name: string
  readonly message: string
  readonly stack: string
}

/** The stack goes on with that of the cause, where the statement was refused. */
export function recordedException(error: unknown): RecordedException {
  if (!(error instanceof Error)) return { name: typeof error, message: 'not an Error', stack: '' }
  // Our own messages quote values that were refused; those of PostgreSQL are without them already.
  const clean = error instanceof DataBridgeError ? withoutValues : String
  return {
    name: error instanceof DataBridgeError ? error.code : error.name,
    message: clean(error.message),
    stack: clean(stackOf(error)),
  }
}

const deepestCause = 5

function stackOf(error: Error, depth = 0): string {
  const stack = error.stack ?? String(error)
  return error.cause instanceof Error && depth < deepestCause
    ? `${stack}\nCaused by: ${stackOf(error.cause, depth + 1)}`
    : stack
}
