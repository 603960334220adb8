import { isSame } from '../sql/bind-sink.ts'
import { isAggregate } from '../sql/calls.ts'
import { asValue } from '../sql/condition.ts'
import type { JoinedRows } from '../sql/joins.ts'
import { Ordering } from '../sql/ordering.ts'
import type { Order, SqlNode } from '../sql/node.ts'
import { type Projection, valuesProjection } from '../sql/projections.ts'
import { Enclosed, RowNumber } from '../sql/row-queries.ts'
import { type NamedValue, rowColumns } from '../sql/row-refs.ts'
import { distinctError, Select } from '../sql/select.ts'
import { rowsSource, type Source } from '../sql/source.ts'
import { primaryKeyOf } from './keyset.ts'
import { lockedError, planOf, type QueryPlan } from './plan.ts'
import type { Selected } from './run.ts'

/** A query of plain rows. */
export interface RowsQuery {
  readonly plan: QueryPlan
  /** What it selects, by the names of its properties. */
  readonly selected: Selected
  /** The source whose columns are exactly what it selects; undefined: its values are made of others. */
  readonly sees: Source | undefined
  /** The properties whose values tell the rows apart, if it is known. */
  readonly key?: readonly string[] | undefined
}

/** The method by which a query of plain rows gives itself to another one. */
export const rowsPart: unique symbol = Symbol('rowsPart')

interface HasRows {
  [rowsPart](): RowsQuery
}

export function isRows(value: unknown): value is HasRows {
  return typeof value === 'object' && value !== null && rowsPart in value
}

/** A query whose callbacks see what it selects. */
export interface SeenRows extends RowsQuery {
  readonly sees: Source
}

/** What a plan selects. */
export function rowsQuery(plan: QueryPlan, selected: Selected): RowsQuery {
  const projection = valuesProjection(Object.values(selected))
  return { plan: { ...plan, projection }, selected, sees: undefined }
}

/**
 * The rows of a query inside of another one.
 *
 * @param stand makes what stands in place of a table
 */
export function around(query: RowsQuery, stand: (select: Select) => SqlNode = enclosed): SeenRows {
  const { plan, selected } = query
  const values = namedValues(selected)
  const { hidden, names, orders } = keptOrders(plan, values)
  const projection = valuesProjection(
    [...Object.values(selected), ...hidden],
    [...values.map(({ name }) => name), ...names],
  )
  return { ...ofRows(query, stand(inner(plan, projection)), orders), key: namesOfKey(query) }
}

/** What tells the rows of a query apart; undefined: nothing does. */
export function keyOfRows({ plan, selected, key }: RowsQuery): readonly SqlNode[] | undefined {
  if (plan.groups.length > 0) return plan.groups
  if (plan.distinct === 'rows') return Object.values(selected)
  if (plan.distinct !== undefined) return plan.distinct
  if (Object.values(selected).some(isAggregate)) return undefined
  if (plan.joined !== undefined) return keyOfPairs(plan, plan.joined)
  if (plan.from.rows === undefined) return primaryKeyOf(plan)
  return key?.map((name) => selected[name] as SqlNode)
}

/** A pair is known by the keys of both. */
function keyOfPairs(
  plan: QueryPlan,
  joined: readonly JoinedRows[],
): readonly SqlNode[] | undefined {
  const first = plan.from.rows === undefined ? primaryKeyOf(plan) : undefined
  const keys = [first, ...joined.map(({ key }) => key)]
  return keys.every((key) => key !== undefined) ? keys.flat() : undefined
}

/** The properties of the key, if all of it is selected. */
export function namesOfKey(query: RowsQuery): readonly string[] | undefined {
  const values = Object.entries(query.selected)
  const names = keyOfRows(query)?.map(
    (node) => values.find(([, value]) => value.shape === node.shape)?.[0],
  )
  return names?.every((name) => name !== undefined) === true ? names : undefined
}

/** A query of rows that stand in place of a table. */
export function ofRows(
  { plan, selected }: Pick<RowsQuery, 'plan' | 'selected'>,
  rows: SqlNode,
  orders: readonly OuterOrder[] = [],
): SeenRows {
  const { table, depth } = plan.from
  const sees = rowsSource(table, rows, depth)
  const columns = rowColumns(sees, namedValues(selected))
  const outer = planOf(sees, valuesProjection(Object.values(columns)), plan.defaults)
  return { plan: { ...outer, orders: orders.map((order) => order(sees)) }, selected: columns, sees }
}

