import type { ColumnType } from '../schema/column-type.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { decodeColumn, encodeColumn, requireValue } from '../schema/values.ts'
import type { Sink } from './node.ts'
import { OperandNode } from './operand.ts'
import type { Source } from './source.ts'

/** A column of a source. */
export class ColumnNode extends OperandNode {
  readonly source: Source
  readonly column: ColumnMetadata
  readonly shape: string

  constructor(source: Source, column: ColumnMetadata) {
    super()
    this.source = source
    this.column = column
    this.shape = `${source.shape}.${column.position}`
  }

  get label(): string {
    return `${this.source.table.entityName}.${this.column.property}`
  }

  get type(): ColumnType {
    return this.column.type
  }

  write(sink: Sink): void {
    sink.column(this.source, this.column.name)
  }

  decode(text: string | null): unknown {
    return decodeColumn(this.column, text)
  }

  override encode(value: unknown): string {
    return this.#encode(this.column, value)
  }

  override encodeAs(type: ColumnType, value: unknown): string {
    return this.#encode({ ...this.column, type, nullable: false }, value)
  }

  /** Messages do not show values of a hidden column. */
  #encode(column: ColumnMetadata, value: unknown): string {
    requireValue(this.source.table, column, value)
    return encodeColumn(column, value) as string
  }
}
