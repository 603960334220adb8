import { DataBridgeError, describe } from '../errors.ts'
import { observed } from '../observe/observer.ts'
import { FetchedRows } from '../sql/fetched.ts'
import type { Statement } from '../sql/statement.ts'
import { optionError, refuseUnknown, requireBoolean } from '../util/option-checks.ts'
import { type AdvisoryKey, argumentsOf } from './advisory-key.ts'
import { executeOperation, noOutcome } from './operations.ts'
import type { AdvisoryLockOptions, AdvisoryTryOptions } from './advisory-options.ts'
import type { SessionParts } from './session-parts.ts'

/** Takes a lock that ends with the transaction. */
export async function lockAdvisory(
  parts: SessionParts,
  key: AdvisoryKey,
  options: unknown,
): Promise<void> {
  const where = 'advisoryLock()'
  const { shared, noWait } = checked<AdvisoryLockOptions>(options, ['shared', 'noWait'], where)
  const isTry = noWait === true
  const isTaken = await send(parts, lockStatement(key, shared === true, isTry, where))
  if (!isTry || isTaken) return
  const message = 'another transaction has the advisory lock'
  throw new DataBridgeError('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', `${where}: ${message}`, {
    sqlState: '55P03',
    safeMessage: message,
  })
}

/** Takes the lock if it is free. */
export async function tryAdvisory(
  parts: SessionParts,
  key: AdvisoryKey,
  options: unknown,
): Promise<boolean> {
  const where = 'tryAdvisoryLock()'
  const { shared } = checked<AdvisoryTryOptions>(options, ['shared'], where)
  return send(parts, lockStatement(key, shared === true, true, where))
}

function send({ connection, observer }: SessionParts, statement: Statement): Promise<boolean> {
  const operation = executeOperation()
  const taken = new FetchedRows(({ rows }) => rows[0]?.[0] === 't')
  return observed(
    observer,
    operation,
    () => connection.fetch(statement, operation, taken),
    noOutcome,
  )
}

function lockStatement(
  key: AdvisoryKey,
  isShared: boolean,
  isTry: boolean,
  where: string,
): Statement {
  const { text, parameters } = argumentsOf(key, where)
  const name = `pg_${isTry ? 'try_' : ''}advisory_xact_lock${isShared ? '_shared' : ''}`
  return {
    text: `select ${name}(${text})`,
    parameters,
    kind: 'read',
    needsTransaction: true,
    summary: `SELECT ${name}`,
    tables: [],
  }
}

function checked<O extends object>(options: unknown, known: readonly string[], where: string): O {
  if (typeof options !== 'object' || options === null)
    throw optionError(
      `${where} expected options such as { shared: true }, got ${describe(options)}`,
    )
  refuseUnknown(options, known, where)
  for (const [name, value] of Object.entries(options)) requireBoolean(`${where}: ${name}`, value)
  return options as O
}
