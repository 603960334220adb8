import type { Kept } from '../keep.ts'
import type { BinaryFormat } from '../wire-form.ts'
import {
  readBig64,
  readInt32,
  readSafe64,
  writeBig64,
  writeInt32,
  writeSafe64,
} from './bytes-of-integers.ts'
import { readText } from './short-text.ts'

/** The formats of PostgreSQL's `_send` and `_recv` functions, with the type ids of its own catalogue. */

export const int2Format: BinaryFormat = Object.freeze({
  oid: 21,
  arrayOid: 1005,
  read: (bytes, at) => (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number),
  sizeOf: () => 2,
  write(value, bytes, at) {
    bytes[at] = (value as number) >>> 8
    bytes[at + 1] = value as number
    return at + 2
  },
} satisfies BinaryFormat)

export const int4Format: BinaryFormat = Object.freeze({
  oid: 23,
  arrayOid: 1007,
  read: readInt32,
  sizeOf: () => 4,
  write: (value, bytes, at) => writeInt32(value as number, bytes, at),
} satisfies BinaryFormat)

/** `xid`, the number of a transaction: 32 bits without a sign. */
export const xidFormat: BinaryFormat = Object.freeze({
  oid: 28,
  arrayOid: 1011,
  read: (bytes, at) => readInt32(bytes, at) >>> 0,
  sizeOf: () => 4,
  write: (value, bytes, at) => writeInt32(value as number, bytes, at),
} satisfies BinaryFormat)

// As text, a safe integer never has more.
const safeDigits = 15

/** `int8` as a number, a text or a bigint: the two functions say which. */
export function int8Format(
  ofSafe: (value: number) => Kept,
  ofLarge: (value: bigint) => Kept,
): BinaryFormat {
  return Object.freeze({
    oid: 20,
    arrayOid: 1016,
    read(bytes, at) {
      const value = readSafe64(bytes, at)
      return value === undefined ? ofLarge(readBig64(bytes, at)) : ofSafe(value)
    },
    sizeOf: () => 8,
    write(value, bytes, at) {
      if (typeof value === 'number') return writeSafe64(value, bytes, at)
      const isShort = typeof value === 'string' && value.length <= safeDigits
      return isShort ? writeSafe64(Number(value), bytes, at) : writeBig64(BigInt(value), bytes, at)
    },
  } satisfies BinaryFormat)
}

export const float8Format: BinaryFormat = Object.freeze({
  oid: 701,
  arrayOid: 1022,
  read: (bytes, at) => bytes.readDoubleBE(at),
  sizeOf: () => 8,
  write: (value, bytes, at) => bytes.writeDoubleBE(value as number, at),
} satisfies BinaryFormat)

export const boolFormat: BinaryFormat = Object.freeze({
  oid: 16,
  arrayOid: 1000,
  read: (bytes, at) => bytes[at] === 1,
  sizeOf: () => 1,
  write(value, bytes, at) {
    bytes[at] = value === true ? 1 : 0
    return at + 1
  },
} satisfies BinaryFormat)

const lastAscii = 127
// Beyond, the call into the runtime costs less than the loop.
const shortText = 48

/** How many characters at the start of a short text are ASCII. */
function asciiLength(text: string): number {
  let end = 0
  while (end < text.length && text.charCodeAt(end) <= lastAscii) end += 1
  return end
}

// The format of a text is the text itself.
function textFormat(oid: number, arrayOid: number): BinaryFormat {
  return Object.freeze({
    oid,
    arrayOid,
    read: readText,
    sizeOf(value) {
      const text = value as string
      const { length } = text
      return length <= shortText && asciiLength(text) === length ? length : Buffer.byteLength(text)
    },
    write(value, bytes, at) {
      const text = value as string
      const { length } = text
      if (length > shortText) return at + bytes.write(text, at)
      for (let index = 0; index < length; index += 1) {
        const code = text.charCodeAt(index)
        if (code > lastAscii) return at + bytes.write(text, at)
        bytes[at + index] = code
      }
      return at + length
    },
  } satisfies BinaryFormat)
}

export const textFormats: Readonly<Record<'text' | 'varchar' | 'bpchar', BinaryFormat>> =
  Object.freeze({
    text: textFormat(25, 1009),
    varchar: textFormat(1043, 1015),
    bpchar: textFormat(1042, 1014),
  })
