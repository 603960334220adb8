import { DataBridgeError } from '../errors.ts'
import { factsOf, messageOf, sqlStateOf } from './pg-errors.ts'

const refusals: Readonly<Record<string, string>> = {
  '28P01': 'PostgreSQL refused the password',
  '28000': 'PostgreSQL refused the user',
  '3D000': 'PostgreSQL has no database of this name',
}

/** The error of a connection that could not be opened. `where` has no password in it. */
export function connectError(error: unknown, where: string): DataBridgeError {
  const facts = factsOf(error)
  const state = facts.sqlState
  if (state?.startsWith('28') === true || state === '3D000') {
    return new DataBridgeError(
      'DATA_BRIDGE_ERR_AUTHENTICATION',
      `${refusals[state] ?? 'PostgreSQL refused the user'} (${where}): check user, password, database and pg_hba.conf`,
      facts,
    )
  }
  const message = messageOf(error)
  if (message.includes('timeout exceeded when trying to connect')) {
    return new DataBridgeError(
      'DATA_BRIDGE_ERR_POOL_EXHAUSTED',
      `no connection became free within the time that the pool allows (${where}); ${whatIsExhausted}`,
      facts,
    )
  }
  if (isTooMany(error)) {
    return new DataBridgeError(
      'DATA_BRIDGE_ERR_POOL_EXHAUSTED',
      `PostgreSQL accepts no further connection (${where}): ${message}; ${whatIsTooMany}`,
      facts,
    )
  }
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_UNREACHABLE',
    `PostgreSQL cannot be reached (${where}): ${message}; ${whatIsUnreachable}`,
    facts,
  )
}

const whatIsUnreachable = 'check that it runs, its host and port, firewalls and TLS settings'
const whatIsExhausted =
  'look for code that holds a connection for long (timeouts.transaction limits that), or raise max'
const whatIsTooMany =
  'lower max of all processes together, or raise the limit of the server, the database, the role or the pooler'

// PgBouncer gives its refusal the code of a protocol violation.
function isTooMany(error: unknown): boolean {
  return sqlStateOf(error) === '53300' || /no more connections allowed/.test(messageOf(error))
}

/** What is known about a pool when a request has waited too long. */
export interface Waited {
  readonly where: string
  /** How many connections are in use. Undefined: a connection was being made for the request. */
  readonly inUse: number | undefined
  /** Why the latest new connection was refused. */
  readonly refusal: unknown
}

export function acquireTimeoutError(
  limitMs: number,
  { where, inUse, refusal }: Waited,
): DataBridgeError {
  const refused =
    refusal === undefined ? '' : `; PostgreSQL refused another one: ${messageOf(refusal)}`
  const facts = refusal === undefined ? undefined : factsOf(refusal)
  const limit = `within timeouts.acquire (${limitMs} ms`
  return inUse === undefined
    ? new DataBridgeError(
        'DATA_BRIDGE_ERR_UNREACHABLE',
        `PostgreSQL has not accepted a connection ${limit}; ${where})${refused}; ${whatIsUnreachable}`,
        facts,
      )
    : new DataBridgeError(
        'DATA_BRIDGE_ERR_POOL_EXHAUSTED',
        `no connection became free ${limit}; ${inUse} in use; ${where})${refused}; ${whatIsExhausted}`,
        facts,
      )
}

export function closedError(): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_UNREACHABLE',
    'the database was closed; no connection can be had',
  )
}

export function tooManyError(maxWaiting: number, where: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_POOL_EXHAUSTED',
    `every connection is in use, and maxWaiting (${maxWaiting}) sessions wait for one already (${where}); ${whatIsExhausted}`,
  )
}
