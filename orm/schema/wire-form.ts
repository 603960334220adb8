import type { TableMetadata } from './metadata.ts'

/** What a snapshot keeps of a value. Two equal values are the same primitive, so `===` compares them. */
export type Primitive = string | number | boolean | bigint | null

/**
 * A row: a primitive for each column of the table, in the order of its columns. The place of a deferred column that
 * was not read is undefined.
 */
export type Row = readonly Primitive[]

/** Reads one column of a result. */
export interface ColumnDecoder {
  /** The primitive of PostgreSQL's text. */
  fromText(text: string): Primitive
  /** PostgreSQL's binary format, if the type has one that the library reads. */
  readonly binary?: BinaryFormat | undefined
}

/** The binary format of one PostgreSQL type. */
export interface BinaryFormat {
  /** The type's id in PostgreSQL. A value of another type has another format. */
  readonly oid: number
  /** The id of the type of its arrays. */
  readonly arrayOid: number
  /** The primitive of the bytes from `at` on. The same as `fromText` gives for the same value. */
  read(bytes: Buffer, at: number, length: number): Primitive
  /** How many bytes a primitive takes. */
  sizeOf(value: Exclude<Primitive, null>): number
  /** Writes a primitive and returns the position behind it. */
  write(value: Exclude<Primitive, null>, bytes: Buffer, at: number): number
}

/** Reads the rows of a statement. */
export interface RowDecoder {
  readonly columns: readonly ColumnDecoder[]
  /** The places of the row that no column of the result fills, in their order. They are undefined. */
  readonly gaps?: readonly number[]
  /** The tables whose xmin it reads. Views and foreign tables have none. */
  readonly xminOf?: readonly TableMetadata[] | undefined
  /** The error of a column that could not be read; `row` has the columns before it. */
  explain(cause: unknown, column: number, row: Row): unknown
}
