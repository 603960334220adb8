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
import { asValue } from './condition.ts'
import { InQuery, isEmbeddable, onlyValue, subQuery } from './embedded.ts'
import { and, not, or } from './logic.ts'
import {
  type Condition,
  type Expression,
  isExpression,
  isSqlNode,
  type Order,
  type Parse,
  type Sink,
  type SqlNode,
} from './node.ts'
import { Ordering } from './ordering.ts'
import { enclosed } from './pieces.ts'
import { standsFor } from './stand-in.ts'
import { untypedText } from './template-values.ts'

/** Something that can be compared and ordered. */
export abstract class ComparableNode implements Expression<unknown> {
  // Columns are made once, so these are too.
  #ascending: Order | undefined
  #descending: Order | undefined
  abstract readonly shape: string
  readonly depth?: number
  readonly isRaw?: boolean
  abstract write(sink: Sink): void
  abstract decode(text: string | null, parse: Parse): unknown
  /** What it is called in messages: `User.age`. */
  abstract readonly label: string
  /** The type of its values; undefined: only PostgreSQL knows. */
  abstract readonly type: ColumnType | undefined

  /** PostgreSQL's text of a value that it is compared with. Refuses another type of value. */
  encode(value: unknown): string {
    const { type } = this
    return type === undefined ? untypedText(value) : this.encodeAs(type, value)
  }

  /** Of another JavaScript type it is a mistake of the program; what the type cannot hold comes from the data. */
  encodeAs(type: ColumnType, value: unknown): string {
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
    return range === undefined ? this.compare('eq', '=', value) : new Within(this, range)
  }

  ne(value: unknown): Condition {
    if (value === null) return this.isNotNull()
    const range = this.#range('ne', value)
    return range === undefined ? this.compare('ne', '<>', value) : new Within(this, range, true)
  }

  gt(value: unknown): Condition {
    const range = this.#range('gt', value)
    return range === undefined ? this.compare('gt', '>', value) : this.#beyond('>=', range[1])
  }

  gte(value: unknown): Condition {
    const range = this.#range('gte', value)
    return range === undefined ? this.compare('gte', '>=', value) : this.#beyond('>=', range[0])
  }

  lt(value: unknown): Condition {
    const range = this.#range('lt', value)
    return range === undefined ? this.compare('lt', '<', value) : this.#beyond('<', range[0])
  }

  lte(value: unknown): Condition {
    const range = this.#range('lte', value)
    return range === undefined ? this.compare('lte', '<=', value) : this.#beyond('<', range[1])
  }

  in(values: unknown): Condition {
    return this.#oneOf('in', values)
  }

  notIn(values: unknown): Condition {
    return this.#oneOf('notIn', values)
  }

  between(low: unknown, high: unknown): Condition {
    const hasRange = [low, high].some((bound) => this.#range('between', bound) !== undefined)
    if (hasRange) return and(this.gte(low), this.lte(high))
    const [from, to] = [this.#other('between', low), this.#other('between', high)]
    return new Between(enclosed(this), from, to)
  }

  isNull(): Condition {
    return new IsNull(enclosed(this), false)
  }

  isNotNull(): Condition {
    return new IsNull(enclosed(this), true)
  }

  asc(): Order {
    return (this.#ascending ??= new Ordering(this, 'asc'))
  }

  desc(): Order {
    return (this.#descending ??= new Ordering(this, 'desc'))
  }

  error(method: string, message: string): DataBridgeError {
    return new DataBridgeError('DATA_BRIDGE_ERR_FILTER', `${this.label}.${method}() ${message}`)
  }

  protected compare(method: string, operator: Operator, value: unknown): Condition {
    return new Compare(enclosed(this), operator, this.#other(method, value))
  }

  /** What a value stands for that is less exact than the database's; undefined: itself. */
  #range(method: string, value: unknown): Range | undefined {
    if (this.type?.rangeOf === undefined || isSqlNode(value)) return undefined
    this.#text(method, value)
    return this.type.rangeOf(value as never)
  }

  #beyond(operator: '>=' | '<', bound: string): Condition {
    return new Compare(this, operator, new Param(bound))
  }

  /** What it is compared with: a value, or another expression. */
  #other(method: string, value: unknown): SqlNode {
    if (!isSqlNode(value)) return new Param(this.#text(method, value))
    if (isExpression(value)) return asValue(value)
    throw this.error(method, 'expected a value or a column, got an order or a relation')
  }

  #oneOf(method: 'in' | 'notIn', values: unknown): Condition {
    if (isEmbeddable(values)) {
      const query = values[subQuery]()
      onlyValue(query, `${this.label}.${method}()`)
      return new InQuery(enclosed(this), query, method === 'notIn')
    }
    if (!Array.isArray(values))
      throw this.error(method, `expected an array or a query of one value, got ${describe(values)}`)
    const { type } = this
    const texts: string[] = []
    const ranges = new Map<number, Range>()
    for (const value of values) {
      const text = this.#text(method, value)
      const range = type?.rangeOf?.(value as never)
      if (range === undefined) texts.push(text)
      else ranges.set(Number(value), range)
    }
    if (ranges.size === 0)
      return new OneOf(enclosed(this), texts, method === 'notIn', type?.itemCast)
    const inOrder = [...ranges].toSorted(([one], [other]) => one - other).map(([, range]) => range)
    const inRanges = new WithinOneOf(this, inOrder, type?.arrayCast ?? '')
    const found = texts.length === 0 ? inRanges : or(inRanges, new OneOf(this, texts, false))
    return method === 'in' ? found : not(found)
  }

  #text(method: string, value: unknown): string {
    this.requireValue(method, value)
    return this.encode(value)
  }

  /** Refuses what is never a value. */
  requireValue(method: string, value: unknown): void {
    if (value === undefined || value === null) {
      const expected = this.type?.expected ?? 'a value'
      throw this.error(method, `expected ${expected}, got ${describe(value)}`)
    }
    const other = standsFor(value)
    if (other !== undefined) throw this.error(method, `expected a value or a column, got ${other}`)
  }
}
