import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnType } from '../schema/column-type.ts'
import { bigintTypes, integerType } from '../schema/types/integers.ts'
import { doubleType } from '../schema/types/numbers.ts'
import { refuseUnknown } from '../util/option-checks.ts'
import { type Aggregate, isAggregate } from './calls.ts'
import { asValue } from './condition.ts'
import { Param } from './comparisons.ts'
import {
  depthAround,
  type Expression,
  isExpression,
  type Order,
  type Parse,
  shapesOf,
  type Sink,
  type SqlNode,
  writeList,
} from './node.ts'
import { OperandNode, typeOf } from './operand.ts'
import { isOrder } from './ordering.ts'
import type { Operand } from './ref-types.ts'

/** The rows that a window function sees beside each row. */
export interface Window {
  /** Only rows with equal values of these. By default all rows. */
  readonly partitionBy?: Expression<unknown> | readonly Expression<unknown>[]
  /** The order of the rows. With it an aggregate counts from the first row up to those equal to the current one. */
  readonly orderBy?: Order | readonly Order[]
}

/** A function that needs a window: see {@link over}. */
export class WindowFunction<out T> {
  /** For the type checker only. */
  declare readonly _result?: T
  /** @internal */
  readonly node: SqlNode
  /** @internal */
  readonly type: ColumnType | undefined
  /** @internal */
  readonly decode: (text: string | null, parse: Parse) => unknown

  /** @internal Made by the functions below. */
  constructor(
    name: string,
    parts: readonly SqlNode[],
    type: ColumnType | undefined,
    decode: (text: string | null, parse: Parse) => unknown,
  ) {
    this.node = {
      shape: `${name}(${shapesOf(parts)})`,
      depth: depthAround(parts),
      write(sink: Sink) {
        sink.text(`${name}(`)
        writeList(sink, parts, ', ')
        sink.text(')')
      },
    }
    this.type = type
    this.decode = decode
  }
}

const toNumber = (text: string | null): unknown => (text === null ? null : Number(text))

function numbering(name: string, type: ColumnType = bigintTypes.number): WindowFunction<number> {
  return new WindowFunction<number>(name, [], type, toNumber)
}

/** The number of the row in its window, from 1 on. */
export function rowNumber(): WindowFunction<number> {
  return numbering('row_number')
}

/** The place of the row, from 1 on: equal rows have one place, and the next place is left out. */
export function rank(): WindowFunction<number> {
  return numbering('rank')
}

/** The place of the row, from 1 on: equal rows have one place, and no place is left out. */
export function denseRank(): WindowFunction<number> {
  return numbering('dense_rank')
}

/** The part of the other rows that come before the row, from 0 to 1. */
export function percentRank(): WindowFunction<number> {
  return numbering('percent_rank', doubleType)
}

/** The part of the rows that do not come behind the row: above 0, up to 1. */
export function cumeDist(): WindowFunction<number> {
  return numbering('cume_dist', doubleType)
}

/** The number of the row's group, from 1 on, where the window is cut into groups of one size. */
export function ntile(groups: number): WindowFunction<number> {
  return new WindowFunction<number>('ntile', [count('ntile()', groups, 1)], integerType, toNumber)
}

/** The value of the row that comes `rows` before; `null` if there is none. */
export function lag<T>(of: Expression<T>, rows: number = 1): WindowFunction<T | null> {
  return shifted('lag', of, rows)
}

/** The value of the row that comes `rows` behind; `null` if there is none. */
export function lead<T>(of: Expression<T>, rows: number = 1): WindowFunction<T | null> {
  return shifted('lead', of, rows)
}

/** The value of the first row of the window. */
export function firstValue<T>(of: Expression<T>): WindowFunction<T> {
  return valueOf('first_value', of, [])
}

/** The value of the last row that the window has up to the current one. */
export function lastValue<T>(of: Expression<T>): WindowFunction<T> {
  return valueOf('last_value', of, [])
}

function shifted<T>(
  name: 'lag' | 'lead',
  of: Expression<T>,
  rows: number,
): WindowFunction<T | null> {
  return valueOf<T | null>(name, of, [count(`${name}()`, rows, 0)])
}

function valueOf<T>(name: string, of: Expression<T>, more: readonly SqlNode[]): WindowFunction<T> {
  if (!isExpression(of))
    throw queryError(`${name}() expected a column such as post.likes, got ${describe(of)}`)
  const decode = (text: string | null, parse: Parse): unknown => of.decode(text, parse)
  return new WindowFunction<T>(name, [of, ...more], typeOf(of), decode)
}

