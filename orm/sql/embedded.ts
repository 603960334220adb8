import { DataBridgeError } from '../errors.ts'
import { ConditionNode } from './condition.ts'
import { type Expression, type Sink, type SqlNode } from './node.ts'
import { quote } from './identifier.ts'

/** What a query gives to another one that has it inside. */
export interface SubQuery {
  /** The SELECT, without parentheses. */
  readonly select: SqlNode
  /** The expressions that it selects; undefined: the rows of entities. */
  readonly values: readonly Expression<unknown>[] | undefined
  /** What messages call it. */
  readonly label: string
}

/** The method by which a query gives itself to another one. */
export const subQuery: unique symbol = Symbol('subQuery')

/** A query that may stand in another one. */
export interface Embeddable {
  [subQuery](): SubQuery
}

export function isEmbeddable(value: unknown): value is Embeddable {
  return typeof value === 'object' && value !== null && subQuery in value
}

/** Whether a query has a row. */
export class ExistsQuery extends ConditionNode {
  readonly depth: number
  readonly #select: SqlNode

  constructor({ select }: SubQuery) {
    super()
    this.#select = select
    this.depth = select.depth ?? 0
  }

  get shape(): string {
    return `exists(${this.#select.shape})`
  }

  write(sink: Sink): void {
    sink.text('exists (')
    this.#select.write(sink)
    sink.text(')')
  }
}

/** Equal to one of the values of a query, or to none: NULL is no value of it. */
export class InQuery extends ConditionNode {
  readonly depth: number
  readonly #of: SqlNode
  readonly #select: SqlNode
  readonly #isNegated: boolean

  constructor(of: SqlNode, { select }: SubQuery, isNegated: boolean) {
    super()
    this.#of = of
    this.#select = select
    this.#isNegated = isNegated
    this.depth = Math.max(of.depth ?? 0, select.depth ?? 0)
  }

  get shape(): string {
    return `${this.#of.shape}${this.#isNegated ? ' not in' : ' in'}(${this.#select.shape})`
  }

  write(sink: Sink): void {
    this.#of.write(sink)
    if (!this.#isNegated) {
      sink.text(' in (')
      this.#select.write(sink)
      return sink.text(')')
    }
    const value = quote('value')
    sink.text(` not in (select ${value} from (`)
    this.#select.write(sink)
    sink.text(`) as ${quote('values')} (${value}) where ${value} is not null)`)
  }
}

/** The expression of a query that selects one. */
export function onlyValue({ values, label }: SubQuery, where: string): Expression<unknown> {
  const [value, another] = values ?? []
  if (value !== undefined && another === undefined) return value
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected a query of one value, such as find(User).select((user) => ({ id: user.id })), got ${label} with ` +
      (values === undefined ? 'entities' : `${values.length} values`),
  )
}
