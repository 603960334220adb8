/** What a code means to an HTTP client: its status, and the only sentence a client may read. */
interface ErrorKind {
  readonly statusCode: number
  readonly clientMessage: string
  /** Whether the program is wrong. Its message helps the developer. Other messages name nothing. */
  readonly isProgram?: true
  /** Whether clients may read the message of the error itself. */
  readonly isForClients?: true
}

/** Every `code` that a {@link DataBridgeError} can have. */
export type ErrorCode =
  | 'DATA_BRIDGE_ERR_OPTION'
  | 'DATA_BRIDGE_ERR_SCHEMA'
  | 'DATA_BRIDGE_ERR_ENTITY'
  | 'DATA_BRIDGE_ERR_QUERY'
  | 'DATA_BRIDGE_ERR_FILTER'
  | 'DATA_BRIDGE_ERR_RELATION_NOT_LOADED'
  | 'DATA_BRIDGE_ERR_DETACHED'
  | 'DATA_BRIDGE_ERR_NO_AMBIENT_SESSION'
  | 'DATA_BRIDGE_ERR_SESSION_CLOSED'
  | 'DATA_BRIDGE_ERR_TRANSACTION'
  | 'DATA_BRIDGE_ERR_FLUSH'
  | 'DATA_BRIDGE_ERR_N_PLUS_ONE'
  | 'DATA_BRIDGE_ERR_MULTIPLE_ROWS'
  | 'DATA_BRIDGE_ERR_TYPE'
  | 'DATA_BRIDGE_ERR_NOT_FOUND'
  | 'DATA_BRIDGE_ERR_UNIQUE'
  | 'DATA_BRIDGE_ERR_FOREIGN_KEY'
  | 'DATA_BRIDGE_ERR_EXCLUSION'
  | 'DATA_BRIDGE_ERR_STALE'
  | 'DATA_BRIDGE_ERR_PRECONDITION'
  | 'DATA_BRIDGE_ERR_NOT_NULL'
  | 'DATA_BRIDGE_ERR_CHECK'
  | 'DATA_BRIDGE_ERR_INVALID_VALUE'
  | 'DATA_BRIDGE_ERR_UNREACHABLE'
  | 'DATA_BRIDGE_ERR_AUTHENTICATION'
  | 'DATA_BRIDGE_ERR_CONNECTION_LOST'
  | 'DATA_BRIDGE_ERR_POOL_EXHAUSTED'
  | 'DATA_BRIDGE_ERR_UNAVAILABLE'
  | 'DATA_BRIDGE_ERR_SERIALIZATION'
  | 'DATA_BRIDGE_ERR_DEADLOCK'
  | 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT'
  | 'DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT'
  | 'DATA_BRIDGE_ERR_ABORTED'
  | 'DATA_BRIDGE_ERR_CLIENT_GONE'
  | 'DATA_BRIDGE_ERR_STATEMENT'
  | 'DATA_BRIDGE_ERR_COMMIT_FAILED'
  | 'DATA_BRIDGE_ERR_COMMIT_UNKNOWN'

const misuse: ErrorKind = {
  statusCode: 500,
  clientMessage: 'The request could not be handled.',
  isProgram: true,
}
const unavailable: ErrorKind = {
  statusCode: 503,
  clientMessage: 'The database is not available at the moment.',
}
const conflict = (clientMessage: string): ErrorKind => ({ statusCode: 409, clientMessage })