function count(where: string, value: number, least: number): SqlNode {
  if (!Number.isSafeInteger(value) || value < least || value > 2_147_483_647)
    throw queryError(`${where} expected an integer from ${least}, got ${describe(value)}`)
  const parameter = new Param(String(value))
  return {
    shape: `${parameter.shape}::integer`,
    write(sink) {
      parameter.write(sink)
      sink.text('::integer')
    },
  }
}

/**
 * The value of a window function or an aggregate over the rows beside each row. `select` keeps every row; filter behind
 * it.
 *
 * @example
 * ```ts
 * import { over, rowNumber, type Session, sum } from 'fastify-data-bridge/orm'
 * import { Post } from './entities.ts'
 *
 * export function newestOfEachAuthor(session: Session) {
 *   return session.find(Post)
 *     .select((post) => ({
 *       id: post.id,
 *       authorId: post.authorId,
 *       number: over(rowNumber(), { partitionBy: post.authorId, orderBy: post.id.desc() }),
 *       likesOfAuthor: over(sum(post.likes), { partitionBy: post.authorId }),
 *     }))
 *     .filter((row) => row.number.eq(1))
 *     .toList()
 * }
 * ```
 */
export function over<T>(of: WindowFunction<T> | Aggregate<T>, window: Window = {}): Operand<T> {
  if (typeof window !== 'object' || window === null)
    throw queryError(
      `over() expected a window such as { partitionBy, orderBy }, got ${describe(window)}`,
    )
  refuseUnknown(window, ['partitionBy', 'orderBy'], 'over()')
  const { partitionBy = [], orderBy = [] } = window
  const partitions = listOf(partitionBy, isExpression, 'columns in partitionBy')
  const orders = listOf(orderBy, isOrder, 'orders such as post.id.asc() in orderBy')
  return new Over(called(of), partitions.map(asValue), orders)
}

function listOf<T>(given: unknown, isOne: (value: unknown) => value is T, expected: string): T[] {
  const values: readonly unknown[] = [given].flat()
  if (values.every(isOne)) return values as T[]
  const other = values.find((value) => !isOne(value))
  throw queryError(`over() expected ${expected}, got ${describe(other)}`)
}

interface Called {
  readonly node: SqlNode
  readonly type: ColumnType | undefined
  /** What stands behind the window. */
  readonly cast?: string
  decode(text: string | null, parse: Parse): unknown
}

function called(of: unknown): Called {
  if (of instanceof WindowFunction) return of
  if (isExpression(of) && isAggregate(of)) {
    const { shape, depth, type, cast } = of
    const node = { shape, depth, write: (sink: Sink) => of.writeCall(sink) }
    return { node, type, cast, decode: (text, parse) => of.decode(text, parse) }
  }
  throw queryError(
    `over() expected a window function or an aggregate, such as rowNumber() or sum(post.likes), got ${isExpression(of) ? 'a column or another value' : describe(of)}`,
  )
}

class Over extends OperandNode {
  readonly shape: string
  override readonly depth: number
  readonly label = 'over()'
  readonly #of: Called
  readonly #partitions: readonly Expression<unknown>[]
  readonly #orders: readonly Order[]

  constructor(of: Called, partitions: readonly Expression<unknown>[], orders: readonly Order[]) {
    super()
    this.#of = of
    this.#partitions = partitions
    this.#orders = orders
    this.depth = depthAround([of.node, ...partitions, ...orders])
    this.shape = `${of.node.shape}over(${shapesOf(partitions)}|${shapesOf(orders)})`
  }

  get type(): ColumnType | undefined {
    return this.#of.type
  }

  decode(text: string | null, parse: Parse): unknown {
    return this.#of.decode(text, parse)
  }

  write(sink: Sink): void {
    this.#of.node.write(sink)
    sink.text(' over (')
    if (this.#partitions.length > 0) {
      sink.text('partition by ')
      writeList(sink, this.#partitions, ', ')
    }
    if (this.#orders.length > 0) {
      sink.text(this.#partitions.length > 0 ? ' order by ' : 'order by ')
      writeList(sink, this.#orders, ', ')
    }
    sink.text(`)${this.#of.cast ?? ''}`)
  }
}

/** Whether it is {@link over}. */
export function isWindow(node: SqlNode): boolean {
  return node instanceof Over
}

/** Whether it has a window function in it, perhaps in your own SQL. Texts that only look like one count too. */
export function mayHaveWindow({ shape }: SqlNode): boolean {
  // Shapes have texts as JSON, where a new line is `\n`.
  return /\bover(\s|\\[nrt])*\(/i.test(shape)
}

function queryError(message: string): DataBridgeError {
  return new DataBridgeError('DATA_BRIDGE_ERR_QUERY', message)
}
