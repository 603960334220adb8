import { DataBridgeError, type ErrorCode, type ErrorFacts, tellRefused } from '../errors.ts'
import { columnsInDetail, keepViolation } from './violations.ts'

/** What `pg` adds to an Error; every field is absent where the server did not send it. */
interface PgFields {
  readonly code?: string
  readonly severity?: string
  /** The position in the text. Only the parser sets it. */
  readonly position?: string
  /** The function of PostgreSQL that reported it. */
  readonly routine?: string
  readonly constraint?: string
  readonly schema?: string
  readonly detail?: string
  readonly table?: string
  readonly column?: string
}

const byState: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  '23505': ['DATA_BRIDGE_ERR_UNIQUE', 'a unique constraint is violated'],
  '23503': ['DATA_BRIDGE_ERR_FOREIGN_KEY', 'a foreign key is violated'],
  '23001': ['DATA_BRIDGE_ERR_FOREIGN_KEY', 'a row that others refer to cannot be removed'],
  '23P01': ['DATA_BRIDGE_ERR_EXCLUSION', 'an exclusion constraint is violated'],
  '23502': ['DATA_BRIDGE_ERR_NOT_NULL', 'a required value is missing'],
  '23514': ['DATA_BRIDGE_ERR_CHECK', 'a check constraint is violated'],
  '40001': [
    'DATA_BRIDGE_ERR_SERIALIZATION',
    'the transaction conflicts with another one; try it again',
  ],
  '40P01': [
    'DATA_BRIDGE_ERR_DEADLOCK',
    'the transaction was chosen to resolve a deadlock; try it again',
  ],
  '57014': [
    'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT',
    'the statement was cancelled, by a time limit or by hand',
  ],
  '55P03': ['DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', 'a lock was not to be had within the time limit'],
  '25006': [
    'DATA_BRIDGE_ERR_UNAVAILABLE',
    'the server only reads: it is a standby, or became one in a failover',
  ],
  '53100': ['DATA_BRIDGE_ERR_UNAVAILABLE', "the server's disk is full"],
  '53200': ['DATA_BRIDGE_ERR_UNAVAILABLE', 'the server is out of memory'],
  '58030': ['DATA_BRIDGE_ERR_UNAVAILABLE', 'the server cannot read or write its files'],
  '28P01': ['DATA_BRIDGE_ERR_AUTHENTICATION', 'PostgreSQL refused the password'],
  '28000': ['DATA_BRIDGE_ERR_AUTHENTICATION', 'PostgreSQL refused the user'],
  '3D000': ['DATA_BRIDGE_ERR_AUTHENTICATION', 'PostgreSQL has no database of this name'],
}

// Class 22: messages quote the value that was refused.
const invalidValue = [
  'DATA_BRIDGE_ERR_INVALID_VALUE',
  'PostgreSQL cannot take a value: it is out of range, or not in the right form',
] as const

// Class 53: disk, memory, limits of the configuration.
const insufficient = [
  'DATA_BRIDGE_ERR_UNAVAILABLE',
  'the server has not enough resources for the statement',
] as const

const otherKind = ['DATA_BRIDGE_ERR_STATEMENT', ''] as const

const sqlState = /^[0-9A-Z]{5}$/

/** PostgreSQL's five-character code of an error; undefined where the server sent none. */
export function sqlStateOf(error: unknown): string | undefined {
  const { code } = fieldsOf(error)
  return code !== undefined && sqlState.test(code) ? code : undefined
}

// Shutdown, crash, start-up, idle time limits of the session and of the transaction, its time limit.
const ending: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', '25P04'])

// The message of `pg` after its `query_timeout`. The answer may still come, so the connection cannot be used any more.
const readTimeout = 'Query read timeout'

// FATAL 08P01 is a lost connection: PgBouncer uses it for every reason to hang up. Without FATAL it is an
// error of the statement, such as too many parameters.
const protocolViolation = '08P01'

/** Whether the connection is gone, or about to go. */
export function isConnectionLoss(error: unknown): boolean {
  const state = sqlStateOf(error)
  if (state === undefined) return error instanceof Error && !(error instanceof DataBridgeError)
  if (state === protocolViolation) return fieldsOf(error).severity === 'FATAL'
  return state.startsWith('08') || ending.has(state)
}

const readOnlyState = '25006'

/**
 * Whether the connection leads to a server that cannot do what the application needs, so that a new one
 * may lead to another server.
 *
 * @param isReadOnly whether the program wanted its transaction to be read-only
 */
export function isToReplace(error: unknown, isReadOnly = false): boolean {
  return !isReadOnly && sqlStateOf(error) === readOnlyState
}

/**
 * The error of a statement that PostgreSQL refused, or that the connection did not survive.
 *
 * @param isReadOnly whether the program wanted its transaction to be read-only
 */
