import { DataBridgeError, describe } from '../errors.ts'
import { Compound, Enclosed, RecursiveRows, type SetOperation } from '../sql/row-queries.ts'
import type { SqlNode } from '../sql/node.ts'
import { optionError, refuseUnknown, requireBoolean } from '../util/option-checks.ts'
import { listed } from '../util/messages.ts'
import {
  isRows,
  namedSelect,
  ofRows,
  type RowsQuery,
  rowsPart,
  type SeenRows,
} from './rows-query.ts'

/** The rows of two queries as one set. */
export function combined(
  query: RowsQuery,
  operation: SetOperation,
  other: unknown,
  where: string,
): SeenRows {
  const properties = Object.keys(query.selected)
  const right = enclosedLike(properties, other, where)
  const left = new Enclosed(namedSelect(query, properties))
  const rows = ofRows(query, new Enclosed(new Compound(left, operation, right)))
  return operation.endsWith(' all') ? rows : { ...rows, key: properties }
}

/** How {@link Rows.recursive} collects rows. */
export interface RecursiveOptions {
  /** Whether equal rows count each time. Rows that lead to each other in a circle then never end. Default: `false`. */
  readonly all?: boolean | undefined
}

/** The rows of a query, and those that another one makes of them. */
export function recursive(
  query: RowsQuery,
  next: (before: SeenRows) => unknown,
  options: unknown,
  where: string,
): SeenRows {
  const properties = Object.keys(query.selected)
  const first = new Enclosed(namedSelect(query, properties))
  const made = (before: SqlNode): SqlNode =>
    enclosedLike(properties, next(ofRows(query, before)), where)
  return ofRows(query, new RecursiveRows(first, unionOf(options, where), made))
}

function unionOf(options: unknown, where: string): SetOperation {
  if (typeof options !== 'object' || options === null)
    throw optionError(`${where} expected options such as { all: true }, got ${describe(options)}`)
  refuseUnknown(options, ['all'], where)
  const { all } = options as RecursiveOptions
  requireBoolean(`${where}: all`, all)
  return all === true ? 'union all' : 'union'
}

/** A query whose values come in the order of another one's: SQL matches them by their places. */
function enclosedLike(properties: readonly string[], other: unknown, where: string): SqlNode {
  if (!isRows(other)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} expected a query of plain rows, such as find(User).select(…), got ${describe(other)}`,
    )
  }
  const query = other[rowsPart]()
  const names = Object.keys(query.selected)
  if (names.length !== properties.length || !properties.every((name) => names.includes(name))) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} expected a query that selects ${listed(properties)}, got one that selects ${listed(names)}`,
    )
  }
  return new Enclosed(namedSelect(query, properties))
}
