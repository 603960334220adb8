import { isDeepStrictEqual } from 'node:util'
import { parametersOf } from '../sql/bind-sink.ts'
import { CallNode } from '../sql/calls.ts'
import type { Expression, Order, Sink, SqlNode } from '../sql/node.ts'
import { Ordering } from '../sql/ordering.ts'
import type { QueryPlan } from './plan.ts'

/** Whether an expression belongs to a group of rows, such as `count()`. */
export function isAggregate(node: SqlNode): boolean {
  return node instanceof CallNode
}

/**
 * Replaces groups and orders with parameters by the position of the same selected expression: for
 * PostgreSQL `date_trunc($1, at)` and `date_trunc($2, at)` are two expressions.
 */
export function byPlaces(plan: QueryPlan, selected: readonly Expression<unknown>[]): QueryPlan {
  return {
    ...plan,
    groups: plan.groups.map((group) => placeOf(group, selected) ?? group),
    orders: plan.orders.map((order) => orderBy(order, selected)),
  }
}

function orderBy(order: Order, selected: readonly SqlNode[]): Order {
  const by = order instanceof Ordering ? order.by : order
  const place = placeOf(by, selected)
  if (place === undefined) return order
  return new Ordering(place, order instanceof Ordering ? order.direction : 'asc')
}

function placeOf(node: SqlNode, selected: readonly SqlNode[]): SqlNode | undefined {
  const parameters = parametersOf(node)
  if (parameters.length === 0) return undefined
  const index = selected.findIndex(
    (each) => each.shape === node.shape && isDeepStrictEqual(parametersOf(each), parameters),
  )
  return index === -1 ? undefined : place(String(index + 1))
}

function place(number: string): SqlNode {
  return { shape: `#${number}`, write: (sink: Sink) => sink.text(number) }
}
