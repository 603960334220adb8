import { describe } from '../../errors.ts'
import type { ColumnType } from '../column-type.ts'
import { scalar } from './scalar.ts'
import { hasCommas } from './array-text.ts'
import { isPlainText } from './texts.ts'
import { UnwritableError } from './unreadable.ts'

/** A type of PostgreSQL that this library has no column for: `sql`, `decode` and `encode` are enough. */
export interface CustomType<T> {
  /** The type in DDL, with its modifiers: `geometry(Point,4326)`. */
  readonly sql: string
  /** The type in casts of parameters. Default: `sql` without its modifiers. */
  readonly cast?: string
  /** Types of one kind can refer to each other as foreign keys. Default: the cast. */
  readonly kind?: string
  /** The values that the column takes, for messages: `a point`. */
  readonly expected?: string
  /** Whether the column can be a key. Default: true. */
  readonly isComparable?: boolean
  /** Whether values are equal for PostgreSQL only where their texts are. Default: false. */
  readonly hasExactText?: boolean
  /** Whether `like` and `ilike` work on it. Default: false. */
  readonly isText?: boolean
  /** The extension of PostgreSQL that has the type. */
  readonly extension?: string
  /** The JavaScript value of PostgreSQL's text. What it throws is the `cause` of a `DATA_BRIDGE_ERR_STATEMENT`. */
  decode(text: string): T
  /** PostgreSQL's text of a value. What it throws is the `cause` of a `DATA_BRIDGE_ERR_INVALID_VALUE`, of a TypeError `DATA_BRIDGE_ERR_TYPE`. */
  encode(value: NoInfer<T>): string
  /** Whether a value has the JavaScript type of the column. Default: anything but undefined. */
  isType?(value: unknown): boolean
  /** Whether PostgreSQL can store a value. Default: what {@link isType} says. */
  accepts?(value: unknown): boolean
  /** Whether a value is still what PostgreSQL's text says. Default: whether it has the text of the value that `decode` gives. */
  isSame?(value: unknown, text: string): boolean
  /** The JavaScript value of PostgreSQL's text of a sum. */
  decodeSum?(text: string): unknown
}

/** A checked description as a type like the built-in ones. */
export function customTypeOf(given: CustomType<unknown>): ColumnType {
  const { sql, cast = withoutModifiers(sql), expected = `a value of ${sql}`, extension } = given
  const isType = (value: unknown): boolean => value !== undefined && (given.isType?.(value) ?? true)
  const encode = (value: unknown): string => requireText(given.encode(value))
  return scalar({
    cast,
    sql,
    // UNNEST would take an array apart to its items: so it travels as its text.
    ...(cast.endsWith('[]') || !hasCommas(cast)
      ? { arrayCast: 'text[]', itemCast: `::${cast}` }
      : {}),
    kind: given.kind ?? cast,
    jsType: expected,
    expected,
    isComparable: given.isComparable ?? true,
    hasExactText: given.hasExactText ?? false,
    isText: given.isText ?? false,
    isCustom: true,
    ...(extension === undefined ? {} : { extension }),
    isType,
    accepts: (value) => isType(value) && (given.accepts?.(value) ?? true),
    encode,
    decode: (text) => given.decode(text),
    isSame: (value, text) =>
      given.isSame?.(value, text) ??
      isSameText(value, text, encode, (stored) => given.decode(stored)),
    ...(given.decodeSum === undefined ? {} : { decodeSum: (text) => given.decodeSum?.(text) }),
  })
}

// `geometry(Point,4326)`, `timestamp(3) with time zone`
function withoutModifiers(sql: string): string {
  return sql.replace(/\s*\([^()]*\)/, '')
}

function requireText(text: unknown): string {
  if (isPlainText(text)) return text
  throw typeof text === 'string'
    ? new UnwritableError('expected encode() to give a well-formed string without U+0000')
    : new UnwritableError(
        `expected encode() to give a string, got ${describe(text)}`,
        'DATA_BRIDGE_ERR_TYPE',
      )
}

// By texts, since values that are objects are seldom one and the same object.
function isSameText(
  value: unknown,
  text: string,
  encode: (value: unknown) => string,
  decode: (text: string) => unknown,
): boolean {
  const now = textOrNone(value, encode)
  return now !== undefined && (now === text || now === encode(decode(text)))
}

// A value that cannot be written is a change; writing it says why.
function textOrNone(value: unknown, encode: (value: unknown) => string): string | undefined {
  try {
    return encode(value)
  } catch {
    return undefined
  }
}
