import { DataBridgeError, describe } from '../errors.ts'
import {
  isCondition,
  isExpression,
  isSqlNode,
  type Order,
  type Sink,
  type SqlNode,
  writeEnclosed,
} from './node.ts'

/** `by desc nulls last`. */
export class Ordering implements Order {
  readonly isOrder = true as const
  readonly shape: string
  readonly by: SqlNode
  readonly direction: '' | 'asc' | 'desc'
  readonly nulls: '' | 'first' | 'last'
  readonly depth: number

  /** @param direction `asc`, `desc`, or nothing behind SQL that says it itself */
  constructor(by: SqlNode, direction: '' | 'asc' | 'desc', nulls: '' | 'first' | 'last' = '') {
    this.by = by
    this.direction = direction
    this.nulls = nulls
    this.depth = by.depth ?? 0
    this.shape = `${by.shape} ${direction} ${nulls}`
  }

  nullsFirst(): Order {
    return new Ordering(this.by, this.direction, 'first')
  }

  nullsLast(): Order {
    return new Ordering(this.by, this.direction, 'last')
  }

  write(sink: Sink): void {
    if (this.direction === '') this.by.write(sink)
    else {
      writeEnclosed(sink, this.by)
      sink.text(` ${this.direction}`)
    }
    if (this.nulls !== '') sink.text(` nulls ${this.nulls}`)
  }
}

/** What a callback gave for an order: one, or a list of at least one. */
export function requireOrders(given: unknown, where: string): readonly Order[] {
  const orders: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (orders.length > 0 && orders.every(isOrder)) return orders
  const got = orders.length === 0 ? 'none' : named(orders.find((order) => !isOrder(order)))
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected orders such as user.name.asc(), got ${got}`,
  )
}

export function isOrder(value: unknown): value is Order {
  return isSqlNode(value) && 'isOrder' in value
}

function named(other: unknown): string {
  if (isCondition(other)) return 'a condition without asc() or desc()'
  return isExpression(other) ? 'a column without asc() or desc()' : describe(other)
}
