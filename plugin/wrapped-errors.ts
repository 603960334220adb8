import { DataBridgeError } from '../orm/index.ts'

/** What a query builder throws: it wraps the error of its statement, and shows the SQL and the values. */
interface BuilderError extends Error {
  readonly cause: DataBridgeError
  readonly query: string
  readonly params: unknown
  readonly statusCode?: unknown
}

/**
 * Gives the error of a query builder, such as Drizzle's, the status, the code and the words of the error that it
 * wraps. Clients and logs see no values. An error that the application has wrapped itself is its own business.
 */
export function answerAsCause(error: unknown): void {
  if (!isOfBuilder(error) || error.statusCode !== undefined) return
  const { cause } = error
  const frames = error.stack?.slice(error.stack.indexOf('\n    at ')) ?? ''
  Object.defineProperties(error, {
    message: { value: cause.clientMessage, configurable: true, writable: true },
    stack: {
      value: `${error.name}: ${cause.details}${frames}`,
      configurable: true,
      writable: true,
    },
    // Loggers write what is enumerable.
    params: { value: error.params, configurable: true, writable: true, enumerable: false },
  })
  Object.assign(error, { code: cause.code, statusCode: cause.statusCode })
}

function isOfBuilder(error: unknown): error is BuilderError {
  if (!(error instanceof Error) || error instanceof DataBridgeError) return false
  const { query, cause } = error as Partial<BuilderError>
  return typeof query === 'string' && 'params' in error && cause instanceof DataBridgeError
}
