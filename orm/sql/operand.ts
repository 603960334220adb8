import { DataBridgeError, describe } from '../errors.ts'
import type { ColumnType } from '../schema/column-type.ts'
import {
  Between,
  Compare,
  IsNull,
  OneOf,
  type Operator,
  Param,
  type Range,
  Within,
  WithinOneOf,
} from './comparisons.ts'
import { InQuery, isEmbeddable, onlyValue, subQuery } from './embedded.ts'
import { and, not, or } from './logic.ts'
import {
  type Condition,
  type Expression,
  isExpression,
  isSqlNode,
  type Order,
  type Sink,
} from './node.ts'
import { Ordering } from './ordering.ts'
import { standsFor } from './stand-in.ts'

/** Something that can be compared and ordered: a column, `count()`, `post.comments.count()`. */
export abstract class OperandNode implements Expression<unknown> {
  // Columns are made once, so these are too.
  #ascending: Order | undefined
  #descending: Order | undefined
  abstract readonly shape: string
  readonly depth?: number
  /** The type of its values, if it is known. */
  get type(): ColumnType | undefined {
    return undefined
  }
  abstract write(sink: Sink): void
  abstract decode(text: string | null, parse: (text: string) => unknown): unknown
  /** What it is called in messages: `User.age`. */
  protected abstract readonly label: string
  /** PostgreSQL's text of a value that it is compared with. Refuses another type of value. */
  protected abstract encode(value: unknown): string
  /** What a value has to be, for messages. */
  protected abstract readonly expected: string

  /** Whether a value may stand for a range. */
  protected get hasRanges(): boolean {
    return false
  }

  /** What a value stands for that is less exact than the database's; undefined: itself. */
  protected rangeOf(_value: unknown): Range | undefined {
    return undefined
  }

  /** The cast of an array of its values. */
  protected get arrayCast(): string {
    return 'text[]'
  }

  /** The cast of an item of that array, where the values are arrays themselves. */
  protected get itemCast(): string {
    return ''
  }

  protected refusePattern(_method: string): void {}

  /** Of another JavaScript type it is a mistake of the program; what the type cannot hold comes from the data. */
  protected encodeAs(type: ColumnType, value: unknown): string {
    if (type.accepts(value)) return type.encode(value as never)
    const isTyped = type.isType(value)
    throw new DataBridgeError(
      isTyped ? 'DATA_BRIDGE_ERR_INVALID_VALUE' : 'DATA_BRIDGE_ERR_TYPE',
      `${this.label} expected ${isTyped ? type.expected : type.jsType}, got ${describe(value)}`,
    )
  }

  eq(value: unknown): Condition {
    if (value === null) return this.isNull()
    const range = this.#range('eq', value)
    return range === undefined ? this.#compare('eq', '=', value) : new Within(this, range)
  }

  ne(value: unknown): Condition {
    if (value === null) return this.isNotNull()
    const range = this.#range('ne', value)
    return range === undefined ? this.#compare('ne', '<>', value) : new Within(this, range, true)
  }

  gt(value: unknown): Condition {
    const range = this.#range('gt', value)
    return range === undefined ? this.#compare('gt', '>', value) : this.#beyond('>=', range[1])
  }

  gte(value: unknown): Condition {
    const range = this.#range('gte', value)
    return range === undefined ? this.#compare('gte', '>=', value) : this.#beyond('>=', range[0])
  }

  lt(value: unknown): Condition {
    const range = this.#range('lt', value)
    return range === undefined ? this.#compare('lt', '<', value) : this.#beyond('<', range[0])
  }

  lte(value: unknown): Condition {
    const range = this.#range('lte', value)
    return range === undefined ? this.#compare('lte', '<=', value) : this.#beyond('<', range[1])
  }

  in(values: unknown): Condition {
    return this.#oneOf('in', values)
  }

  notIn(values: unknown): Condition {
    return this.#oneOf('notIn', values)
  }

  between(low: unknown, high: unknown): Condition {
    const texts = [this.#text('between', low), this.#text('between', high)] as const
    if (this.rangeOf(low) === undefined && this.rangeOf(high) === undefined)
      return new Between(this, ...texts)
    return and(this.gte(low), this.lte(high))
  }

  like(pattern: unknown): Condition {
    this.refusePattern('like')
    return this.#compare('like', 'like', pattern)
  }

  ilike(pattern: unknown): Condition {
    this.refusePattern('ilike')
    return this.#compare('ilike', 'ilike', pattern)
  }

  isNull(): Condition {
    return new IsNull(this, false)
  }

  isNotNull(): Condition {
    return new IsNull(this, true)
  }

  asc(): Order {
    return (this.#ascending ??= new Ordering(this, 'asc'))
  }

  desc(): Order {
    return (this.#descending ??= new Ordering(this, 'desc'))
  }

  protected error(method: string, message: string): DataBridgeError {
    return new DataBridgeError('DATA_BRIDGE_ERR_FILTER', `${this.label}.${method}() ${message}`)
  }

  #range(method: string, value: unknown): Range | undefined {
    if (!this.hasRanges || isSqlNode(value)) return undefined
    this.#text(method, value)
    return this.rangeOf(value)
  }

  #beyond(operator: '>=' | '<', bound: string): Condition {
    return new Compare(this, operator, new Param(bound))
  }

  #compare(method: string, operator: Operator, value: unknown): Condition {
    if (!isSqlNode(value)) return new Compare(this, operator, new Param(this.#text(method, value)))
    if (isExpression(value)) return new Compare(this, operator, value)
    throw this.error(
      method,
      'expected a value or a column, got a condition, an order or a relation',
    )
  }

  #oneOf(method: 'in' | 'notIn', values: unknown): Condition {
    if (isEmbeddable(values)) {
      const query = values[subQuery]()
      onlyValue(query, `${this.label}.${method}()`)
      return new InQuery(this, query, method === 'notIn')
    }
    if (!Array.isArray(values))
      throw this.error(method, `expected an array or a query of one value, got ${describe(values)}`)
    const texts: string[] = []
    const ranges = new Map<number, Range>()
    for (const value of values) {
      const text = this.#text(method, value)
      const range = this.rangeOf(value)
      if (range === undefined) texts.push(text)
      else ranges.set(Number(value), range)
    }
    if (ranges.size === 0) return new OneOf(this, texts, method === 'notIn', this.itemCast)
    const inOrder = [...ranges].toSorted(([one], [other]) => one - other).map(([, range]) => range)
    const inRanges = new WithinOneOf(this, inOrder, this.arrayCast)
    const found = texts.length === 0 ? inRanges : or(inRanges, new OneOf(this, texts, false))
    return method === 'in' ? found : not(found)
  }

  #text(method: string, value: unknown): string {
    if (value === undefined || value === null)
      throw this.error(method, `expected ${this.expected}, got ${describe(value)}`)
    const other = standsFor(value)
    if (other !== undefined) throw this.error(method, `expected a value or a column, got ${other}`)
    return this.encode(value)
  }
}
