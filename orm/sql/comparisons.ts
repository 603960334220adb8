import { arrayLiteral } from '../schema/types/array-text.ts'
import { ConditionNode } from './condition.ts'
import { type Parameter, shapesOf, type Sink, type SqlNode, writeEnclosed } from './node.ts'

type Comparison = '=' | '<>' | '>' | '>=' | '<' | '<=' | 'like' | 'ilike'
/** Of arrays and JSON. */
export type Containment = '@>' | '<@'
export type Operator = Comparison | Containment | '&&' | '?' | '?|' | '?&' | '@@'

/** A half-open interval, as texts: what a value stands for that is less exact than the database's. */
export type Range = readonly [from: string, to: string]

/** A value that is bound. */
export class Param implements SqlNode {
  readonly shape = '$'
  readonly value: Parameter

  constructor(value: Parameter) {
    this.value = value
  }

  write(sink: Sink): void {
    sink.parameter(this.value)
  }
}

const greatestDepth = (...nodes: readonly SqlNode[]): number =>
  Math.max(...nodes.map(({ depth = 0 }) => depth))

/** One condition, without others joined to it. */
abstract class Simple extends ConditionNode {
  readonly depth: number
  readonly shape: string

  constructor(shape: string, depth = 0) {
    super()
    this.shape = shape
    this.depth = depth
  }
}

/** `left = right`. */
export class Compare extends Simple {
  readonly left: SqlNode
  readonly operator: Operator
  readonly right: SqlNode
  readonly isRaw: boolean

  constructor(left: SqlNode, operator: Operator, right: SqlNode) {
    super(
      `${left.shape}${operator}${right.shape === '$' ? '$' : `(${right.shape})`}`,
      greatestDepth(left, right),
    )
    this.left = left
    this.operator = operator
    this.right = right
    // Not in parentheses by itself: `id = any(…)` has none.
    this.isRaw = right.isRaw === true
  }

  write(sink: Sink): void {
    this.left.write(sink)
    sink.text(` ${this.operator} `)
    this.right.write(sink)
  }
}

/** Two bounds: `of >= from and of < to`, or without the first and the second. */
export class Within extends Simple {
  readonly of: SqlNode
  readonly range: Range
  readonly isOutside: boolean

  constructor(of: SqlNode, range: Range, isOutside = false) {
    super(`${of.shape}${isOutside ? 'outside' : 'within'}`, of.depth)
    this.of = of
    this.range = range
    this.isOutside = isOutside
  }

  write(sink: Sink): void {
    const [from, to] = this.range
    sink.text('(')
    this.of.write(sink)
    sink.text(this.isOutside ? ' < ' : ' >= ')
    sink.parameter(from)
    sink.text(this.isOutside ? ' or ' : ' and ')
    this.of.write(sink)
    sink.text(this.isOutside ? ' >= ' : ' < ')
    sink.parameter(to)
    sink.text(')')
  }
}

/** `of between low and high`, both included. */
export class Between extends Simple {
  readonly of: SqlNode
  readonly low: SqlNode
  readonly high: SqlNode

  constructor(of: SqlNode, low: SqlNode, high: SqlNode) {
    super(`${of.shape}between(${shapesOf([low, high])})`, greatestDepth(of, low, high))
    this.of = of
    this.low = low
    this.high = high
  }

  write(sink: Sink): void {
    this.of.write(sink)
    sink.text(' between ')
    writeEnclosed(sink, this.low)
    sink.text(' and ')
    writeEnclosed(sink, this.high)
  }
}

/** `of is null`. */
export class IsNull extends Simple {
  readonly of: SqlNode
  readonly isNegated: boolean

  constructor(of: SqlNode, isNegated: boolean) {
    super(`${of.shape}${isNegated ? 'notnull' : 'null'}`, of.depth)
    this.of = of
    this.isNegated = isNegated
  }

  write(sink: Sink): void {
    this.of.write(sink)
    sink.text(this.isNegated ? ' is not null' : ' is null')
  }
}

/** One of the values, which are one parameter: the text does not depend on how many there are. */
export class OneOf extends Simple {
  readonly of: SqlNode
  readonly texts: readonly string[]
  readonly isNegated: boolean
  readonly itemCast: string

  /** @param itemCast where the values are arrays: of two dimensions PostgreSQL would compare the innermost items */
  constructor(of: SqlNode, texts: readonly string[], isNegated: boolean, itemCast = '') {
    super(`${of.shape}${isNegated ? 'notIn' : 'in'}${itemCast}`, of.depth)
    this.of = of
    this.texts = texts
    this.isNegated = isNegated
    this.itemCast = itemCast
  }

  write(sink: Sink): void {
    const { itemCast } = this
    this.of.write(sink)
    sink.text(this.isNegated ? ' <> all(' : ' = any(')
    if (itemCast !== '') sink.text(`select item${itemCast} from unnest(`)
    sink.parameter(arrayLiteral(this.texts))
    sink.text(itemCast === '' ? ')' : '::text[]) as item)')
  }
}

/**
 * Within one of the ranges, which are in order and apart from each other. The bounds of all let an index
 * find the rows, and each row finds its range by halving. NULL stays NULL.
 */
export class WithinOneOf extends Simple {
  readonly of: SqlNode
  readonly ranges: readonly Range[]
  readonly arrayCast: string

  constructor(of: SqlNode, ranges: readonly Range[], arrayCast: string) {
    super(`${of.shape}within${arrayCast}`, of.depth)
    this.of = of
    this.ranges = ranges
    this.arrayCast = arrayCast
  }

  write(sink: Sink): void {
    const { of, ranges, arrayCast } = this
    sink.text('(')
    of.write(sink)
    sink.text(' >= ')
    sink.parameter(ranges[0]?.[0] ?? null)
    sink.text(' and ')
    of.write(sink)
    sink.text(' < ')
    sink.parameter(ranges.at(-1)?.[1] ?? null)
    sink.text(' and ')
    of.write(sink)
    sink.text(' < (')
    sink.parameter(arrayLiteral(ranges.map(([, to]) => to)))
    sink.text(`::${arrayCast})[width_bucket(`)
    of.write(sink)
    sink.text(', ')
    sink.parameter(arrayLiteral(ranges.map(([from]) => from)))
    sink.text(`::${arrayCast})])`)
  }
}