const kinds: Readonly<Record<ErrorCode, ErrorKind>> = {
  // --- the program: found where it is written, not in the data
  DATA_BRIDGE_ERR_OPTION: misuse,
  DATA_BRIDGE_ERR_SCHEMA: misuse,
  DATA_BRIDGE_ERR_ENTITY: misuse,
  DATA_BRIDGE_ERR_QUERY: misuse,
  DATA_BRIDGE_ERR_FILTER: misuse,
  DATA_BRIDGE_ERR_RELATION_NOT_LOADED: misuse,
  DATA_BRIDGE_ERR_DETACHED: misuse,
  DATA_BRIDGE_ERR_NO_AMBIENT_SESSION: misuse,
  DATA_BRIDGE_ERR_SESSION_CLOSED: misuse,
  DATA_BRIDGE_ERR_TRANSACTION: misuse,
  DATA_BRIDGE_ERR_FLUSH: misuse,
  // Never in production.
  DATA_BRIDGE_ERR_N_PLUS_ONE: {
    statusCode: 500,
    clientMessage: 'The request sends too many statements.',
    isForClients: true,
  },
  DATA_BRIDGE_ERR_MULTIPLE_ROWS: misuse,
  DATA_BRIDGE_ERR_TYPE: misuse,
  // --- the data
  DATA_BRIDGE_ERR_NOT_FOUND: { statusCode: 404, clientMessage: 'Not found.' },
  DATA_BRIDGE_ERR_UNIQUE: conflict('This value is taken already.'),
  DATA_BRIDGE_ERR_FOREIGN_KEY: conflict(
    'It refers to something that does not exist, or is still referred to.',
  ),
  DATA_BRIDGE_ERR_EXCLUSION: conflict('It conflicts with something that exists already.'),
  DATA_BRIDGE_ERR_STALE: conflict('It was changed or removed in the meantime.'),
  DATA_BRIDGE_ERR_PRECONDITION: {
    statusCode: 412,
    clientMessage: 'It has another version than the request expects.',
  },
  DATA_BRIDGE_ERR_NOT_NULL: { statusCode: 400, clientMessage: 'A required value is missing.' },
  DATA_BRIDGE_ERR_CHECK: { statusCode: 400, clientMessage: 'A value is not allowed.' },
  DATA_BRIDGE_ERR_INVALID_VALUE: { statusCode: 400, clientMessage: 'A value is not valid.' },
  // --- the database
  DATA_BRIDGE_ERR_UNREACHABLE: unavailable,
  DATA_BRIDGE_ERR_AUTHENTICATION: unavailable,
  DATA_BRIDGE_ERR_CONNECTION_LOST: unavailable,
  DATA_BRIDGE_ERR_POOL_EXHAUSTED: unavailable,
  DATA_BRIDGE_ERR_UNAVAILABLE: unavailable,
  DATA_BRIDGE_ERR_SERIALIZATION: { statusCode: 503, clientMessage: 'Please try again.' },
  DATA_BRIDGE_ERR_DEADLOCK: { statusCode: 503, clientMessage: 'Please try again.' },
  DATA_BRIDGE_ERR_STATEMENT_TIMEOUT: {
    statusCode: 504,
    clientMessage: 'The database took too long.',
  },
  DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT: {
    statusCode: 504,
    clientMessage: 'The database took too long.',
  },
  DATA_BRIDGE_ERR_ABORTED: { statusCode: 503, clientMessage: 'The request was aborted.' },
  // Only logs and traces read this status. For them it is not a failure of the server.
  DATA_BRIDGE_ERR_CLIENT_GONE: { statusCode: 499, clientMessage: 'The request was aborted.' },
  DATA_BRIDGE_ERR_STATEMENT: {
    statusCode: 500,
    clientMessage: 'The request could not be handled.',
  },
  DATA_BRIDGE_ERR_COMMIT_FAILED: { statusCode: 500, clientMessage: 'Nothing was saved.' },
  DATA_BRIDGE_ERR_COMMIT_UNKNOWN: {
    statusCode: 500,
    clientMessage: 'It is not known whether this was saved.',
  },
}

/** All codes, for tests and documentation. */
export const errorCodes: readonly ErrorCode[] = Object.freeze(Object.keys(kinds) as ErrorCode[])

/** Facts beside the message: for logs and spans, never for clients. */
export interface ErrorFacts {
  /** The error underneath; values that PostgreSQL put into it are removed. */
  readonly cause?: unknown
  /** PostgreSQL's five-character code, such as `23505`. */
  readonly sqlState?: string | undefined
  /** The constraint that was violated. */
  readonly constraint?: string | undefined
  readonly table?: string | undefined
  readonly column?: string | undefined
  /** The part of the message that names no SQL, value, table, column, constraint or host. Default: the `clientMessage`. */
  readonly safeMessage?: string | undefined
}

/** What was refused: for the program, never for clients or logs. */
export interface Refused {
  /** The properties of the entity, or the columns where the table is not known. */
  readonly columns?: readonly string[] | undefined
  readonly entity?: object | undefined
}

// In WeakMaps, so that nothing prints them, not even a tool that shows hidden properties.
const details = new WeakMap<DataBridgeError, string>()
const refusals = new WeakMap<DataBridgeError, Refused>()

const usualFrames = 10
const mostFrames = 40

const brand = Symbol.for('fastify-data-bridge.error')

/**
 * Every error that this library throws on purpose.
 *
 * `code` names the case, `statusCode` is the HTTP status that it stands for, and `clientMessage` is
 * the sentence that a client may read. If the data, the server or the network caused the error, `message`
 * has no SQL, values, hosts, or names of tables, columns or constraints in it. The stack has them, and so
 * have the properties. If the program is wrong, `message` says what to correct.
 *
 * @example
 * ```ts
 * import { DataBridgeError } from 'fastify-data-bridge/orm'
 *
 * export function isTaken(error: unknown): boolean {
 *   return error instanceof DataBridgeError && error.code === 'DATA_BRIDGE_ERR_UNIQUE'
 * }
 * ```
 */
