import { isUint8Array } from 'node:util/types'
import type { ColumnType } from '../column-type.ts'
import { scalar } from './scalar.ts'
import { UnreadableError } from './unreadable.ts'

function hexOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
}

function decodeBytes(text: string): Buffer {
  if (text.startsWith('\\x')) {
    const bytes = Buffer.from(text.slice(2), 'hex')
    // `Buffer.from` stops at the first character that is no hexadecimal digit.
    if (bytes.length * 2 === text.length - 2) return bytes
  }
  throw new UnreadableError(
    'does not hold bytes in hexadecimal digits: if it is a bytea in the database, set bytea_output to hex; otherwise declare its type',
  )
}

/** `bytea`: a `Uint8Array`. What is read is a `Buffer`, which is one. */
export const byteaType: ColumnType = scalar({
  cast: 'bytea',
  kind: 'bytea',
  jsType: 'a Uint8Array',
  expected: 'a Uint8Array such as a Buffer',
  isComparable: true,
  hasExactText: true,
  isType: isUint8Array,
  accepts: isUint8Array,
  encode: (value: Uint8Array) => `\\x${hexOf(value)}`,
  decode: decodeBytes,
  // The length tells most changes without writing all the digits.
  isSame: (value, text) =>
    isUint8Array(value) && text.length === 2 + 2 * value.length && text === `\\x${hexOf(value)}`,
})
