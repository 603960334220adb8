import { columnOf, type Column } from './column.ts'
import { dateType, intervalType, timeType } from './types/dates.ts'
import { columnOptions, requireFlag, requireMode, requireWhole } from './types/options.ts'
import {
  timestampTextType,
  type TimestampMode,
  timestampTypeOf,
  timestamptzTypeOf,
} from './types/timestamps.ts'
import { schemaError } from './schema-error.ts'

/** Options of {@link timestamptz}. */
export interface TimestamptzOptions<Infinite extends boolean> {
  readonly name?: string
  /** How many digits of a second `createSchema()` gives the column, from 0 to 6. Default: 3, as a Date has. */
  readonly precision?: number
  /** Whether PostgreSQL's `infinity` and `-infinity` are the numbers `Infinity` and `-Infinity`. Default: reading them is an error. */
  readonly infinity?: Infinite
}

/**
 * A `timestamptz` column: a `Date`. In comparisons a Date stands for its whole millisecond, so that
 * `eq` finds a row with microseconds; those are cut when it is read, and stay in the database.
 *
 * @example
 * ```ts
 * import { integer, table, timestamptz } from 'fastify-data-bridge/orm'
 *
 * export class Contract extends table('contracts', {
 *   id: integer().primaryKey().generated(),
 *   createdAt: timestamptz().defaultNow(),
 *   updatedAt: timestamptz().onUpdate(() => new Date()),
 *   endsAt: timestamptz({ infinity: true }).default(Infinity),
 * }) {}
 * ```
 */
export function timestamptz<Infinite extends boolean = false>(
  options?: string | TimestamptzOptions<Infinite>,
): Column<Infinite extends true ? Date | number : Date> {
  const { name, precision, infinity } = columnOptions<TimestamptzOptions<boolean>>(
    'timestamptz',
    options,
    ['name', 'precision', 'infinity'],
  )
  requireWhole('timestamptz', 'precision', precision, 0, 6)
  requireFlag('timestamptz', 'infinity', infinity)
  return columnOf(timestamptzTypeOf({ precision, infinity }), name)
}

/** Options of {@link timestamp}. */
export interface TimestampOptions<Mode extends TimestampMode, Infinite extends boolean> {
  readonly name?: string
  /** The JavaScript type. Default: `'date'`. */
  readonly mode?: Mode
  /** How many digits of a second `createSchema()` gives the column, from 0 to 6. Default: 3 for a Date, 6 for a string. */
  readonly precision?: number
  /** Whether `infinity` and `-infinity` are numbers. In the mode `'string'` they are strings, without this option. */
  readonly infinity?: Infinite
}

/**
 * A `timestamp` column, without a time zone: a `Date`, read and written as UTC whatever the time zones
 * of the process and the server are. With `{ mode: 'string' }` it is PostgreSQL's text, with its
 * microseconds: `'2024-02-29 09:30:00.123456'`.
 */
export function timestamp<Mode extends TimestampMode = 'date', Infinite extends boolean = false>(
  options?: string | TimestampOptions<Mode, Infinite>,
): Column<Mode extends 'string' ? string : Infinite extends true ? Date | number : Date> {
  const {
    name,
    mode = 'date',
    precision,
    infinity,
  } = columnOptions<TimestampOptions<TimestampMode, boolean>>('timestamp', options, [
    'name',
    'mode',
    'precision',
    'infinity',
  ])
  requireMode('timestamp', mode, ['date', 'string'])
  requireWhole('timestamp', 'precision', precision, 0, 6)
  requireFlag('timestamp', 'infinity', infinity)
  if (mode === 'date') return columnOf(timestampTypeOf({ precision, infinity }), name)
  if (infinity === undefined) return columnOf(timestampTextType(precision), name)
  throw schemaError("timestamp() has the option infinity in the mode 'date' only")
}

/**
 * A `date` column: a string such as `'2024-02-29'`, so that no time zone can shift the day. It has to
 * be a day of the calendar; `'0044-03-15 BC'`, `'infinity'` and `'-infinity'` are values too.
 */
export function date(name?: string): Column<string> {
  return columnOf(dateType, name)
}

/** Options of {@link time}. */
export interface TimeOptions {
  readonly name?: string
  /** How many digits of a second PostgreSQL keeps, from 0 to 6. Default: 6. */
  readonly precision?: number
}

/** A `time` column, without a time zone: a string such as `'09:30:00'` or `'09:30:00.123456'`. `'09:30'` is the same as the first. */
export function time(options?: string | TimeOptions): Column<string> {
  const { name, precision } = columnOptions<TimeOptions>('time', options, ['name', 'precision'])
  requireWhole('time', 'precision', precision, 0, 6)
  return columnOf(timeType(precision), name)
}

/**
 * An `interval` column: a string. PostgreSQL takes many forms (`'90 minutes'`, `'P1DT2H'`) and gives
 * back its own, `'01:30:00'`, which the entity has after the flush.
 */
export function interval(name?: string): Column<string> {
  return columnOf(intervalType, name)
}