export class DataBridgeError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number
  /** `true` for serialization failures and deadlocks: the same work may succeed in a new transaction. */
  declare readonly retryable?: true
  declare readonly sqlState?: string
  declare readonly constraint?: string
  declare readonly table?: string
  declare readonly column?: string
  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    // The default of ten frames would only show this library, and cut off the caller's line.
    const { stackTraceLimit } = Error
    if (stackTraceLimit >= usualFrames)
      Error.stackTraceLimit = Math.max(stackTraceLimit, mostFrames)
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    Error.stackTraceLimit = stackTraceLimit
    const { clientMessage, isProgram } = kinds[code]
    if (isProgram !== true) showMessage(this, facts.safeMessage ?? clientMessage)
    this.code = code
    this.statusCode = kinds[code].statusCode
    if (code === 'DATA_BRIDGE_ERR_SERIALIZATION' || code === 'DATA_BRIDGE_ERR_DEADLOCK')
      this.retryable = true
    if (facts.sqlState !== undefined) this.sqlState = facts.sqlState
    if (facts.constraint !== undefined) this.constraint = facts.constraint
    if (facts.table !== undefined) this.table = facts.table
    if (facts.column !== undefined) this.column = facts.column
    Object.defineProperty(this, brand, { value: true })
  }

  /**
   * The properties that a violated constraint is about, such as `['email']`. If your own SQL violated it,
   * the names of the columns. Undefined if PostgreSQL does not report them.
   */
  get columns(): readonly string[] | undefined {
    return refusals.get(this)?.columns
  }

  /** The entity that a flush could not store. Undefined if PostgreSQL does not report which one it was. */
  get entity(): object | undefined {
    return refusals.get(this)?.entity
  }

  /** The whole message, with names and perhaps values, as in the stack: for logs and terminals, never for clients. */
  get details(): string {
    return details.get(this) ?? this.message
  }

  /** What a client may read of this error. */
  get clientMessage(): string {
    const { clientMessage, isForClients } = kinds[this.code]
    return isForClients === true ? this.message : clientMessage
  }

  static {
    // On the prototype: a stack begins with it, and nothing enumerates it.
    Object.defineProperty(this.prototype, 'name', {
      value: 'DataBridgeError',
      writable: true,
      configurable: true,
    })
  }

  // Two copies of the package in one process must agree on what is a DataBridgeError.
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== DataBridgeError) return Function.prototype[Symbol.hasInstance].call(this, value)
    return (
      typeof value === 'object' &&
      value !== null &&
      (value as { [brand]?: unknown })[brand] === true
    )
  }
}

/** Replaces the message of an error. Its stack keeps the whole message. */
export function showMessage(error: DataBridgeError, message: string): void {
  if (message === error.message) return
  if (!details.has(error)) details.set(error, error.message)
  // The stack is made at its first read, with the message at that time.
  void error.stack
  Reflect.defineProperty(error, 'message', { value: message, configurable: true, writable: true })
}

/** An error whose whole message names nothing. */
export function safeError(
  code: ErrorCode,
  safeMessage: string,
  facts: ErrorFacts = {},
): DataBridgeError {
  return new DataBridgeError(code, safeMessage, { ...facts, safeMessage })
}

/** Adds to an error what was refused. Replaces what it had. */
export function tellRefused(error: DataBridgeError, refused: Refused): void {
  refusals.set(error, refused)
}

const longestValue = 60

/** Describes a value for a message: its type, and the value itself if it is short, without the password of a URL. For developers, not for clients. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'undefined'
  if (typeof value === 'function')
    return value.name === '' ? 'a function' : `the function ${value.name}`
  if (typeof value === 'string') return `the string ${JSON.stringify(shorten(value))}`
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value === 'bigint') return `the bigint ${value}n`
  if (typeof value !== 'object') return `the ${typeof value} ${String(value)}`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (value instanceof Date && Number.isNaN(value.getTime())) return 'an invalid Date'
  const maker = makerOf(value)
  return maker === undefined || maker === 'Object' ? 'an object' : `an object of ${maker}`
}

function makerOf(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null
  // Asked of no Proxy, which may refuse names that it does not have.
  if (prototype === null || !Object.hasOwn(prototype, 'constructor')) return undefined
  return (prototype.constructor as { readonly name?: string } | undefined)?.name
}

const describedValue =
  /\bthe (string) "(?:[^"\\]|\\.)*"|\bthe (number|bigint|boolean) (?:-?(?:Infinity|\d[\de.+-]*)n?|NaN|true|false)/g

/** A message without the values that {@link describe} put into it, for spans. */
export function withoutValues(message: string): string {
  return message.replace(describedValue, (_, text?: string, other?: string) => `a ${text ?? other}`)
}

function shorten(text: string): string {
  // A password may contain characters that should be escaped, such as / and @.
  const safe = text.replace(/(:\/\/[^:@/]*):[^]*@/g, '$1:***@')
  return safe.length <= longestValue ? safe : `${safe.slice(0, longestValue)}…`
}
