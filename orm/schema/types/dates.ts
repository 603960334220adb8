import type { ColumnType } from '../column-type.ts'
import { stringScalar, withModifiers } from './scalar.ts'
import { isPlainText } from './texts.ts'
import { otherType } from './unreadable.ts'

const asString = (value: string): string => value
const isString = (value: unknown): boolean => typeof value === 'string'

const datePattern = /^(\d{4}|[1-9]\d{4,6})-(\d\d)-(\d\d)( BC)?$/
const latestYear = 5_874_897
const earliest = '4714-11-24 BC'
const infinities: readonly unknown[] = ['infinity', '-infinity']

/** Whether a text is a day of the calendar that PostgreSQL has: from 4714-11-24 BC to 5874897-12-31. */
export function isCalendarDate(text: string): boolean {
  const [match, years, months, days, bc] = datePattern.exec(text) ?? []
  if (match === undefined) return false
  const [year, month, day] = [Number(years), Number(months), Number(days)]
  if (year === 0 || day === 0 || day > daysIn(bc === undefined ? year : 1 - year, month))
    return false
  if (bc === undefined) return year <= latestYear
  return year < 4714 || (year === 4714 && text >= earliest)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  if (month === 4 || month === 6 || month === 9 || month === 11) return 30
  return month >= 1 && month <= 12 ? 31 : 0
}

function isDate(value: unknown): boolean {
  return typeof value === 'string' && (isCalendarDate(value) || infinities.includes(value))
}

export const dateType: ColumnType = stringScalar(
  {
    cast: 'date',
    kind: 'date',
    jsType: 'a string',
    expected: 'a date such as "2024-02-29"',
    isComparable: true,
    hasExactText: true,
    isType: isString,
    accepts: isDate,
    encode: asString,
    decode: (text) => (isDate(text) ? text : otherType('date')),
    isSame: (value, text) => value === text,
  },
  { how: 'same' },
)

const timePattern = /^(?:([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?|24:00(:00(\.0{1,6})?)?)$/

/** Whether a text is a time of a day: `09:30`, `09:30:00.123456`, `24:00:00`. */
export function isTimeOfDay(text: string): boolean {
  return timePattern.test(text)
}

/** As PostgreSQL writes it: with seconds, and without zeros at the end of their fraction. */
export function normalTime(text: string): string {
  const full = text.length === 5 ? `${text}:00` : text
  return full.includes('.') ? full.replace(/\.?0{0,6}$/, '') : full
}

/** `time`, without a time zone. */
export function timeType(precision?: number): ColumnType {
  return stringScalar({
    cast: 'time',
    sql: withModifiers('time', precision),
    kind: 'time',
    jsType: 'a string',
    expected: 'a time such as "09:30" or "09:30:00.123456"',
    isComparable: true,
    hasExactText: false,
    isType: isString,
    accepts: (value) => typeof value === 'string' && isTimeOfDay(value),
    encode: asString,
    decode: (text) => (isTimeOfDay(text) ? text : otherType('time')),
    isSame: (value, text) =>
      value === text || (typeof value === 'string' && normalTime(value) === normalTime(text)),
  })
}

/** `interval`: PostgreSQL's own text. It takes many forms, so PostgreSQL checks it. */
export const intervalType: ColumnType = stringScalar(
  {
    cast: 'interval',
    kind: 'interval',
    jsType: 'a string',
    expected: 'an interval such as "1 day 02:00:00"',
    isComparable: true,
    // One month equals 30 days.
    hasExactText: false,
    isType: isString,
    accepts: (value) => isPlainText(value) && value.trim() !== '',
    encode: asString,
    decode: asString,
    decodeSum: asString,
    isSame: (value, text) => value === text,
  },
  { how: 'same' },
)
