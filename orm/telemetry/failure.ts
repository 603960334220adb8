import type { Attributes, Span } from '@opentelemetry/api'
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
  const clean =
    error instanceof DataBridgeError
      ? (text: string) => withoutValues(withoutRaised(text, error))
      : String
  return {
    name: error instanceof DataBridgeError ? error.code : error.name,
    message: clean(error instanceof DataBridgeError ? error.details : error.message),
    stack: clean(stackOf(error)),
  }
}

// The classes of PostgreSQL's own messages. RAISE may quote anything: of PL/pgSQL it is known, of others by its class.
const ownClass = /^(?:[0-3]|4[0-4]|5[34578]|72|F0|HV|XX)/

/** The text without what a function or a trigger of the database has said. */
function withoutRaised(text: string, error: Error): string {
  return errorsIn(error).reduce((rest, { message, code, isRaised = false }) => {
    const isForeign = code !== undefined && /^[\dA-Z]{5}$/.test(code) && !ownClass.test(code)
    return isRaised || isForeign
      ? rest.replaceAll(`: ${message}`, `: PostgreSQL error ${code}`)
      : rest
  }, text)
}

const deepestCause = 5

interface Caught extends Error {
  readonly code?: string
  readonly isRaised?: boolean
}

function errorsIn(error: Error, depth = 0): readonly Caught[] {
  const { cause } = error
  const deeper = cause instanceof Error && depth < deepestCause ? errorsIn(cause, depth + 1) : []
  return [error, ...deeper]
}

function stackOf(error: Error): string {
  return errorsIn(error)
    .map((each) => each.stack ?? String(each))
    .join('\nCaused by: ')
}

/** Lets a span of somebody else record our errors as ours do: their stacks quote values, for logs. */
export function cleanExceptions(span: Span): void {
  const record = span.recordException.bind(span)
  const recordClean: Span['recordException'] = (exception, time) =>
    record(exception instanceof DataBridgeError ? recordedException(exception) : exception, time)
  span.recordException = recordClean
}