/** The rows of the page of a query as all of one; an order that chose the page has no meaning for them any more. */
export function withoutPage(query: RowsQuery): RowsQuery {
  if (isOpen(query)) return query
  const rows = around(query)
  const values = Object.values(rows.selected)
  const isOfValues = rows.plan.orders.every(
    (order) => order instanceof Ordering && values.some((value) => isSame(value, order.by)),
  )
  return isOfValues ? rows : { ...rows, plan: { ...rows.plan, orders: [] } }
}

function isOpen({ plan }: RowsQuery): boolean {
  return (plan.limit ?? plan.offset ?? plan.distinct) === undefined
}

/** The query in a form to which conditions on what it selects can be added. */
export function opened(query: RowsQuery): SeenRows {
  const { sees } = query
  return sees !== undefined && isOpen(query) ? { ...query, sees } : around(query)
}

/** The SELECT of a query whose order means nothing around it, with the values in an order of their properties. */
export function freeSelect(
  { plan, selected }: RowsQuery,
  properties: readonly string[] = Object.keys(selected),
): Select {
  const values = new Map(namedValues(selected).map((value) => [value.property, value]))
  return inner(plan, namedProjection(properties.map((each) => values.get(each) as NamedValue)))
}

/** The SELECT of a query as it is, with names of its values. */
export function ownSelect({ plan, selected }: RowsQuery): Select {
  if (plan.lock !== undefined) throw lockedError(plan)
  return new Select({ ...plan, projection: namedProjection(namedValues(selected)) })
}

function namedProjection(values: readonly NamedValue[]): Projection {
  return valuesProjection(
    values.map(({ expression }) => expression),
    values.map(({ name }) => name),
  )
}

/** The order counts inside only if it decides which rows there are. */
function inner(plan: QueryPlan, projection: Projection): Select {
  if (plan.lock !== undefined) throw lockedError(plan)
  const isChosen = (plan.limit ?? plan.offset) !== undefined || typeof plan.distinct === 'object'
  return new Select({ ...plan, orders: isChosen ? plan.orders : [], projection })
}

function enclosed(select: Select): SqlNode {
  return new Enclosed(select)
}

// PostgreSQL cuts longer names, perhaps two to the same one, and not every encoding has every character.
const isName = /^\w{1,60}$/

/** The selected values with the names of their columns. */
export function namedValues(selected: Selected): readonly NamedValue[] {
  return Object.entries(selected).map(([property, expression], index) => ({
    property,
    name: isName.test(property) ? property : `#${index}`,
    expression,
  }))
}

type OuterOrder = (source: Source) => Order

interface KeptOrders {
  /** What the order needs beside the selected values. */
  readonly hidden: readonly SqlNode[]
  readonly names: readonly string[]
  readonly orders: readonly OuterOrder[]
}

/** The order of the rows of a query, for one around it: SQL keeps none. */
function keptOrders(plan: QueryPlan, values: readonly NamedValue[]): KeptOrders {
  const { from, orders, distinct } = plan
  const hidden: SqlNode[] = []
  const names: string[] = []
  const hide = (node: SqlNode): string => {
    if (distinct === 'rows') throw distinctError(from)
    const name = `#order${hidden.length}`
    hidden.push(node)
    names.push(name)
    return name
  }
  const ordered = orders
    .filter((order) => order instanceof Ordering)
    .filter(({ direction }) => direction !== '')
  if (ordered.length < orders.length) {
    // Your own SQL says its direction itself, so it is no value.
    const name = hide(new RowNumber(orders))
    return { hidden, names, orders: [(source) => new Ordering(columnOf(source, name), 'asc')] }
  }
  const kept = ordered.map(({ by, direction, nulls }): OuterOrder => {
    const known = values.find(({ expression }) => isSame(asValue(expression), by))
    const name = known?.name ?? hide(by)
    return (source) => new Ordering(columnOf(source, name), direction, nulls)
  })
  return { hidden, names, orders: kept }
}

function columnOf(source: Source, name: string): SqlNode {
  return {
    shape: `${source.shape}.${JSON.stringify(name)}`,
    write: (sink) => sink.column(source, name),
  }
}
