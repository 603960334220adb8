import type { ColumnType } from '../schema/column-type.ts'
import type { ColumnMetadata } from '../schema/metadata.ts'
import { decodeColumn, encodeColumn, requireValue } from '../schema/values.ts'
import type { Range } from './comparisons.ts'
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

  write(sink: Sink): void {
    sink.column(this.source, this.column.name)
  }

  decode(text: string | null): unknown {
    return decodeColumn(this.column, text)
  }

  override get type(): ColumnType {
    return this.column.type
  }

  protected get label(): string {
    return `${this.source.table.entityName}.${this.column.property}`
  }

  protected get expected(): string {
    return this.column.type.expected
  }

  protected override get arrayCast(): string {
    return this.column.type.arrayCast
  }

  protected override get itemCast(): string {
    return this.column.type.itemCast
  }

  protected encode(value: unknown): string {
    requireValue(this.source.table, this.column, value)
    return encodeColumn(this.column, value) as string
  }

  protected override get hasRanges(): boolean {
    return this.column.type.rangeOf !== undefined
  }

  protected override rangeOf(value: unknown): Range | undefined {
    return this.column.type.rangeOf?.(value as never)
  }

  protected override refusePattern(method: string): void {
    const { type } = this.column
    if (type.isText) return
    throw this.error(method, `is for text columns; this one is ${type.sql}`)
  }
}
