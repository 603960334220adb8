import { hash } from 'node:crypto'
import { DataBridgeError } from '../errors.ts'
import { isSame, parametersOf } from '../sql/bind-sink.ts'
import { ColumnNode } from '../sql/column.ts'
import { Compare, IsNull, Param } from '../sql/comparisons.ts'
import { asValue } from '../sql/condition.ts'
import { noDefaults } from '../sql/defaults.ts'
import { and, or } from '../sql/logic.ts'
import type { Condition, Order, SqlNode } from '../sql/node.ts'
import { Ordering } from '../sql/ordering.ts'
import { enclosed } from '../sql/pieces.ts'
import { columnRef } from '../sql/refs.ts'
import { Select, selectStatement } from '../sql/select.ts'
import { render, type Statement } from '../sql/statement.ts'
import { planOf, type QueryPlan } from './plan.ts'

/** The values of a row in the order of its query, as PostgreSQL's texts. */
export type KeyTexts = readonly (string | null)[]

/** One part of an order in which no two rows are equal. */
export interface KeyOrder {
  readonly by: SqlNode
  readonly isAscending: boolean
  readonly hasNullsFirst: boolean
  readonly isNullable: boolean
}

/**
 * The order of a query, with its key behind it: rows that are equal in all else then still have an order.
 *
 * @param key what tells the rows apart
 */
export function keyOrders(
  { orders }: QueryPlan,
  key: readonly SqlNode[],
  where: string,
): readonly KeyOrder[] {
  const given = orders.map((order) => keyOrder(order, where))
  const missing = key.map(asValue).filter((node) => !given.some(({ by }) => isSame(by, node)))
  const isAscending = given.at(-1)?.isAscending ?? true
  const rest = missing.map((by) => ({
    by,
    isAscending,
    hasNullsFirst: !isAscending,
    isNullable: isNullable(by),
  }))
  return [...given, ...rest]
}

function keyOrder(order: Order, where: string): KeyOrder {
  if (!(order instanceof Ordering) || order.direction === '') {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${where} expected an order by columns such as row.id.asc(), got one in your own SQL, whose direction it does not know`,
    )
  }
  const { by, direction, nulls } = order
  const isAscending = direction === 'asc'
  const hasNullsFirst = nulls === '' ? !isAscending : nulls === 'first'
  return { by, isAscending, hasNullsFirst, isNullable: isNullable(by) }
}

function isNullable(by: SqlNode): boolean {
  if (!(by instanceof ColumnNode) || by.column.nullable) return true
  const { via, beside } = by.source
  return (via ?? beside) !== undefined
}

/** The columns of the primary key of the rows of a table. */
export function primaryKeyOf({ from, distinct }: QueryPlan): readonly SqlNode[] {
  if (typeof distinct === 'object') {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `find(${from.table.entityName}).distinct() with columns expected select() before a page or a token: where a page begins would change which row is the first`,
    )
  }
  return from.table.primaryKey.map(({ property }) => columnRef(from, property))
}

/** The same order from its end. */
export function reversed(orders: readonly KeyOrder[]): readonly KeyOrder[] {
  return orders.map((order) => ({
    ...order,
    isAscending: !order.isAscending,
    hasNullsFirst: !order.hasNullsFirst,
  }))
}

export function ordersOfKey(orders: readonly KeyOrder[]): readonly Order[] {
  return orders.map(({ by, isAscending, hasNullsFirst, isNullable: mayBeNull }) => {
    const isUsual = !mayBeNull || hasNullsFirst === !isAscending
    return new Ordering(
      by,
      isAscending ? 'asc' : 'desc',
      isUsual ? '' : hasNullsFirst ? 'first' : 'last',
    )
  })
}

/** The values by which a row is found again, as one column of text. */
export function keyColumn(orders: readonly KeyOrder[]): SqlNode {
  return {
    shape: `key(${orders.map(({ by }) => by.shape).join()})`,
    depth: Math.max(...orders.map(({ by }) => by.depth ?? 0)) + 1,
    write(sink) {
      sink.text('json_build_array(')
      orders.forEach(({ by }, index) => {
        sink.text(index === 0 ? '(' : ', (')
        by.write(sink)
        sink.text(')::text')
      })
      sink.text(')::text')
    },
  }
}

/** Names an order, the same in all processes: a token of one order means nothing in another. */
export function nameOfOrder(plan: QueryPlan, orders: readonly KeyOrder[]): string {
  const { from } = plan
  const inOrder = ordersOfKey(orders)
  const { text, parameters } =
    from.rows === undefined ? textOf(plan, inOrder) : shortTextOf(inOrder)
  const name = JSON.stringify([from.table.fullName, text, parameters.map(String)])
  return hash('sha256', name, 'base64url').slice(0, 16)
}

type Named = Pick<Statement, 'text' | 'parameters'>

function textOf({ from, projection, joins, groups }: QueryPlan, orders: readonly Order[]): Named {
  const plan = planOf(from, projection, noDefaults)
  return selectStatement(new Select({ ...plan, joins, groups, orders }))
}

/** What a query around another one orders by has no joins. The query inside may change from page to page. */
function shortTextOf(orders: readonly Order[]): Named {
  return {
    text: orders.map((order) => render(order).text).join(),
    parameters: orders.flatMap(parametersOf),
  }
}

/**
 * The rows behind a row, in an order.
 *
 * @param isIncluded whether the row itself belongs to them
 */
export function behind(
  orders: readonly KeyOrder[],
  texts: KeyTexts,
  isIncluded: boolean,
): Condition {
  let rest: Condition | undefined
  for (let index = orders.length - 1; index >= 0; index -= 1) {
    const order = orders[index] as KeyOrder
    const text = texts[index] ?? null
    const isLast = index === orders.length - 1
    const beyond = isBeyond(order, text)
    const tied = isLast
      ? isIncluded
        ? equal(order, text)
        : undefined
      : withRest(order, text, rest)
    const found = [beyond, tied].filter((condition) => condition !== undefined)
    const whole = or(...found)
    // An index finds where to begin by a condition that AND joins.
    rest = isLast ? whole : and(...atLeast(order, text), whole)
  }
  return rest ?? and()
}

function withRest(
  order: KeyOrder,
  text: string | null,
  rest: Condition | undefined,
): Condition | undefined {
  return rest === undefined ? undefined : and(equal(order, text), rest)
}

/** The rows that come behind all with this value; undefined if there can be none. */
function isBeyond(
  { by, isAscending, hasNullsFirst, isNullable: mayBeNull }: KeyOrder,
  text: string | null,
): Condition | undefined {
  if (text === null) return hasNullsFirst ? new IsNull(enclosed(by), true) : undefined
  const beyond = new Compare(enclosed(by), isAscending ? '>' : '<', new Param(text))
  return mayBeNull && !hasNullsFirst ? or(beyond, new IsNull(enclosed(by), false)) : beyond
}

function equal({ by }: KeyOrder, text: string | null): Condition {
  return text === null
    ? new IsNull(enclosed(by), false)
    : new Compare(enclosed(by), '=', new Param(text))
}

function atLeast(
  { by, isAscending, hasNullsFirst, isNullable: mayBeNull }: KeyOrder,
  text: string | null,
): readonly Condition[] {
  if (text === null || (mayBeNull && !hasNullsFirst)) return []
  return [new Compare(enclosed(by), isAscending ? '>=' : '<=', new Param(text))]
}
