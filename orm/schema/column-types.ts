import type { ColumnType } from './column-type.ts'
import { decodeTimestamp } from './timestamp.ts'

const asString = (value: string): string => value
const sameString = (value: unknown, text: string): boolean => value === text
const sameNumber = (value: unknown, text: string): boolean => value === Number(text)

// A table may have a column of another type than its class says: nothing but its texts tell.
function otherType(): never {
  throw new Error('the column is of another type')
}

function decodeInteger(text: string): number {
  const value = Number(text)
  return Number.isInteger(value) ? value : otherType()
}

function decodeDouble(text: string): number {
  const value = Number(text)
  return Number.isNaN(value) && text !== 'NaN' ? otherType() : value
}

function decodeBoolean(text: string): boolean {
  return text === 't' || (text === 'f' ? false : otherType())
}

export const integerType: ColumnType = Object.freeze({
  sql: 'integer',
  cast: 'integer',
  arrayCast: 'integer[]',
  itemCast: '',
  kind: 'integer',
  isComparable: true,
  hasExactText: true,
  isType: (value: unknown) => typeof value === 'number',
  expected: 'an integer from -2147483648 to 2147483647',
  accepts: (value: unknown) =>
    Number.isInteger(value) && (value as number) >= -2147483648 && (value as number) <= 2147483647,
  // Adding zero turns -0 into 0, which is what PostgreSQL gives back.
  encode: (value: number) => String(value + 0),
  decode: decodeInteger,
  isSame: sameNumber,
})

export const doubleType: ColumnType = Object.freeze({
  sql: 'double precision',
  cast: 'double precision',
  arrayCast: 'double precision[]',
  itemCast: '',
  kind: 'double',
  isComparable: true,
  hasExactText: false,
  isType: (value: unknown) => typeof value === 'number',
  expected: 'a number',
  accepts: (value: unknown) => typeof value === 'number',
  encode: (value: number) => (Object.is(value, -0) ? '-0' : String(value)),
  decode: decodeDouble,
  isSame: (value: unknown, text: string) => Object.is(value, Number(text)),
})

export const textType: ColumnType = Object.freeze({
  sql: 'text',
  cast: 'text',
  arrayCast: 'text[]',
  itemCast: '',
  kind: 'text',
  isComparable: true,
  hasExactText: false,
  isType: (value: unknown) => typeof value === 'string',
  expected: 'a string without the character U+0000',
  accepts: (value: unknown) => typeof value === 'string' && !value.includes('\0'),
  encode: asString,
  decode: asString,
  isSame: sameString,
})

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export const uuidType: ColumnType = Object.freeze({
  sql: 'uuid',
  cast: 'uuid',
  arrayCast: 'uuid[]',
  itemCast: '',
  kind: 'uuid',
  isComparable: true,
  hasExactText: true,
  isType: (value: unknown) => typeof value === 'string',
  expected: 'a UUID such as 0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f',
  accepts: (value: unknown) => typeof value === 'string' && uuidPattern.test(value),
  encode: (value: string) => value.toLowerCase(),
  decode: asString,
  isSame: (value: unknown, text: string) =>
    value === text || (typeof value === 'string' && value.toLowerCase() === text),
})

export const booleanType: ColumnType = Object.freeze({
  sql: 'boolean',
  cast: 'boolean',
  arrayCast: 'boolean[]',
  itemCast: '',
  kind: 'boolean',
  isComparable: true,
  hasExactText: true,
  isType: (value: unknown) => typeof value === 'boolean',
  expected: 'true or false',
  accepts: (value: unknown) => typeof value === 'boolean',
  encode: (value: boolean) => (value ? 't' : 'f'),
  decode: decodeBoolean,
  isSame: (value: unknown, text: string) => value === (text === 't'),
})

export const timestamptzType: ColumnType = Object.freeze({
  sql: 'timestamp with time zone',
  cast: 'timestamp with time zone',
  arrayCast: 'timestamp with time zone[]',
  itemCast: '',
  kind: 'timestamptz',
  isComparable: true,
  hasExactText: true,
  isType: (value: unknown) => value instanceof Date,
  expected: 'a valid Date',
  accepts: (value: unknown) => value instanceof Date && !Number.isNaN(value.getTime()),
  encode: encodeTimestamp,
  decode: (text: string) => new Date(decodeTimestamp(text)),
  isSame: (value: unknown, text: string) =>
    value instanceof Date && value.getTime() === decodeTimestamp(text),
})

