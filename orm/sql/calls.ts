import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnType } from '../schema/column-type.ts'
import { bigintTypes } from '../schema/types/integers.ts'
import { doubleType, numericType } from '../schema/types/numbers.ts'
import { decodeSum } from '../schema/values.ts'
import { ColumnNode } from './column.ts'
import { ConditionNode } from './condition.ts'
import { narrowed, requireConditions } from './logic.ts'
import {
  type Condition,
  depthAround,
  type Expression,
  isExpression,
  type Parse,
  type Sink,
  type SqlNode,
} from './node.ts'
import { OperandNode, typeOf } from './operand.ts'
import type { Operand } from './ref-types.ts'

type Decode = (text: string | null, parse: Parse) => unknown

const toNumber: Decode = (text) => (text === null ? null : Number(text))

/** An aggregate: it has a value for a group of rows. */
export interface Aggregate<out T> extends Operand<T> {
  /**
   * Only of the rows that match.
   *
   * @example
   * ```ts
   * import { count, type Session } from 'fastify-data-bridge/orm'
   * import { Post } from './entities.ts'
   *
   * export function popularPerAuthor(session: Session) {
   *   return session.find(Post)
   *     .groupBy((post) => post.authorId)
   *     .aggregate((post) => ({
   *       authorId: post.authorId,
   *       posts: count(),
   *       popular: count().filter(post.likes.gt(100)),
   *     }))
   * }
   * ```
   */
  filter(condition: Condition): Aggregate<T>
}

interface Call {
  readonly name: string
  /** Its text up to what it is of. */
  readonly before: string
  /** Undefined: of rows. */
  readonly of: Expression<unknown> | undefined
  readonly cast?: string
  /** Of what it gives: values that it is compared with. */
  readonly type: ColumnType
  readonly decode: Decode
  readonly where?: Condition
}

/** A function of PostgreSQL: `count(…) filter (where …)`. */
export class CallNode extends OperandNode {
  readonly label: string
  readonly type: ColumnType
  readonly shape: string
  override readonly depth: number
  readonly decode: Decode
  readonly #call: Call

  constructor(call: Call) {
    super()
    const { name, type, decode, of, where } = call
    this.label = `${name}()`
    this.type = type
    this.decode = decode
    this.depth = depthAround([of, where].filter((node) => node !== undefined))
    const filter = where === undefined ? '' : `where(${where.shape})`
    this.shape = `${name}(${of?.shape ?? ''})${filter}`
    this.#call = call
  }

  /** What stands behind the call, also behind its window. */
  get cast(): string {
    return this.#call.cast ?? ''
  }

  write(sink: Sink): void {
    this.writeCall(sink)
    sink.text(this.cast)
  }

  writeCall(sink: Sink): void {
    const { before, of, where } = this.#call
    sink.text(before)
    if (of === undefined) sink.text('*')
    else of.write(sink)
    sink.text(')')
    if (where !== undefined) {
      sink.text(' filter (where ')
      where.write(sink)
      sink.text(')')
    }
  }

  filter(condition: Condition): CallNode {
    requireConditions(`${this.label}.filter()`, [condition])
    return new CallNode({ ...this.#call, where: narrowed(this.#call.where, condition) })
  }
}

/** Whether an expression belongs to a group of rows, such as `count()`. */
export function isAggregate(node: SqlNode): node is CallNode {
  return node instanceof CallNode
}

const countType = bigintTypes.number

/**
 * The number of rows. With an expression: the number of rows in which it is not NULL. A condition is never
 * NULL, so `count(condition)` is an error: `count().filter(condition)` counts the rows that match.
 */
export function count(of?: Expression<unknown>): Aggregate<number> {
  const settings = { name: 'count', before: 'count(', type: countType, decode: toNumber }
  return of === undefined ? new CallNode({ ...settings, of }) : call({ ...settings, of })
}

/** The number of different values, without NULL. */
export function countDistinct(of: Expression<unknown>): Aggregate<number> {
  const before = 'count(distinct '
  return call({ name: 'countDistinct', before, of, type: countType, decode: toNumber })
}

/** The mean of numbers, also of `numeric()` and `bigint()` columns. `null` without rows. */
export function avg(of: Expression<number | string | bigint | null>): Aggregate<number | null> {
  const cast = '::double precision'
  return call({ name: 'avg', before: 'avg(', of, cast, type: doubleType, decode: toNumber })
}

/**
 * The sum; `null` without rows. The sum of numbers is a number (exact up to 2^53), that of a `numeric()` or
 * `bigint()` column a string, and that of a `bigint({ mode: 'bigint' })` column a bigint.
 */
export function sum<T extends number | string | bigint>(
  of: Expression<T | null>,
): Aggregate<T | null> {
  const settings = { name: 'sum', before: 'sum(', of }
  const type = typeOf(of)
  if (type === undefined) return call({ ...settings, type: doubleType, decode: toNumber })
  if (type.decodeSum === undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `sum() expected a column of numbers, got one of ${type.sql}`,
    )
  }
  const decode: Decode = (text) =>
    text === null
      ? null
      : of instanceof ColumnNode
        ? decodeSum(of.column, text)
        : type.decodeSum?.(text)
  return call({ ...settings, type: sumTypes[type.kind] ?? type, decode })
}

// What sums are compared with: they go beyond the column's own range.
const sumTypes: Readonly<Partial<Record<string, ColumnType>>> = {
  integer: bigintTypes.number,
  bigint: numericType(),
  double: doubleType,
}

/** The smallest value; `null` without rows. */
export function min<T>(of: Expression<T>): Aggregate<NonNullable<T> | null> {
  return call({
    name: 'min',
    before: 'min(',
    of,
    type: typeOf(of) ?? doubleType,
    decode: decodeAs(of),
  })
}

/** The largest value; `null` without rows. */
export function max<T>(of: Expression<T>): Aggregate<NonNullable<T> | null> {
  return call({
    name: 'max',
    before: 'max(',
    of,
    type: typeOf(of) ?? doubleType,
    decode: decodeAs(of),
  })
}

function decodeAs(of: Expression<unknown>): Decode {
  return (text, parse) => of.decode(text, parse)
}

function call<T>(given: Call & { readonly of: Expression<unknown> }): Aggregate<T> {
  const { name, of } = given
  if (of instanceof ConditionNode) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${name}() expected a column such as post.likes, got a condition: count().filter(condition) counts the rows that match`,
    )
  }
  if (isExpression(of)) return new CallNode(given)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${name}() expected a column such as post.likes, got ${describe(of)}`,
  )
}
