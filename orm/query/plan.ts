import { DataBridgeError, describe } from '../errors.ts'
import type { LoadPlan } from '../relations/loader.ts'
import type { TableMetadata } from '../schema/metadata.ts'
import { type Expression, isExpression } from '../sql/node.ts'
import { type SelectParts, wholeRow } from '../sql/select.ts'
import { rootSource } from '../sql/source.ts'

/** The content of a query: a SELECT, and the loaders for its rows. Immutable. */
export interface QueryPlan extends SelectParts {
  readonly loaders: readonly LoadPlan[]
}

export function planFor(table: TableMetadata): QueryPlan {
  const from = rootSource(table)
  return {
    from,
    projection: wholeRow(from),
    where: undefined,
    groups: [],
    having: undefined,
    orders: [],
    limit: undefined,
    offset: undefined,
    loaders: [],
  }
}

/** Groups or selected values: columns, aggregates, `sql` templates. */
export function expressionsOf(
  values: readonly unknown[],
  where: string,
): readonly Expression<unknown>[] {
  const other = values.find((value) => !isExpression(value))
  if (values.length > 0 && values.every(isExpression)) return values
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected columns or aggregates such as count(), got ${values.length === 0 ? 'none' : describe(other)}`,
  )
}

/** The error of a query that is written as JSON. */
export function notSentError(query: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${query} was to be written as JSON; it is a query that was not sent: ` +
      'call toList(), first() or another of its last methods, and await it',
  )
}
