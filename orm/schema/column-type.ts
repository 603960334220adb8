import type { Keep } from './keep.ts'

/**
 * A PostgreSQL type and its JavaScript values: everything that the library knows about a type. Values travel
 * as PostgreSQL's text, or in its binary format where {@link Keep.binary} has it.
 */
export interface ColumnType {
  /** The type in DDL: `integer`, `numeric(10,2)`, `"mood"`. */
  readonly sql: string
  /** The same without its modifiers, for casts of parameters: `numeric`. */
  readonly cast: string
  /** The cast of a parameter that holds one value per row: `numeric[]`. An array travels as its text: `text[]`. */
  readonly arrayCast: string
  /** The cast of one item of such a parameter: empty, or `::integer[]` where the item is the text of an array. */
  readonly itemCast: string
  /** Types of one kind hold the same JavaScript values: a foreign key and what it refers to have one kind. */
  readonly kind: string
  /** The JavaScript type of a value, for messages: `a number`. */
  readonly jsType: string
  /** The values that the column takes, for messages: `an integer from -2147483648 to 2147483647`. */
  readonly expected: string
  /** Whether PostgreSQL can tell two values apart, so that the column can be a key. */
  readonly isComparable: boolean
  /** Whether two values are equal for PostgreSQL only if their texts are, so that JavaScript can match keys. */
  readonly hasExactText: boolean
  /** Whether code of the application reads and compares its values, which may throw. */
  readonly isCustom?: boolean
  /** Whether `like` and `ilike` work on it. */
  readonly isText: boolean
  /** The items of an array type. */
  readonly items?: ArrayItemType
  /** How a snapshot keeps a value. */
  readonly keep: Keep
  /** The enum type that `createSchema()` makes first, for an enumeration or an array of one. */
  readonly enumeration?: Enumeration
  /** The extension of PostgreSQL that has the type. */
  readonly extension?: string
  /** Whether a value has the JavaScript type of the column. If not, it is a mistake of the program. */
  isType(value: unknown): boolean
  /** Whether PostgreSQL can store a value: of the right JavaScript type, in range, and well formed. */
  accepts(value: unknown): boolean
  /** PostgreSQL's text of a value that {@link accepts} takes. */
  encode(value: never): string
  /** The JavaScript value of PostgreSQL's text. Throws if the text is of another type. */
  decode(text: string): unknown
  /** Whether a value is still equal to the text. The value may have any type. */
  isSame(value: unknown, text: string): boolean
  /** The JavaScript value of PostgreSQL's text of a sum. Without this method the column has no sum. */
  decodeSum?(text: string): unknown
  /**
   * The half-open interval of a value in comparisons: a `Date` is a whole millisecond. Undefined, or without
   * this method: the value itself.
   */
  rangeOf?(value: never): readonly [from: string, to: string] | undefined
  /** The text of a changed value that keeps unchanged parts of the stored text, such as large numbers in JSON. */
  encodeChange?(value: never, stored: string): string
}

/** The items of an array type. */
export interface ArrayItemType {
  readonly type: ColumnType
  /** Whether an item may be NULL. */
  readonly nullable: boolean
}

/** A type that `create type … as enum` makes. */
export interface Enumeration {
  /** The PostgreSQL schema; undefined: the first one of the search path. */
  readonly schema: string | undefined
  readonly name: string
  readonly values: readonly string[]
}
