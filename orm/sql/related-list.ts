import { DataBridgeError, describe } from '../errors.ts'
import { readArray } from '../schema/types/array-text.ts'
import { optionError, refuseUnknown } from '../util/option-checks.ts'
import { isAggregate } from './calls.ts'
import { asValue } from './condition.ts'
import {
  depthOfQuery,
  type Expression,
  isExpression,
  type Order,
  type Parse,
  shapesOf,
  type Sink,
  writeEnclosed,
  writeList,
} from './node.ts'
import { OperandNode } from './operand.ts'
import { type Related, shapeOf, writeRows } from './sub-queries.ts'
import { Template } from './template.ts'

interface Callbacks {
  readonly filter?: ((row: never) => never) | undefined
  readonly orderBy?: unknown
}

/** The options of `list()`. */
export function listOptions(options: unknown, where: string): Callbacks {
  if (options === undefined) return {}
  if (typeof options !== 'object' || options === null) {
    throw optionError(
      `${where} expected options such as { orderBy: (row) => row.id.desc() }, got ${describe(options)}`,
    )
  }
  refuseUnknown(options, ['filter', 'orderBy'], where)
  return options
}

/** A value of each row that a relation leads to, as an array. */
export class RelatedList implements Expression<unknown[]> {
  readonly shape: string
  readonly depth: number
  readonly #related: Related
  readonly #value: Expression<unknown>
  readonly #orders: readonly Order[]

  /** @param orders if there are none, the order of the key */
  constructor(related: Related, value: unknown, orders: readonly Order[], where: string) {
    this.#related = related
    this.#value = asValue(requireValue(value, where))
    this.#orders = orders
    this.shape = `list${shapeOf(related)}[${shapesOf([this.#value, ...orders])}]`
    this.depth = depthOfQuery(related.where, this.#value, ...orders)
  }

  write(sink: Sink): void {
    sink.text('array(')
    const writeValue = (): void => {
      writeEnclosed(sink, this.#value)
      // Arrays in an array would be one with more dimensions, which are all of one length.
      if (isArray(this.#value)) sink.text('::text')
    }
    writeRows(sink, this.#related, writeValue, () => this.#writeOrder(sink))
    sink.text(')')
  }

  decode(text: string | null, parse: Parse): unknown {
    if (text === null) return null
    const value = this.#value
    // The type of your own SQL is known to the driver alone.
    if (value instanceof Template) return parse(text)
    return readArray(text).map((item) => value.decode(item as string | null, parse))
  }

  #writeOrder(sink: Sink): void {
    sink.text(' order by ')
    if (this.#orders.length > 0) return writeList(sink, this.#orders, ', ')
    const { source } = this.#related
    source.table.primaryKey.forEach(({ name }, index) => {
      if (index > 0) sink.text(', ')
      sink.column(source, name)
    })
  }
}

function isArray(value: Expression<unknown>): boolean {
  if (value instanceof RelatedList) return true
  return value instanceof OperandNode && value.type !== undefined && value.type.itemCast !== ''
}

function requireValue(value: unknown, where: string): Expression<unknown> {
  if (isExpression(value) && !isAggregate(value)) return value
  const got = isExpression(value) ? 'an aggregate' : describe(value)
  throw new DataBridgeError(
    'DATA_BRIDGE_ERR_QUERY',
    `${where} expected a value of each row such as (row) => row.id, got ${got}`,
  )
}
