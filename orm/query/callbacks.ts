import { DataBridgeError, describe } from '../errors.ts'
import { conditionsOf, ordersOf } from '../sql/callbacks.ts'
import { isAggregate } from '../sql/calls.ts'
import { narrowed, requireConditions } from '../sql/logic.ts'
import { type Condition, isExpression } from '../sql/node.ts'
import { callWithRefs } from '../sql/refs.ts'
import type { Source } from '../sql/source.ts'
import { standsFor } from '../sql/stand-in.ts'
import { Template } from '../sql/template.ts'
import { expressionsOf, type QueryPlan } from './plan.ts'
import { isPlainObject } from '../util/plain-object.ts'
import { type RowsQuery, rowsQuery } from './rows-query.ts'
import type { Selected } from './run.ts'

/** The plan with the conditions of filters: those of a table may be objects of values. */
export function filtered(plan: QueryPlan, filters: readonly unknown[], where: string): QueryPlan {
  const { from, joined } = plan
  const isTable = from.rows === undefined && joined === undefined
  const added = isTable
    ? filters.flatMap((filter) => conditionsOf(from, filter, where))
    : filters.map((filter) => conditionOf(plan, filter, where))
  return added.length === 0 ? plan : { ...plan, where: narrowed(plan.where, ...added) }
}

/** The plan in another order. */
export function ordered(plan: QueryPlan, by: unknown, where: string): QueryPlan {
  return { ...plan, orders: ordersOf(plan.from, by, where, joinedSources(plan)) }
}

/** The plan with groups. */
export function grouped(plan: QueryPlan, by: unknown, where: string): QueryPlan {
  const groups = [callWithRefs(plan.from, by, where, joinedSources(plan))].flat()
  return { ...plan, groups: expressionsOf(groups, where) }
}

/** The plan with a condition on its groups. */
export function having(plan: QueryPlan, condition: unknown, where: string): QueryPlan {
  return { ...plan, having: narrowed(plan.having, conditionOf(plan, condition, where)) }
}

function conditionOf(plan: QueryPlan, callback: unknown, where: string): Condition {
  const condition = callWithRefs(plan.from, callback, where, joinedSources(plan))
  requireConditions(where, [condition])
  return condition as Condition
}

/** The plan without equal rows, or with the first row of those that are equal in some expressions. */
export function distinct(plan: QueryPlan, on: unknown, where: string): QueryPlan {
  if (on === undefined) return { ...plan, distinct: 'rows' }
  const expressions = [callWithRefs(plan.from, on, where, joinedSources(plan))].flat()
  return { ...plan, distinct: expressionsOf(expressions, where, 'columns') }
}

/** The expressions that a callback selects. */
export function selectedBy(
  plan: QueryPlan,
  select: unknown,
  where: string,
  expected?: string,
): Selected {
  const selected = callWithRefs(plan.from, select, where, joinedSources(plan))
  if (!isPlain(selected)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} expected an object of expressions such as { id: row.id }, got ${isExpression(selected) ? 'one expression' : (standsFor(selected) ?? describe(selected))}`,
    )
  }
  expressionsOf(Object.values(selected), where, expected)
  return selected as Selected
}

/** What `select` gives: values of each row, of each group, or the aggregates of all rows as one. */
export function selectedRows(plan: QueryPlan, select: unknown, where: string): RowsQuery {
  if (plan.groups.length > 0) return rowsQuery(plan, selectedBy(plan, select, where))
  const selected = selectedBy(plan, select, where, 'columns or sql templates')
  const values = Object.values(selected)
  if (!values.some(isAggregate)) return rowsQuery(plan, selected)
  if (!values.every((value) => isAggregate(value) || value instanceof Template))
    throw mixedError(where)
  if ((plan.limit ?? plan.offset ?? plan.distinct ?? plan.lock) === undefined)
    return rowsQuery({ ...plan, orders: [] }, selected)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} gives one row of all that match, and expected no limit(), offset(), distinct() and lock before it`,
  )
}

function mixedError(where: string): DataBridgeError {
  return new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected values of each row or aggregates of all, got both: group the rows with groupBy(), use ` +
      'over(…) for an aggregate beside each row, or count related rows with row.relation.count()',
  )
}

function joinedSources({ joined }: QueryPlan): readonly Source[] | undefined {
  return joined?.map(({ source }) => source)
}

// `{ __proto__: row.id }` sets the prototype, and no property.
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Object.hasOwn(value, '__proto__')) return false
  return isPlainObject(value)
}
