import type { ColumnMetadata } from '../schema/metadata.ts'
import { arrayLiteral } from '../schema/types/array-text.ts'
import { arrayFormat, binaryArray } from '../schema/types/binary-array.ts'
import { boolFormat } from '../schema/types/binary-formats.ts'
import { textOfKept } from '../schema/values.ts'
import type { Row } from '../schema/wire-form.ts'
import type { Parameter } from './node.ts'
import type { Casts } from './table-facts.ts'

/**
 * An array with an item for each row: in binary where the cast is of a type whose format is known,
 * otherwise as text.
 */
export function arrayParameter(
  column: ColumnMetadata,
  { arrayCast, itemCast }: Casts,
  items: Row,
): Parameter {
  // With a cast of its own, an item travels as its text.
  const format = itemCast === '' ? arrayFormat(column.type.keep.binary, arrayCast) : undefined
  return format === undefined
    ? arrayLiteral(items.map((item) => textOfKept(column, item)))
    : binaryArray(format, items)
}

export const flagType: Casts = Object.freeze({ arrayCast: 'boolean[]', itemCast: '' })

/** An array of {@link flagType}. */
export function flagsParameter(flags: readonly boolean[]): Parameter {
  return binaryArray(boolFormat, flags)
}
