import { DataBridgeError, describe } from '../errors.ts'
import { listed } from '../util/messages.ts'
import { isPlainObject } from '../util/plain-object.ts'
import { requireConditions } from './logic.ts'
import { type Condition, isCondition, type Order } from './node.ts'
import { requireOrders } from './ordering.ts'
import { callWithRefs, columnRef } from './refs.ts'
import type { Source } from './source.ts'

/** The conditions of one filter, to be joined by AND. */
export function conditionsOf(source: Source, filter: unknown, where: string): readonly Condition[] {
  if (typeof filter === 'function') {
    const condition = callWithRefs(source, filter, where)
    requireConditions(where, [condition])
    return [condition as Condition]
  }
  if (isCondition(filter)) return [filter]
  if (typeof filter === 'object' && filter !== null && !Array.isArray(filter)) {
    const entries = Object.entries(filter)
    // An instance of a class, such as a Date, may have no keys either, and would match every row.
    if (entries.length > 0 || isPlainObject(filter))
      return entries.map(([property, value]) => matches(source, property, value, where))
  }
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_FILTER',
    `${where} expected { column: value } or a callback such as (row) => row.id.eq(1), got ${describe(filter)}`,
  )
}

/** `{ active: true, name: ['Ann', 'Bob'], age: null }`: equal, one of, IS NULL. */
function matches(source: Source, property: string, value: unknown, method: string): Condition {
  const { table } = source
  const where = (): string => `${method.slice(0, -1)}{ ${property} })`
  const column = table.columnOf.get(property)
  if (column === undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_FILTER',
      `${where()}: ${table.entityName} has no column ${property}; it has ${listed([...table.columnOf.keys()])}`,
    )
  }
  if (value === undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_FILTER',
      `${where()} expected a value, an array, or null for IS NULL, got undefined, which would match every row`,
    )
  }
  const ref = columnRef(source, property)
  // Where the column itself holds arrays, an array is a value.
  const isList = Array.isArray(value) && !column.type.isType(value)
  return isList ? ref.in(value) : ref.eq(value)
}

export function ordersOf(
  source: Source,
  by: unknown,
  where: string,
  joined?: readonly Source[],
): readonly Order[] {
  return requireOrders(callWithRefs(source, by, where, joined), where)
}

/** What `withDefaults()` was given. */
export function requireHold(value: unknown, where: string): boolean {
  if (typeof value === 'boolean') return value
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected true or false, got ${describe(value)}`,
  )
}

export function requireCount(value: unknown, where: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected an integer from 0, got ${describe(value)}`,
  )
}
