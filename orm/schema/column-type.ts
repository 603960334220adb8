/**
 * How one PostgreSQL type and its JavaScript values meet. Everything travels as PostgreSQL's text:
 * the row as it came is the snapshot that dirty checking compares with.
 */
export interface ColumnType {
  /** The type's name in SQL: `integer`, `numeric(10,2)`. */
  readonly sql: string
  /** The same without its modifiers, for casts of parameters: `numeric`. */
  readonly cast: string
  /** What a value has to be, for messages: `an integer from -2147483648 to 2147483647`. */
  readonly expected: string
  accepts(value: unknown): boolean
  encode(value: never): string
  decode(text: string): unknown
  /** Whether a value, of whatever type it became, is still what the text says. */
  isSame(value: unknown, text: string): boolean
}
