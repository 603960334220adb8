/**
 * How one PostgreSQL type and its JavaScript values meet: everything that the library knows about a
 * type is here. Values travel as PostgreSQL's text.
 */
export interface ColumnType {
  /** The type's name in DDL: `integer`, `numeric(10,2)`. */
  readonly sql: string
  /** The same without its modifiers, for casts of parameters: `numeric`. */
  readonly cast: string
  /** The cast of a parameter that holds one value per row: `numeric[]`. An array travels as its text. */
  readonly arrayCast: string
  /** The cast of one item of such a parameter: empty, or `::integer[]` where the item is the text of an array. */
  readonly itemCast: string
  /** Types of one kind hold the same JavaScript values: a foreign key and what it refers to have one kind. */
  readonly kind: string
  /** What a value has to be, for messages: `an integer from -2147483648 to 2147483647`. */
  readonly expected: string
  /** Whether PostgreSQL can tell two values apart, so that the column can be a key. */
  readonly isComparable: boolean
  /** Whether two values are equal for PostgreSQL only where their texts are, so that JavaScript can match keys. */
  readonly hasExactText: boolean
  /** Whether a value has the JavaScript type of the column. Of another type it is a mistake of the program. */
  isType(value: unknown): boolean
  /** Whether PostgreSQL can store a value of that JavaScript type. */
  accepts(value: unknown): boolean
  encode(value: never): string
  decode(text: string): unknown
  /** Whether a value, of whatever type it became, is still what the text says. */
  isSame(value: unknown, text: string): boolean
  /**
   * The half-open interval of what a value stands for in comparisons: a `Date` is a whole millisecond.
   * Without this method a value stands for itself.
   */
  rangeOf?(value: never): readonly [from: string, to: string]
  /** The text to write of a value that was changed, where what nobody touched has to be kept from the stored text. */
  encodeChange?(value: never, stored: string): string
}
