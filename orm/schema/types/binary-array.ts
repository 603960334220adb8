import type { BinaryFormat, Primitive } from '../wire-form.ts'
import { writeInt32 } from './bytes-of-integers.ts'
import { textFormats } from './binary-formats.ts'

const arrayOids: Readonly<Partial<Record<string, number>>> = {
  'smallint[]': 1005,
  'integer[]': 1007,
  'bigint[]': 1016,
  'double precision[]': 1022,
  'boolean[]': 1000,
  'xid[]': 1011,
  'text[]': 1009,
  'varchar[]': 1015,
  'character varying[]': 1015,
  'bpchar[]': 1014,
  'timestamp with time zone[]': 1185,
  'timestamp without time zone[]': 1115,
}

const textual: readonly BinaryFormat[] = Object.values(textFormats)

/**
 * The format of the items of an array with this cast. PostgreSQL refuses an array whose items have
 * another type id, so the cast has to be that of the format, or both have to be texts.
 *
 * @param format the format of the column's declared type
 * @param arrayCast the type of the array in the statement: `integer[]`
 */
export function arrayFormat(
  format: BinaryFormat | undefined,
  arrayCast: string,
): BinaryFormat | undefined {
  const oid = arrayOids[arrayCast]
  if (format === undefined || oid === undefined) return undefined
  if (format.arrayOid === oid) return format
  return textual.includes(format) ? textual.find(({ arrayOid }) => arrayOid === oid) : undefined
}

const headerSize = 20
const lengthSize = 4

/** An array of one dimension in PostgreSQL's binary format. */
export function binaryArray(format: BinaryFormat, items: readonly Primitive[]): Buffer {
  let size = headerSize + lengthSize * items.length
  let hasNull = 0
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index] as Primitive
    if (item === null) hasNull = 1
    else size += format.sizeOf(item)
  }
  const bytes = Buffer.allocUnsafe(items.length === 0 ? headerSize - 8 : size)
  // No items are no dimension, which would be followed by its length and its lower bound.
  let at = writeInt32(items.length === 0 ? 0 : 1, bytes, 0)
  at = writeInt32(hasNull, bytes, at)
  at = writeInt32(format.oid, bytes, at)
  if (items.length === 0) return bytes
  at = writeInt32(items.length, bytes, at)
  at = writeInt32(1, bytes, at)
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index] as Primitive
    if (item === null) {
      at = writeInt32(-1, bytes, at)
      continue
    }
    const end = format.write(item, bytes, at + lengthSize)
    writeInt32(end - at - lengthSize, bytes, at)
    at = end
  }
  return bytes
}
