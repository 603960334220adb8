import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnType } from '../schema/column-type.ts'
import { bigintTypes } from '../schema/types/integers.ts'
import { doubleType, numericType } from '../schema/types/numbers.ts'
import { decodeSum } from '../schema/values.ts'
import { ColumnNode } from './column.ts'
import {
  depthAround,
  type Expression,
  isExpression,
  type Parse,
  shapesOf,
  type Sink,
  type SqlNode,
} from './node.ts'

import type { Operand } from './ref-types.ts'
import { TypedOperand, typeOf } from './typed-operand.ts'

type Decode = (text: string | null, parse: Parse) => unknown

const toNumber: Decode = (text) => (text === null ? null : Number(text))

/** A function of PostgreSQL: `count(…)`. */
export class CallNode extends TypedOperand {
  readonly shape: string
  override readonly depth: number
  readonly decode: Decode
  protected readonly label: string
  readonly #pieces: readonly (string | SqlNode)[]
  /** What stands behind the call, also behind its window. */
  readonly cast: string
  readonly #type: ColumnType

  /** @param type of what it gives: values that it is compared with */
  constructor(
    name: string,
    pieces: readonly (string | SqlNode)[],
    type: ColumnType,
    decode: Decode,
    cast = '',
  ) {
    super()
    this.cast = cast
    this.label = `${name}()`
    const nodes = pieces.filter((piece) => typeof piece !== 'string')
    this.depth = depthAround(nodes)
    this.shape = `${name}(${shapesOf(nodes)})`
    this.decode = decode
    this.#pieces = pieces
    this.#type = type
  }

  write(sink: Sink): void {
    this.writeCall(sink)
    sink.text(this.cast)
  }

  writeCall(sink: Sink): void {
    for (const piece of this.#pieces) {
      if (typeof piece === 'string') sink.text(piece)
      else piece.write(sink)
    }
  }

  override get type(): ColumnType {
    return this.#type
  }
}

/** Whether an expression belongs to a group of rows, such as `count()`. */
export function isAggregate(node: SqlNode): node is CallNode {
  return node instanceof CallNode
}

const countType = bigintTypes.number

/** The number of rows. With an expression: the number of rows in which it is not NULL. */
export function count(of?: Expression<unknown>): Operand<number> {
  if (of === undefined) return new CallNode('count', ['count(*)'], countType, toNumber)
  return call('count', of, 'count(', ')', countType, toNumber)
}

/** The number of different values, without NULL. */
export function countDistinct(of: Expression<unknown>): Operand<number> {
  return call('countDistinct', of, 'count(distinct ', ')', countType, toNumber)
}

/** The mean of numbers, also of `numeric()` and `bigint()` columns. `null` without rows. */
export function avg(of: Expression<number | string | bigint | null>): Operand<number | null> {
  return call('avg', of, 'avg(', ')', doubleType, toNumber, '::double precision')
}

/**
 * The sum; `null` without rows. The sum of numbers is a number (exact up to 2^53), that of a `numeric()` or
 * `bigint()` column a string, and that of a `bigint({ mode: 'bigint' })` column a bigint.
 */
export function sum<T extends number | string | bigint>(
  of: Expression<T | null>,
): Operand<T | null> {
  const type = typeOf(of)
  if (type === undefined) return call('sum', of, 'sum(', ')', doubleType, toNumber)
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
  return call('sum', of, 'sum(', ')', sumTypes[type.kind] ?? type, decode)
}

// What sums are compared with: they go beyond the column's own range.
const sumTypes: Readonly<Partial<Record<string, ColumnType>>> = {
  integer: bigintTypes.number,
  bigint: numericType(),
  double: doubleType,
}

/** The smallest value; `null` without rows. */
export function min<T>(of: Expression<T>): Operand<NonNullable<T> | null> {
  return call('min', of, 'min(', ')', typeOf(of) ?? doubleType, decodeAs(of))
}

/** The largest value; `null` without rows. */
export function max<T>(of: Expression<T>): Operand<NonNullable<T> | null> {
  return call('max', of, 'max(', ')', typeOf(of) ?? doubleType, decodeAs(of))
}

function decodeAs(of: Expression<unknown>): Decode {
  return (text, parse) => of.decode(text, parse)
}

function call<T>(
  name: string,
  of: Expression<unknown>,
  before: string,
  after: string,
  type: ColumnType,
  decode: Decode,
  cast?: string,
): Operand<T> {
  if (!isExpression(of)) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_QUERY',
      `${name}() expected a column such as post.likes, got ${describe(of)}`,
    )
  }
  return new CallNode(name, [before, of, after], type, decode, cast)
}
