import { DataBridgeError, describe } from '../errors.ts'
import { columnOf, type Column } from './column.ts'
import {
  type BigintMode,
  bigintTypes,
  booleanType,
  doubleType,
  integerType,
  jsonbType,
  numericType,
  textType,
  timestamptzType,
  uuidType,
} from './column-types.ts'

/** A 32-bit `integer`: a number. `name` overrides the column's name. */
export function integer(name?: string): Column<number> {
  return columnOf(integerType, name)
}

/** A `text` column: a string of any length. */
export function text(name?: string): Column<string> {
  return columnOf(textType, name)
}

/** A `boolean` column. */
export function boolean(name?: string): Column<boolean> {
  return columnOf(booleanType, name)
}

/** A `timestamptz` column: a `Date`. PostgreSQL's microseconds are cut to milliseconds. */
export function timestamptz(name?: string): Column<Date> {
  return columnOf(timestamptzType, name)
}

/**
 * A `jsonb` column: any value that JSON can hold; changes inside it are seen at the next flush.
 *
 * @example
 * ```ts
 * import { integer, jsonb, table } from 'fastify-data-bridge/orm'
 *
 * export class Setting extends table('settings', {
 *   id: integer().primaryKey().generated(),
 *   value: jsonb<{ theme: 'dark' | 'light' }>(),
 * }) {}
 * ```
 */
export function jsonb<T = unknown>(name?: string): Column<T> {
  return columnOf(jsonbType, name)
}

/** A `double precision` column: a number. */
export function double(name?: string): Column<number> {
  return columnOf(doubleType, name)
}

/** A `uuid` column: a string. */
export function uuid(name?: string): Column<string> {
  return columnOf(uuidType, name)
}

/** Options of {@link numeric}. Without a precision every digit is kept. */
export interface NumericOptions {
  readonly name?: string
  /** How many digits there are in all, from 1 to 1000. */
  readonly precision?: number
  /** How many of them are behind the point. */
  readonly scale?: number
}

/** A `numeric` column: a string such as `'12.50'`, since a JavaScript number would lose digits. */
export function numeric(options: string | NumericOptions = {}): Column<string> {
  const { name, precision, scale } = typeof options === 'string' ? { name: options } : options
  for (const [option, value, least] of [
    ['precision', precision, 1],
    ['scale', scale, 0],
  ] as const) {
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= 1000))
      continue
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_SCHEMA',
      `numeric() expected ${option} to be an integer from ${least} to 1000; came ${describe(value)}`,
    )
  }
  if (precision === undefined && scale !== undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_SCHEMA',
      'numeric() needs a precision where it has a scale',
    )
  }
  const size =
    precision === undefined
      ? ''
      : scale === undefined
        ? `(${precision})`
        : `(${precision},${scale})`
  return columnOf(numericType(`numeric${size}`), name)
}

/** Options of {@link bigint}. */
export interface BigintOptions<Mode extends BigintMode> {
  readonly name?: string
  readonly mode?: Mode
}

interface BigintValues {
  string: string
  number: number
  bigint: bigint
}

/**
 * A 64-bit `bigint`. The mode chooses its JavaScript type: `'string'` (the default: exact, and safe
 * in JSON), `'number'` (refuses what is beyond the safe integers), or `'bigint'` (exact; `toJSON`
 * gives it as a string).
 */
export function bigint<Mode extends BigintMode = 'string'>(
  options: string | BigintOptions<Mode> = {},
): Column<BigintValues[Mode]> {
  const { name, mode = 'string' }: BigintOptions<BigintMode> =
    typeof options === 'string' ? { name: options } : options
  const type = Object.hasOwn(bigintTypes, mode) ? bigintTypes[mode] : undefined
  if (type === undefined) {
    throw new DataBridgeError(
      'DATA_BRIDGE_ERR_SCHEMA',
      `bigint() expected the mode 'string', 'number' or 'bigint'; came ${describe(mode)}`,
    )
  }
  return columnOf(type, name)
}
