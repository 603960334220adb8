import { columnOf, type Column } from './column.ts'
import { booleanType } from './types/boolean.ts'
import { byteaType } from './types/bytes.ts'
import { type BigintMode, bigintTypes, integerType, smallintType } from './types/integers.ts'
import { doubleType, numericType, realType } from './types/numbers.ts'
import { columnOptions, requireMode, requireWhole } from './types/options.ts'
import { charType, citextType, inetType, textType, uuidType, varcharType } from './types/texts.ts'
import { schemaError } from './schema-error.ts'

/*
 * In each of these functions a string as the first argument is the column's name in the database.
 * Without one, the name is the property in snake_case. A wrong option is a DATA_BRIDGE_ERR_SCHEMA.
 */

/** A 32-bit `integer` column: a number, whole and from -2147483648 to 2147483647. */
export function integer(name?: string): Column<number> {
  return columnOf(integerType, name)
}

/** A 16-bit `smallint` column: a number, whole and from -32768 to 32767. */
export function smallint(name?: string): Column<number> {
  return columnOf(smallintType, name)
}

/** Options of {@link bigint}. */
export interface BigintOptions<Mode extends BigintMode> {
  readonly name?: string
  /** The JavaScript type. Default: `'string'`. */
  readonly mode?: Mode
}

interface BigintValues {
  string: string
  number: number
  bigint: bigint
}

/**
 * A 64-bit `bigint` column. The mode chooses its JavaScript type:
 *
 * - `'string'` (default): digits such as `'9007199254740993'`; exact, and safe in JSON.
 * - `'number'`: refuses values beyond the safe integers, in both directions.
 * - `'bigint'`: exact; `toJSON()` gives it as a string.
 *
 * @example
 * ```ts
 * import { bigint, table } from 'fastify-data-bridge/orm'
 *
 * export class Transfer extends table('transfers', {
 *   id: bigint().primaryKey().generated(),
 *   cents: bigint({ mode: 'bigint' }),
 * }) {}
 * ```
 */
export function bigint<Mode extends BigintMode = 'string'>(
  options?: string | BigintOptions<Mode>,
): Column<BigintValues[Mode]> {
  const { name, mode = 'string' } = columnOptions<BigintOptions<BigintMode>>('bigint', options, [
    'name',
    'mode',
  ])
  requireMode('bigint', mode, Object.keys(bigintTypes))
  return columnOf(bigintTypes[mode], name)
}

/** A `real` column: a number that PostgreSQL rounds to 32 bits. The rounded value is in the entity after the flush. */
export function real(name?: string): Column<number> {
  return columnOf(realType, name)
}

/** A `double precision` column: a number; `NaN`, `Infinity` and `-Infinity` are values too. */
export function double(name?: string): Column<number> {
  return columnOf(doubleType, name)
}

/** Options of {@link numeric}. Without a precision PostgreSQL keeps every digit. */
export interface NumericOptions {
  readonly name?: string
  /** How many digits there are in all, from 1 to 1000. */
  readonly precision?: number
  /** How many of them are behind the point, from 0 to 1000. Needs a precision. */
  readonly scale?: number
}

/**
 * A `numeric` column: a string such as `'12.50'`, since a JavaScript number would lose digits.
 * `'NaN'`, `'Infinity'` and `'-Infinity'` are values too. `'1.5'` and `'1.50'` are the same value: to
 * assign one for the other writes nothing.
 */
export function numeric(options?: string | NumericOptions): Column<string> {
  const { name, precision, scale } = columnOptions<NumericOptions>('numeric', options, [
    'name',
    'precision',
    'scale',
  ])
  requireWhole('numeric', 'precision', precision, 1, 1000)
  requireWhole('numeric', 'scale', scale, 0, 1000)
  if (precision === undefined && scale !== undefined)
    throw schemaError('numeric() needs a precision where it has a scale')
  return columnOf(numericType(precision, scale), name)
}

/** A `boolean` column. */
export function boolean(name?: string): Column<boolean> {
  return columnOf(booleanType, name)
}

/**
 * A `text` column: a string of any length. As in all columns of texts, a string with U+0000 or half
 * of a surrogate pair is refused, since PostgreSQL cannot store it.
 */
export function text(name?: string): Column<string> {
  return columnOf(textType, name)
}

/** Options of {@link varchar} and {@link char}. */
export interface LengthOptions {
  readonly name?: string
  /** How many characters, from 1 to 10485760. */
  readonly length?: number
}

const greatestLength = 10_485_760

function lengthOptions(
  column: string,
  given: string | number | LengthOptions | undefined,
): LengthOptions {
  const options =
    typeof given === 'number'
      ? { length: given }
      : columnOptions<LengthOptions>(column, given, ['name', 'length'])
  requireWhole(column, 'length', options.length, 1, greatestLength)
  return options
}

/**
 * A `varchar` column: a string. `varchar(255)` and `varchar({ name, length })` limit its length,
 * which PostgreSQL checks: a longer string is a DATA_BRIDGE_ERR_INVALID_VALUE of the flush.
 */
export function varchar(options?: string | number | LengthOptions): Column<string> {
  const { name, length } = lengthOptions('varchar', options)
  return columnOf(varcharType(length), name)
}

/**
 * A `char(n)` column: a string that PostgreSQL pads with spaces to `length` characters (default: 1).
 * It is read with that padding; to assign it without the padding writes nothing.
 */
export function char(options?: string | number | LengthOptions): Column<string> {
  const { name, length = 1 } = lengthOptions('char', options)
  return columnOf(charType(length), name)
}

/** A `citext` column: a string that PostgreSQL compares without regard to case. Needs the extension `citext`. */
export function citext(name?: string): Column<string> {
  return columnOf(citextType, name)
}

/** A `uuid` column: a string. PostgreSQL gives it back in lower case. */
export function uuid(name?: string): Column<string> {
  return columnOf(uuidType, name)
}

/** A `bytea` column: a `Uint8Array`. What is read is a `Buffer`; changes inside it are seen at the next flush. */
export function bytea(name?: string): Column<Uint8Array> {
  return columnOf(byteaType, name)
}

/** An `inet` column: an IP address as a string, with or without the length of a network: `'10.0.0.0/8'`. */
export function inet(name?: string): Column<string> {
  return columnOf(inetType, name)
}
