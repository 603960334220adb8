import type { ColumnType } from '../column-type.ts'
import { keepValue } from '../keep.ts'
import { float8Format } from './binary-formats.ts'
import { canonicalDecimal } from './decimal.ts'
import { scalar, stringScalar, withModifiers } from './scalar.ts'
import { otherType } from './unreadable.ts'

const isNumber = (value: unknown): boolean => typeof value === 'number'

// `String` writes -0 as 0; NaN, Infinity and -Infinity are PostgreSQL's words too.
function encodeNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function decodeNumber(text: string, cast: string): number {
  const value = Number(text)
  return text === '' || (Number.isNaN(value) && text !== 'NaN') ? otherType(cast) : value
}

export const doubleType: ColumnType = scalar({
  cast: 'double precision',
  kind: 'double',
  jsType: 'a number',
  expected: 'a number',
  isComparable: true,
  hasExactText: false,
  isType: isNumber,
  accepts: isNumber,
  encode: encodeNumber,
  decode: (text) => decodeNumber(text, 'double precision'),
  decodeSum: Number,
  isSame: (value, text) => Object.is(value, Number(text)),
  keep: keepValue<number>(
    'number',
    { encode: encodeNumber, decode: (text) => decodeNumber(text, 'double precision') },
    // PostgreSQL has a -0, and NaN is equal to itself there.
    { how: 'value', isSame: Object.is, binary: float8Format },
  ),
})

// PostgreSQL refuses what would become 0 or infinite in 32 bits.
function isReal(value: unknown): boolean {
  if (typeof value !== 'number') return false
  const rounded = Math.fround(value)
  return rounded === 0 ? value === 0 : Number.isFinite(rounded) || !Number.isFinite(value)
}

export const realType: ColumnType = scalar({
  cast: 'real',
  kind: 'double',
  jsType: 'a number',
  expected: 'a number within the range of 32 bits',
  isComparable: true,
  hasExactText: false,
  isType: isNumber,
  accepts: isReal,
  encode: encodeNumber,
  decode: (text) => decodeNumber(text, 'real'),
  decodeSum: Number,
  isSame: (value, text) => isSameReal(value, Number(text)),
  // Not in binary: 32 bits do not say how many digits the text of a number has.
  keep: keepValue<number>(
    'number',
    { encode: encodeNumber, decode: (text) => decodeNumber(text, 'real') },
    { how: 'value', isSame: isSameReal },
  ),
})

function isSameReal(value: unknown, stored: unknown): boolean {
  return typeof value === 'number' && Object.is(Math.fround(value), Math.fround(stored as number))
}

const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i
const words: readonly unknown[] = ['NaN', 'Infinity', '-Infinity']

function isNumeric(value: unknown): boolean {
  return typeof value === 'string' && (decimal.test(value) || words.includes(value))
}

function decodeNumeric(text: string): string {
  return isNumeric(text) ? text : otherType('numeric')
}

/** `numeric`: a string, since a JavaScript number would lose digits. */
export function numericType(precision?: number, scale?: number): ColumnType {
  return stringScalar({
    cast: 'numeric',
    sql: withModifiers('numeric', precision, scale),
    kind: 'numeric',
    jsType: 'a string',
    expected: 'a decimal number as a string, such as "12.50"',
    isComparable: true,
    hasExactText: false,
    isType: (value) => typeof value === 'string',
    accepts: isNumeric,
    encode: (value: string) => value,
    decode: decodeNumeric,
    decodeSum: decodeNumeric,
    isSame: (value, text) =>
      value === text ||
      (typeof value === 'string' && canonicalDecimal(value) === canonicalDecimal(text)),
  })
}
