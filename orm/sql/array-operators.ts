import type { ArrayItemType, ColumnType } from '../schema/column-type.ts'
import { arrayLiteral } from '../schema/types/array-text.ts'
import type { ComparableNode } from './comparable.ts'
import { Compare, type Containment, Param } from './comparisons.ts'
import { asValue } from './condition.ts'
import { type Condition, isExpression, type SqlNode } from './node.ts'
import { enclosed, Pieces } from './pieces.ts'

/** `tags @> {a,b}`. */
export function compareItems(
  of: ComparableNode,
  method: string,
  operator: Containment | '&&',
  values: unknown,
): Condition {
  const type = requireArray(of, method)
  requireFlat(of, method, type)
  if (isExpression(values)) return new Compare(of, operator, enclosed(asValue(values)))
  of.requireValue(method, values)
  return new Compare(asExactAsDates(of, type), operator, new Param(of.encodeAs(type, values)))
}

/** `tags @> {a}`, and not `a = any(tags)`, for which there is no index. */
export function hasItem(of: ComparableNode, method: string, value: unknown): Condition {
  const type = requireArray(of, method)
  const item = requireFlat(of, method, type)
  if (isExpression(value))
    return new Compare(enclosed(asValue(value)), '=', new Pieces('any', ['any(', of, ')']))
  of.requireValue(method, value)
  const items = arrayLiteral([of.encodeAs(item, value)])
  return new Compare(asExactAsDates(of, type), '@>', new Param(items))
}

/** The number of items; of an array of arrays the number of its arrays. */
export function lengthOf(of: ComparableNode, method: string): SqlNode {
  const { type } = requireItems(of, method)
  if (type.items === undefined) return new Pieces('cardinality', ['cardinality(', of, ')'])
  return new Pieces('length', ['coalesce(array_length(', of, ', 1), cardinality(', of, '))'])
}

function requireArray(of: ComparableNode, method: string): ColumnType {
  requireItems(of, method)
  return of.type as ColumnType
}

function requireItems(of: ComparableNode, method: string): ArrayItemType {
  const { type } = of
  if (type?.items !== undefined) return type.items
  throw of.error(method, `is for array() columns; this one is ${type?.sql ?? 'your own SQL'}`)
}

/** The type of the items. Refuses arrays of arrays, of which PostgreSQL would compare the innermost items. */
function requireFlat(of: ComparableNode, method: string, { items }: ColumnType): ColumnType {
  const { type } = items as ArrayItemType
  if (type.items === undefined) return type
  throw of.error(
    method,
    'is for arrays of one dimension: of arrays of arrays PostgreSQL compares the innermost items',
  )
}

/** The array, of timestamps without their microseconds: a Date is a whole millisecond. */
function asExactAsDates(of: ComparableNode, { items }: ColumnType): SqlNode {
  if (items?.type.rangeOf === undefined) return of
  return new Pieces('milliseconds', [
    '(case when ',
    of,
    " is not null then array(select date_trunc('milliseconds', item) from unnest(",
    of,
    ') as item) end)',
  ])
}
