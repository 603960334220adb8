import type { ColumnType } from '../schema/column-type.ts'
import type { SubQuery } from './embedded.ts'
import type { Expression, Parse, Sink, SqlNode } from './node.ts'
import { OperandNode, typeOf } from './operand.ts'

/** The only value of a query; NULL without a row. */
export class ScalarQuery extends OperandNode {
  override readonly depth: number
  readonly label: string
  readonly #select: SqlNode
  readonly #value: Expression<unknown>

  constructor({ select, label }: SubQuery, value: Expression<unknown>) {
    super()
    this.label = label
    this.#select = select
    this.#value = value
    this.depth = select.depth ?? 0
  }

  get shape(): string {
    return `scalar(${this.#select.shape})`
  }

  get type(): ColumnType | undefined {
    return typeOf(this.#value)
  }

  write(sink: Sink): void {
    sink.text('(')
    this.#select.write(sink)
    sink.text(')')
  }

  decode(text: string | null, parse: Parse): unknown {
    return text === null ? null : this.#value.decode(text, parse)
  }
}