// toISOString writes years outside 0..9999 with a sign and six digits, and 1 BC as year 0: PostgreSQL reads neither.
function encodeTimestamp(value: Date): string {
  const year = value.getUTCFullYear()
  if (year >= 1 && year <= 9999) return value.toISOString()
  const rest = value.toISOString().replace(/^[+-]?\d+/, '')
  return year > 9999 ? `${year}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`
}

export const jsonbType: ColumnType = Object.freeze({
  sql: 'jsonb',
  cast: 'jsonb',
  arrayCast: 'jsonb[]',
  itemCast: '',
  kind: 'jsonb',
  isComparable: false,
  hasExactText: false,
  isType: (value: unknown) =>
    value !== undefined && typeof value !== 'function' && typeof value !== 'symbol',
  expected: 'a value that JSON can hold',
  accepts: isJson,
  encode: (value: unknown) => JSON.stringify(value),
  decode: (text: string) => JSON.parse(text) as unknown,
  isSame: isSameJson,
})

function isJson(value: unknown): boolean {
  return jsonText(value) !== undefined
}

// A cycle or a bigint is no JSON: the caller says what was expected and what came.
function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

// PostgreSQL keeps the keys of a jsonb object in an order of its own, so texts cannot be compared.
function isSameJson(value: unknown, text: string): boolean {
  const stored: unknown = JSON.parse(text)
  if (sameTree(value, stored)) return true
  // What JSON leaves out or writes otherwise: undefined, a Date, a toJSON.
  const now = jsonText(value)
  return now !== undefined && sameTree(JSON.parse(now), stored)
}

function sameTree(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(
    (key) =>
      Object.hasOwn(b, key) &&
      sameTree((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}

/** What JavaScript type a `bigint()` column has. */
export type BigintMode = 'string' | 'number' | 'bigint'

const bigintRange = { least: -(2n ** 63n), greatest: 2n ** 63n - 1n }
const bigintPattern = /^-?\d{1,19}$/

function inBigintRange(value: bigint): boolean {
  return value >= bigintRange.least && value <= bigintRange.greatest
}

export const bigintTypes: Readonly<Record<BigintMode, ColumnType>> = Object.freeze({
  string: {
    sql: 'bigint',
    cast: 'bigint',
    arrayCast: 'bigint[]',
    itemCast: '',
    kind: 'bigint',
    isComparable: true,
    hasExactText: true,
    isType: (value: unknown) => typeof value === 'string',
    expected: 'a string of digits within 64 bits',
    accepts: (value: unknown) =>
      typeof value === 'string' && bigintPattern.test(value) && inBigintRange(BigInt(value)),
    encode: (value: string) => String(BigInt(value)),
    decode: asString,
    isSame: (value: unknown, text: string) =>
      value === text ||
      (typeof value === 'string' && bigintPattern.test(value) && BigInt(value) === BigInt(text)),
  },
  number: {
    sql: 'bigint',
    cast: 'bigint',
    arrayCast: 'bigint[]',
    itemCast: '',
    kind: 'integer',
    isComparable: true,
    hasExactText: true,
    isType: (value: unknown) => typeof value === 'number',
    expected: 'a safe integer (mode: number)',
    accepts: Number.isSafeInteger,
    encode: (value: number) => String(value + 0),
    decode: decodeSafeInteger,
    isSame: sameNumber,
  },
  bigint: {
    sql: 'bigint',
    cast: 'bigint',
    arrayCast: 'bigint[]',
    itemCast: '',
    kind: 'bigint-bigint',
    isComparable: true,
    hasExactText: true,
    isType: (value: unknown) => typeof value === 'bigint',
    expected: 'a bigint within 64 bits',
    accepts: (value: unknown) => typeof value === 'bigint' && inBigintRange(value),
    encode: String,
    decode: (text: string) => BigInt(text),
    isSame: (value: unknown, text: string) => value === BigInt(text),
  },
})

function decodeSafeInteger(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  throw new RangeError(
    'a bigint beyond the safe integers of JavaScript; use the mode "string" or "bigint"',
  )
}

const numericPattern = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i

/** `numeric`, with its precision and scale in the SQL name. A string, since a JavaScript number would lose digits. */
export function numericType(sql: string): ColumnType {
  return Object.freeze({
    sql,
    cast: 'numeric',
    arrayCast: 'numeric[]',
    itemCast: '',
    kind: 'numeric',
    isComparable: true,
    hasExactText: false,
    isType: (value: unknown) => typeof value === 'string',
    expected: 'a decimal number as a string, such as "12.50"',
    accepts: (value: unknown) =>
      typeof value === 'string' && (numericPattern.test(value) || value === 'NaN'),
    encode: asString,
    decode: asString,
    isSame: sameString,
  })
}
