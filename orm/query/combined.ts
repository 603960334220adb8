import { DataBridgeError, describe } from '../errors.ts'
import {
  Compound,
  Enclosed,
  NamedRows,
  RecursiveRows,
  type SetOperation,
} from '../sql/row-queries.ts'
import type { SqlNode } from '../sql/node.ts'
import { optionError, refuseUnknown, requireBoolean } from '../util/option-checks.ts'
import { listed } from '../util/messages.ts'
import {
  around,
  isRows,
  freeSelect,
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
  const left = new Enclosed(freeSelect(query, properties))
  const rows = ofRows(query, new Enclosed(new Compound(left, operation, right)))
  return operation === 'union all' ? rows : { ...rows, key: properties }
}

/** How PostgreSQL reads the rows that {@link Rows.cte} names. */
export interface CteOptions {
  /** Whether it reads all of them before the statement uses any. By default it decides. */
  readonly materialized?: boolean | undefined
}

/** The rows of a query, which a statement names in its WITH. */
export function named(query: RowsQuery, options: unknown, where: string): SeenRows {
  const { materialized } = optionOf(options, 'materialized', where) as CteOptions
  return around(query, (select) => new NamedRows(select, materialized))
}

/** How {@link Rows.recursive} collects rows. */
export interface RecursiveOptions {
  /** Whether equal rows count each time. Rows that lead to each other in a circle then never end. Default: `false`. */
  readonly all?: boolean | undefined
}

/**
 * The rows of a query, and those that another one makes of them.
 *
 * @param next the callback that gives it
 * @param rowsOf makes what the callback sees
 */
export function recursive(
  query: RowsQuery,
  next: unknown,
  rowsOf: (before: SeenRows) => unknown,
  options: unknown,
  where: string,
): SeenRows {
  if (typeof next !== 'function') {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} expected a callback such as (before) => …, got ${describe(next)}`,
    )
  }
  const properties = Object.keys(query.selected)
  const first = new Enclosed(freeSelect(query, properties))
  const made = (before: SqlNode): SqlNode =>
    enclosedLike(properties, next(rowsOf(ofRows(query, before))), where)
  const { all } = optionOf(options, 'all', where) as RecursiveOptions
  return ofRows(query, new RecursiveRows(first, all === true ? 'union all' : 'union', made))
}

/** Options of which the only one is true or false. */
function optionOf(options: unknown, name: string, where: string): object {
  if (typeof options !== 'object' || options === null)
    throw optionError(
      `${where} expected options such as { ${name}: true }, got ${describe(options)}`,
    )
  refuseUnknown(options, [name], where)
  requireBoolean(`${where}: ${name}`, (options as Record<string, unknown>)[name])
  return options
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
  return new Enclosed(freeSelect(query, properties))
}
