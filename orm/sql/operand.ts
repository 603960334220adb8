import type { ColumnType } from '../schema/column-type.ts'
import { integerType } from '../schema/types/integers.ts'
import { jsonbType } from '../schema/types/json.ts'
import { textType } from '../schema/types/texts.ts'
import { compareItems, hasItem, lengthOf } from './array-operators.ts'
import { ComparableNode } from './comparable.ts'
import { compareDocuments, hasKey, hasKeys, itemAt, matchesPath } from './json-operators.ts'
import type { Condition, Sink, SqlNode } from './node.ts'
import { likeText, requireText } from './text-operators.ts'

/** Something with all operators: a column, `count()`, `post.comments.count()`. Its type says which of them work. */
export abstract class OperandNode extends ComparableNode {
  // --- texts

  like(pattern: unknown): Condition {
    requireText(this, 'like')
    return this.compare('like', 'like', pattern)
  }

  ilike(pattern: unknown): Condition {
    requireText(this, 'ilike')
    return this.compare('ilike', 'ilike', pattern)
  }

  startsWith(text: unknown, options?: unknown): Condition {
    return likeText(this, 'startsWith', text, options, (escaped) => `${escaped}%`)
  }

  endsWith(text: unknown, options?: unknown): Condition {
    return likeText(this, 'endsWith', text, options, (escaped) => `%${escaped}`)
  }

  includes(text: unknown, options?: unknown): Condition {
    return likeText(this, 'includes', text, options, (escaped) => `%${escaped}%`)
  }

  // --- arrays and JSON

  contains(value: unknown): Condition {
    return this.#contain('contains', '@>', value)
  }

  containedBy(value: unknown): Condition {
    return this.#contain('containedBy', '<@', value)
  }

  overlaps(values: unknown): Condition {
    return compareItems(this, 'overlaps', '&&', values)
  }

  has(value: unknown): Condition {
    return hasItem(this, 'has', value)
  }

  length(): OperandNode {
    return new Calculated(this, 'length', lengthOf(this, 'length'), integerType)
  }

  hasKey(key: unknown): Condition {
    return hasKey(this, 'hasKey', key)
  }

  hasAnyKey(keys: unknown): Condition {
    return hasKeys(this, 'hasAnyKey', '?|', keys)
  }

  hasAllKeys(keys: unknown): Condition {
    return hasKeys(this, 'hasAllKeys', '?&', keys)
  }

  at(...path: readonly unknown[]): OperandNode {
    return new Calculated(this, 'at', itemAt(this, 'at', '#>', path), jsonbType)
  }

  textAt(...path: readonly unknown[]): OperandNode {
    return new Calculated(this, 'textAt', itemAt(this, 'textAt', '#>>', path), textType)
  }

  matchesPath(path: unknown, variables?: unknown): Condition {
    return matchesPath(this, 'matchesPath', path, variables)
  }

  #contain(method: string, operator: '@>' | '<@', value: unknown): Condition {
    const { type } = this
    if (type?.isText === true)
      throw this.error(method, 'is for arrays and JSON; texts have includes() and startsWith()')
    return type?.items === undefined
      ? compareDocuments(this, method, operator, value)
      : compareItems(this, method, operator, value)
  }
}

/** What PostgreSQL calculates from an operand. */
class Calculated extends OperandNode {
  readonly label: string
  readonly type: ColumnType
  readonly shape: string
  override readonly depth: number
  readonly #of: OperandNode
  readonly #node: SqlNode

  constructor(of: OperandNode, method: string, node: SqlNode, type: ColumnType) {
    super()
    this.label = `${of.label}.${method}()`
    this.type = type
    this.shape = node.shape
    this.depth = node.depth ?? 0
    this.#of = of
    this.#node = node
  }

  write(sink: Sink): void {
    this.#node.write(sink)
  }

  decode(text: string | null): unknown {
    return text === null ? null : this.type.decode(text)
  }

  /** A column may be hidden: its messages do not show values. */
  override encodeAs(type: ColumnType, value: unknown): string {
    return this.#of.encodeAs(type, value)
  }
}

/** The type of the values of an expression, if it is known. */
export function typeOf(expression: unknown): ColumnType | undefined {
  return expression instanceof OperandNode ? expression.type : undefined
}
