import { DataBridgeError, tellRefused } from '../errors.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import type { TableFacts } from '../sql/table-facts.ts'
import { explainRefusal } from './refusal.ts'

/** An error of one row, with its number. What is no error of this library stays as it is. */
export function copyRowError(error: unknown, table: TableMetadata, number: number): unknown {
  if (!(error instanceof DataBridgeError)) return error
  const { code, sqlState, constraint, column, columns, entity, details, message } = error
  const told = new DataBridgeError(code, `copy(${table.entityName}), row ${number}: ${details}`, {
    cause: error,
    sqlState,
    constraint,
    table: error.table ?? table.fullName,
    column,
    safeMessage: `row ${number}: ${message}`,
  })
  tellRefused(told, { columns, entity })
  return told
}

/** The error of a COPY that PostgreSQL has refused, with the columns of a constraint and the number of the row. */
export function refusedCopyError(
  error: unknown,
  cause: unknown,
  table: TableMetadata,
  factsOf: (table: TableMetadata) => TableFacts,
): unknown {
  explainRefusal(error, { verb: 'INSERT', table, entities: [] }, factsOf)
  // Others, such as a lost connection, are not about the row that was read last.
  const isOfRow = /^(22|23|P0)/.test((error as DataBridgeError).sqlState ?? '')
  const number = isOfRow ? rowNumber(cause) : undefined
  return number === undefined ? error : copyRowError(error, table, number)
}

// PostgreSQL tells the row in the language of the server: `COPY users, line 3, column age: "x"`.
function rowNumber(cause: unknown): number | undefined {
  const { where } = (cause ?? {}) as { readonly where?: unknown }
  if (typeof where !== 'string') return undefined
  const found = /^COPY [^\n]*?, \D*?(\d+)/.exec(where)?.[1]
  return found === undefined ? undefined : Number(found)
}
