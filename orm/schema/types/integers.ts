import type { ColumnType } from '../column-type.ts'
import { keepString, keepValue } from '../keep.ts'
import type { BinaryFormat } from '../wire-form.ts'
import { int2Format, int4Format, int8Format } from './binary-formats.ts'
import { scalar } from './scalar.ts'
import { otherType, UnreadableError } from './unreadable.ts'

const [minus, zero, nine] = [45, 48, 57]

const isNumber = (value: unknown): boolean => typeof value === 'number'

/**
 * The number of digits with an optional minus; NaN of anything else, where `Number` would take `1.0`,
 * `0x1` and an empty text. It is also faster than `Number`, and every row has such texts.
 */
function parseInteger(text: string): number {
  const isNegative = text.charCodeAt(0) === minus
  const start = isNegative ? 1 : 0
  if (text.length === start) return Number.NaN
  let value = 0
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code < zero || code > nine) return Number.NaN
    value = value * 10 + code - zero
  }
  return isNegative ? -value : value
}

function safeInteger(text: string, what: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  throw new UnreadableError(
    `holds ${what} beyond the safe integers of JavaScript; use bigint() with the mode "string" or "bigint"`,
  )
}

// Adding zero turns -0 into 0, which is what PostgreSQL gives back.
const withoutSign = (value: number): number => value + 0
const encodeInteger = (value: number): string => String(value + 0)

function integerOf(
  cast: string,
  least: number,
  greatest: number,
  binary: BinaryFormat,
): ColumnType {
  const decode = (text: string): number => {
    const value = parseInteger(text)
    return value >= least && value <= greatest ? value + 0 : otherType(cast)
  }
  return scalar({
    cast,
    kind: 'integer',
    jsType: 'a number',
    expected: `an integer from ${least} to ${greatest}`,
    isComparable: true,
    hasExactText: true,
    isType: isNumber,
    accepts: (value) =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= greatest,
    encode: encodeInteger,
    decode,
    decodeSum: (text) => safeInteger(text, 'a sum'),
    isSame: (value, text) => value === Number(text),
    keep: keepValue<number>(
      'number',
      { encode: encodeInteger, decode },
      { fromValue: withoutSign, binary },
    ),
  })
}

export const smallintType: ColumnType = integerOf('smallint', -32768, 32767, int2Format)
export const integerType: ColumnType = integerOf('integer', -2147483648, 2147483647, int4Format)

/** What JavaScript type a `bigint()` column has. */
export type BigintMode = 'string' | 'number' | 'bigint'

const least = -(2n ** 63n)
const greatest = 2n ** 63n - 1n
const digits = /^-?\d{1,19}$/

function isInRange(value: bigint): boolean {
  return value >= least && value <= greatest
}

function requireInteger(text: string): string {
  return Number.isNaN(parseInteger(text)) ? otherType('bigint') : text
}

const shared = { cast: 'bigint', isComparable: true, hasExactText: true } as const

function decodeSafe(text: string): number {
  return safeInteger(requireInteger(text), 'a bigint')
}

const asBigint = { encode: String, decode: (text: string) => BigInt(requireInteger(text)) }
const asDigits = {
  encode: (value: string) => String(BigInt(value)),
  decode: requireInteger,
  isSame: (value: unknown, text: string) =>
    value === text ||
    (typeof value === 'string' && digits.test(value) && BigInt(value) === BigInt(text)),
}

export const bigintTypes: Readonly<Record<BigintMode, ColumnType>> = Object.freeze({
  string: scalar({
    ...shared,
    ...asDigits,
    kind: 'bigint',
    jsType: 'a string of digits',
    expected: 'a string of digits within 64 bits',
    isType: (value) => typeof value === 'string',
    accepts: (value) => typeof value === 'string' && digits.test(value) && isInRange(BigInt(value)),
    // PostgreSQL's sum of a bigint is a numeric without a limit.
    decodeSum: requireInteger,
    keep: keepString(asDigits, { binary: int8Format(String, String) }),
  }),
  number: scalar({
    ...shared,
    kind: 'integer',
    jsType: 'a number',
    expected: 'a safe integer (mode: number)',
    isType: isNumber,
    accepts: Number.isSafeInteger,
    encode: encodeInteger,
    decode: decodeSafe,
    decodeSum: (text) => safeInteger(text, 'a sum'),
    isSame: (value, text) => value === Number(text),
    keep: keepValue<number>(
      'number',
      { encode: encodeInteger, decode: decodeSafe },
      {
        fromValue: withoutSign,
        binary: int8Format(Number, (value) => safeInteger(String(value), 'a bigint')),
      },
    ),
  }),
  bigint: scalar({
    ...shared,
    ...asBigint,
    kind: 'bigint-bigint',
    jsType: 'a bigint',
    expected: 'a bigint within 64 bits',
    isType: (value) => typeof value === 'bigint',
    accepts: (value) => typeof value === 'bigint' && isInRange(value),
    decodeSum: (text) => BigInt(text),
    isSame: (value, text) => typeof value === 'bigint' && value === BigInt(text),
    keep: keepValue<bigint>('bigint', asBigint, {
      binary: int8Format(BigInt, (value) => value),
    }),
  }),
})