export function statementError(
  error: unknown,
  summary: string,
  isReadOnly = false,
): DataBridgeError {
  if (error instanceof DataBridgeError) return error
  const state = sqlStateOf(error)
  if (messageOf(error) === readTimeout) {
    return new DataBridgeError(
      'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT',
      `${summary} took longer than query_timeout allows`,
      { ...factsOf(error), safeMessage: 'the statement took longer than query_timeout allows' },
    )
  }
  if (isConnectionLoss(error)) {
    return new DataBridgeError(
      'DATA_BRIDGE_ERR_CONNECTION_LOST',
      `the connection was lost during ${summary}`,
      { ...factsOf(error), safeMessage: 'the connection was lost during a statement' },
    )
  }
  const [code, message] = isReadOnly && state === readOnlyState ? otherKind : kindOf(state, error)
  const facts = { ...factsOf(error), safeMessage: message }
  if (code !== 'DATA_BRIDGE_ERR_STATEMENT')
    return withRefused(new DataBridgeError(code, `${message}${namesOf(facts)}`, facts), error)
  const refused = new DataBridgeError(
    code,
    `${summary} failed: ${wordsOf(error)}${isMissing(state) ? whatIsMissing : ''}`,
    { ...facts, safeMessage: 'PostgreSQL refused a statement; the stack says which one and why' },
  )
  if (outdatedOf(error) !== undefined) outdated.add(refused)
  return refused
}

const outdated = new WeakSet<object>()

/** Whether a prepared statement could not be used: in a new transaction it is prepared anew. */
export function isOutdated(error: unknown): boolean {
  return error instanceof DataBridgeError && (outdated.has(error) || isOutdated(error.cause))
}

/** Keeps the facts about a constraint, and the columns that are certain for every statement. */
function withRefused(told: DataBridgeError, error: unknown): DataBridgeError {
  const { schema, table, column, constraint, detail } = fieldsOf(error)
  const { sqlState } = told
  if (sqlState?.startsWith('23') !== true) return told
  keepViolation(told, { sqlState, schema, table, column, constraint, detail })
  const isKey = sqlState === '23505' || sqlState === '23P01'
  const columns = column === undefined ? isKey && columnsInDetail(detail) : [column]
  tellRefused(told, { columns: columns || undefined })
  return told
}

/** Names the constraint, or the column. */
function namesOf({ constraint, table, column, sqlState }: ErrorFacts): string {
  if (constraint !== undefined) return ` (${constraint})`
  if (sqlState === '23514' && table !== undefined) return ` (${table})`
  return column === undefined ? '' : ` (${table === undefined ? '' : `${table}.`}${column})`
}

const whatIsMissing =
  '; the database is not as the tables of the program say: run its migrations, or createSchema() for tables that are not there'

function isMissing(state: string | undefined): boolean {
  return state === '42P01' || state === '42703'
}

// A row that belongs to no partition has the code of a check constraint.
const partitioning: ReadonlySet<string | undefined> = new Set([
  'ExecFindPartition',
  'ExecPartitionCheck',
  'ExecPartitionCheckEmitError',
])

function kindOf(state: string | undefined, error: unknown): readonly [ErrorCode, string] {
  if (state === '23514' && partitioning.has(fieldsOf(error).routine))
    return ['DATA_BRIDGE_ERR_CHECK', 'no partition of the table takes the row']
  if (state === undefined) return otherKind
  if (state.startsWith('22')) return invalidValue
  return byState[state] ?? (state.startsWith('53') ? insufficient : otherKind)
}

/**
 * Why a prepared statement cannot be used. `gone`: the server has forgotten it, or its result has other columns
 * now. `foreign`: another client of a pooler has prepared a statement of this name.
 */
export function outdatedOf(error: unknown): 'gone' | 'foreign' | undefined {
  const { code, routine } = fieldsOf(error)
  if (code === '42P05') return 'foreign'
  const isGone = code === '26000' || (code === '0A000' && routine === 'RevalidateCachedQuery')
  return isGone ? 'gone' : undefined
}

export function factsOf(error: unknown): ErrorFacts {
  const { constraint, table, column } = fieldsOf(error)
  return { cause: withoutValues(error), sqlState: sqlStateOf(error), constraint, table, column }
}

/** The cause without details that quote values. The message of a RAISE is marked, since it may quote anything. */
function withoutValues(error: unknown): Error {
  const state = sqlStateOf(error)
  const message = wordsOf(error)
  const clean = new Error(message)
  const frames =
    error instanceof Error ? error.stack?.slice(error.stack.indexOf('\n    at ')) : undefined
  clean.stack = `${state === undefined ? 'Error' : 'PostgresError'}: ${message}${frames ?? ''}`
  if (state === undefined) return clean
  const isRaised = fieldsOf(error).routine === 'exec_stmt_raise'
  return Object.assign(clean, { code: state, ...(isRaised && { isRaised }) })
}

// Syntax, names, objects, tables, functions, schemas, files: to_tsquery('a b'), 'a b'::regclass.
const quoting: ReadonlySet<string> = new Set([
  '42601',
  '42602',
  '42704',
  '42P01',
  '42883',
  '3F000',
  '58P01',
])

/** PostgreSQL's message, unless it quotes a value: in class 22, and for queries that fail while they run. */
function wordsOf(error: unknown): string {
  const state = sqlStateOf(error)
  // The parser gives a position, and quotes only the text of the statement.
  const isQuoting =
    state !== undefined && quoting.has(state) && fieldsOf(error).position === undefined
  return isQuoting || state?.startsWith('22') === true
    ? `PostgreSQL error ${state}`
    : messageOf(error)
}

// A refused connection to a name with several addresses is an AggregateError without a message.
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}

function fieldsOf(error: unknown): PgFields {
  return typeof error === 'object' && error !== null ? error : {}
}
