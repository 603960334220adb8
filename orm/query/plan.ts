import { DataBridgeError, describe } from '../errors.ts'
import { type TableMetadata } from '../schema/metadata.ts'
import { listed } from '../util/messages.ts'
import type { AnyLoader } from '../relations/loader.ts'
import { requireConditions } from '../sql/conditions.ts'
import {
  anyRaw,
  type Condition,
  isCondition,
  isSqlNode,
  type Order,
  type SqlNode,
} from '../sql/node.ts'
import { BoundColumn } from '../sql/column-ref.ts'
import { columnRef, refsOf } from '../sql/refs.ts'
import { rootAlias, type SelectPlan } from '../sql/select.ts'

/** Everything that a query says. Immutable. */
export interface QueryPlan extends SelectPlan {
  readonly loaders: readonly AnyLoader[]
  readonly groups: readonly SqlNode[]
}

export function planFor(table: TableMetadata): QueryPlan {
  return {
    table,
    conditions: [],
    orders: [],
    limit: undefined,
    offset: undefined,
    loaders: [],
    groups: [],
  }
}

/** How many conditions are joined by AND at the top. */
export function filterCount({ conditions }: SelectPlan): number {
  return conditions.reduce((sum, { width }) => sum + width, 0)
}

/** Whether SQL of the program's own is in it, which may read other tables than the plan names. */
export function isRaw({ conditions, orders, groups }: QueryPlan): boolean {
  return anyRaw(conditions) || anyRaw(orders) || anyRaw(groups)
}

/** What a callback such as `(user) => user.age.gt(18)` gives. */
export function callWithRefs(table: TableMetadata, callback: unknown, where: string): unknown {
  if (typeof callback === 'function')
    return (callback as (refs: object) => unknown)(refsOf(table, rootAlias))
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected a callback such as (row) => …; came ${describe(callback)}`,
  )
}

/** The conditions of one filter, to be joined by AND. */
export function conditionsOf(table: TableMetadata, filter: unknown): readonly Condition[] {
  const where = `find(${table.entityName}).filter()`
  if (typeof filter === 'function') {
    const condition = callWithRefs(table, filter, where)
    requireConditions(where, [condition])
    return [condition as Condition]
  }
  if (isCondition(filter)) return [filter]
  if (typeof filter === 'object' && filter !== null && !Array.isArray(filter)) {
    const entries = Object.entries(filter)
    if (entries.length > 0 || isPlain(filter))
      return entries.map(([property, value]) => matches(table, property, value))
  }
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_FILTER',
    `${where} expected { column: value } or a callback such as (row) => row.id.eq(1); came ${describe(filter)}`,
  )
}

// An instance of a class, such as a Date, may have no keys either, and would match every row.
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** `{ active: true, name: ['Ann', 'Bob'], age: null }`: equal, one of, IS NULL. */
function matches(table: TableMetadata, property: string, value: unknown): Condition {
  const where = `find(${table.entityName}).filter({ ${property} })`
  const column = table.columnOf.get(property)
  if (column === undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_FILTER',
      `${where}: ${table.entityName} has no column ${property}; it has ${listed([...table.columnOf.keys()])}`,
    )
  }
  if (value === undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_FILTER',
      `${where} expected a value, an array, or null for IS NULL; came undefined, which would match every row`,
    )
  }
  const ref = columnRef(table, property, rootAlias)
  const isList = Array.isArray(value) && column.type.cast !== 'jsonb'
  return isList ? ref.in(value) : ref.eq(value)
}

export function ordersOf(table: TableMetadata, by: unknown): readonly Order[] {
  const where = `find(${table.entityName}).orderBy()`
  const orders = [callWithRefs(table, by, where)].flat()
  const other = orders.find((order) => !isSqlNode(order) || order instanceof BoundColumn)
  if (orders.length > 0 && other === undefined) return orders as Order[]
  const came = other instanceof BoundColumn ? 'a column without asc() or desc()' : describe(other)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected orders such as user.name.asc(); came ${orders.length === 0 ? 'none' : came}`,
  )
}

/** Groups or selected values: columns, aggregates, `sql` templates. */
export function expressionsOf(values: readonly unknown[], where: string): readonly SqlNode[] {
  const other = values.find((value) => !isSqlNode(value))
  if (values.length > 0 && values.every(isSqlNode)) return values
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected columns or aggregates such as count(); came ${values.length === 0 ? 'none' : describe(other)}`,
  )
}

export function requireCount(value: unknown, where: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected an integer from 0; came ${describe(value)}`,
  )
}
