import type { ColumnType } from '../schema/column-type.ts'
import type { Range } from './comparisons.ts'
import { OperandNode } from './operand.ts'
import { untypedText } from './template.ts'

/** An operand that compares by the type of its values; without one PostgreSQL finds out what a value is. */
export abstract class TypedOperand extends OperandNode {
  protected get expected(): string {
    return this.type?.expected ?? 'a value'
  }

  protected override get arrayCast(): string {
    return this.type?.arrayCast ?? super.arrayCast
  }

  protected override get itemCast(): string {
    return this.type?.itemCast ?? super.itemCast
  }

  protected encode(value: unknown): string {
    const { type } = this
    return type === undefined ? untypedText(value, this.label) : this.encodeAs(type, value)
  }

  protected override get hasRanges(): boolean {
    return this.type?.rangeOf !== undefined
  }

  protected override rangeOf(value: unknown): Range | undefined {
    return this.type?.rangeOf?.(value as never)
  }

  protected override refusePattern(method: string): void {
    const { type } = this
    if (type === undefined || type.isText) return
    throw this.error(method, `is for text; this is ${type.sql}`)
  }
}

/** The type of the values of an expression, if it is known. */
export function typeOf(expression: unknown): ColumnType | undefined {
  return expression instanceof OperandNode ? expression.type : undefined
}
