import type { ColumnType } from '../column-type.ts'
import type { Keep } from '../keep.ts'
import { decodeLocalTimestamp, decodeTimestamp, encodeTimestamp } from '../timestamp.ts'
import { isCalendarDate, isTimeOfDay, normalTime } from './dates.ts'
import { instantFormat } from './instant-format.ts'
import { keptInstant, keptOfText, millisecondOf, textOfInstant } from './kept-instant.ts'
import { scalar, stringScalar } from './scalar.ts'
import { otherType } from './unreadable.ts'

/** What a `timestamp()` column has in JavaScript. */
export type TimestampMode = 'date' | 'string'

interface Instant {
  readonly name: 'timestamptz' | 'timestamp'
  readonly suffix: 'with time zone' | 'without time zone'
  readonly zone: 'Z' | ''
  readonly decode: (text: string) => number
}

const zoned: Instant = {
  name: 'timestamptz',
  suffix: 'with time zone',
  zone: 'Z',
  decode: decodeTimestamp,
}

const local: Instant = {
  name: 'timestamp',
  suffix: 'without time zone',
  zone: '',
  decode: decodeLocalTimestamp,
}

// A Date holds milliseconds: a column with more digits would hold what the program cannot see.
const digitsOfDate = 3

const isDate = (value: unknown): value is Date => value instanceof Date
const isValid = (value: unknown): value is Date => isDate(value) && !Number.isNaN(value.getTime())
const isInfinite = (value: unknown): value is number => value === Infinity || value === -Infinity

function dateType(instant: Instant, precision: number = digitsOfDate): ColumnType {
  const { zone, decode } = instant
  return scalar({
    cast: `timestamp ${instant.suffix}`,
    sql: `timestamp(${precision}) ${instant.suffix}`,
    kind: instant.name,
    jsType: 'a Date',
    expected: 'a valid Date',
    isComparable: true,
    // The text depends on the time zone of the session.
    hasExactText: false,
    isType: isDate,
    accepts: isValid,
    encode: (value: Date) => encodeTimestamp(value.getTime(), zone),
    decode: (text) => new Date(decode(text)),
    isSame: (value, text) => isDate(value) && value.getTime() === decode(text),
    rangeOf: (value: Date) => rangeOf(value, zone),
    keep: keepInstant(instant),
  })
}

/** A Date is kept with PostgreSQL's microseconds, which it does not have itself. */
function keepInstant({ name }: Instant): Keep {
  const zone = name === 'timestamptz' ? '+00' : ''
  return Object.freeze<Keep>({
    form: name === 'timestamptz' ? 'instant' : 'local instant',
    how: 'date',
    fromText: (text) => keptOfText(text, zone),
    fromValue: (value: Date) => keptInstant(value.getTime(), 0, zone),
    toValue: (kept) => new Date(millisecondOf(kept, zone)),
    toText: (kept) => textOfInstant(kept, zone),
    isSame: (value, kept) => isDate(value) && value.getTime() === millisecondOf(kept, zone),
    binary: instantFormat(name, false),
  })
}

function infiniteType(instant: Instant, precision?: number): ColumnType {
  const finite = dateType(instant, precision)
  return Object.freeze<ColumnType>({
    ...finite,
    jsType: 'a Date, Infinity or -Infinity',
    expected: 'a valid Date, Infinity or -Infinity',
    isType: (value) => isDate(value) || typeof value === 'number',
    accepts: (value) => isInfinite(value) || finite.accepts(value),
    encode: (value: Date | number) =>
      isInfinite(value) ? encodeInfinity(value) : finite.encode(value as never),
    decode: (text) => decodeInfinity(text) ?? finite.decode(text),
    isSame: (value, text) => {
      const infinity = decodeInfinity(text)
      return infinity === undefined ? finite.isSame(value, text) : value === infinity
    },
    rangeOf: (value: Date | number) => (isDate(value) ? rangeOf(value, instant.zone) : undefined),
    keep: keepInfinite(instant, finite.keep),
  })
}

/** An infinity is kept as its text. */
function keepInfinite({ name }: Instant, finite: Keep): Keep {
  const infinityOf = (kept: unknown): number | undefined =>
    typeof kept === 'string' ? decodeInfinity(kept) : undefined
  return Object.freeze<Keep>({
    ...finite,
    fromText: (text) => (decodeInfinity(text) === undefined ? finite.fromText(text) : text),
    fromValue: (value: Date | number) =>
      isInfinite(value) ? encodeInfinity(value) : finite.fromValue(value as never),
    toValue: (kept) => infinityOf(kept) ?? finite.toValue(kept),
    isSame: (value, kept) => {
      const infinity = infinityOf(kept)
      return infinity === undefined ? finite.isSame(value, kept) : value === infinity
    },
    binary: instantFormat(name, true),
  })
}

function rangeOf(value: Date, zone: Instant['zone']): readonly [from: string, to: string] {
  const from = value.getTime()
  return [encodeTimestamp(from, zone), encodeTimestamp(from + 1, zone)]
}

function encodeInfinity(value: number): string {
  return value > 0 ? 'infinity' : '-infinity'
}

function decodeInfinity(text: string): number | undefined {
  if (text === 'infinity') return Infinity
  return text === '-infinity' ? -Infinity : undefined
}

/** Options of a timestamp in DDL and in JavaScript. */
interface TimestampSettings {
  readonly precision?: number | undefined
  readonly infinity?: boolean | undefined
}

/** `timestamptz`: a Date. */
export function timestamptzTypeOf({ precision, infinity }: TimestampSettings = {}): ColumnType {
  return infinity === true ? infiniteType(zoned, precision) : dateType(zoned, precision)
}

/** `timestamp` as a Date, read and written as UTC. */
export function timestampTypeOf({ precision, infinity }: TimestampSettings = {}): ColumnType {
  return infinity === true ? infiniteType(local, precision) : dateType(local, precision)
}

export const timestamptzType: ColumnType = timestamptzTypeOf()

// Date and time with a space or a T between them, and perhaps BC behind them.
function isTimestampText(value: unknown): boolean {
  if (typeof value !== 'string') return false
  if (value === 'infinity' || value === '-infinity') return true
  const era = value.endsWith(' BC') ? ' BC' : ''
  const [date = '', time = '', ...rest] = value.slice(0, value.length - era.length).split(/[ T]/)
  return rest.length === 0 && isCalendarDate(date + era) && isTimeOfDay(time)
}

function normalTimestamp(value: string): string {
  const era = value.endsWith(' BC') ? ' BC' : ''
  const [date = '', time = ''] = value.slice(0, value.length - era.length).split(/[ T]/)
  return `${date} ${normalTime(time)}${era}`
}

/** `timestamp` as PostgreSQL's text, with its microseconds. */
export function timestampTextType(precision?: number): ColumnType {
  const modifier = precision === undefined ? '' : `(${precision})`
  return stringScalar({
    cast: 'timestamp without time zone',
    sql: `timestamp${modifier} without time zone`,
    kind: 'timestamp-string',
    jsType: 'a string',
    expected: 'a timestamp such as "2024-02-29 09:30:00.123456"',
    isComparable: true,
    hasExactText: false,
    isType: (value) => typeof value === 'string',
    accepts: isTimestampText,
    encode: (value: string) => value,
    decode: (text) => (isTimestampText(text) ? text : otherType('timestamp')),
    isSame: (value, text) =>
      value === text ||
      (typeof value === 'string' && normalTimestamp(value) === normalTimestamp(text)),
  })
}
