import { UnreadableError } from './types/unreadable.ts'

// What PostgreSQL writes, and what encodeTimestamp does.
const pattern =
  /^(\d{4,})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:(Z)|([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?( BC)?$/

// Milliseconds from 1970 to the last Date there is, in the year 275760.
const latest = 8.64e15

const [point, minus, space, zero] = [46, 45, 32, 48]

/** Milliseconds since 1970 of PostgreSQL's text of a `timestamptz` (DateStyle ISO); microseconds are cut. */
export function decodeTimestamp(text: string): number {
  return decodeUsual(text, 3) ?? decodeAny(text, true)
}

/** The same of a `timestamp`, which has no time zone: it is read as UTC. */
export function decodeLocalTimestamp(text: string): number {
  return decodeUsual(text, 0) ?? decodeAny(text, false)
}

/** A text of an instant in UTC that PostgreSQL reads: with `Z` for a `timestamptz`, without it for a `timestamp`. */
export function encodeTimestamp(milliseconds: number, zone: 'Z' | ''): string {
  // A millisecond later than the last Date: the end of what that Date stands for.
  if (milliseconds > latest) return `275760-09-13T00:00:00.001${zone}`
  const date = new Date(milliseconds)
  const year = date.getUTCFullYear()
  // toISOString writes years outside 0..9999 with a sign and six digits, and 1 BC as year 0: PostgreSQL reads neither.
  const text = date.toISOString()
  const rest = text.slice(text.indexOf('-', 1), -1) + zone
  if (year >= 1) return `${String(year).padStart(4, '0')}${rest}`
  return `${String(1 - year).padStart(4, '0')}${rest} BC`
}

/** The microseconds within the millisecond. */
export function microsecondsOf(text: string): number {
  const dot = text.charCodeAt(19) === point ? 19 : text.indexOf('.')
  if (dot < 0) return 0
  let microseconds = 0
  let weight = 100
  for (let at = dot + 4; weight >= 1 && digitAt(text, at) >= 0; at += 1) {
    microseconds += digitAt(text, at) * weight
    weight /= 10
  }
  return microseconds
}

/** What PostgreSQL writes with DateStyle ISO, of a `timestamptz` in UTC: `2026-11-22 11:41:40.123456+00`. */
export function timestampText(
  milliseconds: number,
  microseconds: number,
  zone: '+00' | '',
): string {
  const iso = encodeTimestamp(milliseconds, '')
  const era = iso.endsWith(' BC') ? ' BC' : ''
  const [day = '', time = ''] = iso.slice(0, iso.length - era.length).split('T')
  const digits = time.slice(9) + String(microseconds).padStart(3, '0')
  const fraction = digits.replace(/0+$/, '')
  return `${day} ${time.slice(0, 8)}${fraction === '' ? '' : `.${fraction}`}${zone}${era}`
}

/**
 * `2026-11-22 11:41:40.123456+00`: what nearly every row has, by its places, since the pattern takes
 * seven times as long. Undefined where the text has another form.
 */
function decodeUsual(text: string, zoneLength: 0 | 3): number | undefined {
  if (text.charCodeAt(4) !== minus || text.charCodeAt(10) !== space) return undefined
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  let end = 19
  let millisecond = 0
  if (text.charCodeAt(end) === point) {
    let weight = 100
    for (end += 1; digitAt(text, end) >= 0; end += 1) {
      if (weight >= 1) millisecond += digitAt(text, end) * weight
      weight /= 10
    }
  }
  // `Date.UTC` takes the years below 100 for those of the last century.
  if (text.length !== end + zoneLength || !(year >= 100)) return undefined
  const zone = zoneLength === 0 ? 0 : twoDigits(text, end + 1)
  const hour = twoDigits(text, 11) - (text.charCodeAt(end) === minus ? -zone : zone)
  const value = Date.UTC(
    year,
    twoDigits(text, 5) - 1,
    twoDigits(text, 8),
    hour,
    twoDigits(text, 14),
    twoDigits(text, 17),
    millisecond,
  )
  return Number.isNaN(value) ? undefined : value
}

function twoDigits(text: string, index: number): number {
  return (text.charCodeAt(index) - zero) * 10 + text.charCodeAt(index + 1) - zero
}

/** The digit at a place; negative where there is none. */
function digitAt(text: string, index: number): number {
  const digit = text.charCodeAt(index) - zero
  return digit >= 0 && digit <= 9 ? digit : -1
}

function decodeAny(text: string, hasZone: boolean): number {
  const match = pattern.exec(text)
  if (match === null) throw unreadableTimestamp(text, hasZone)
  const [, year, month, day, hour, minute, second, fraction = '', utc, sign, ...zone] = match
  if ((utc !== undefined || sign !== undefined) !== hasZone) throw otherZone(hasZone)
  const [zoneHour = 0, zoneMinute = 0, zoneSecond = 0, bc] = zone
  const moment = new Date(0)
  moment.setUTCFullYear(
    bc === undefined ? Number(year) : 1 - Number(year),
    Number(month) - 1,
    Number(day),
  )
  const time = seconds(hour, minute, second) * 1000 + Number(fraction.slice(0, 3).padEnd(3, '0'))
  const offset = seconds(zoneHour, zoneMinute, zoneSecond) * 1000
  const value = moment.getTime() + time - (sign === '-' ? -offset : offset)
  return requireInDates(value)
}

/** Refuses a millisecond that no Date can hold. */
export function requireInDates(milliseconds: number): number {
  if (Math.abs(milliseconds) <= latest) return milliseconds
  throw new UnreadableError('holds a timestamp later than any Date')
}

function seconds(hours: unknown, minutes: unknown, rest: unknown): number {
  return (Number(hours) * 60 + Number(minutes)) * 60 + Number(rest)
}

/** The error of a text that is no timestamp of the declared type. */
export function unreadableTimestamp(text: string, hasZone: boolean): UnreadableError {
  if (text !== 'infinity' && text !== '-infinity')
    return new UnreadableError('holds a timestamp that is not in the format of DateStyle ISO')
  const name = hasZone ? 'timestamptz' : 'timestamp'
  return new UnreadableError(
    `holds an infinite timestamp, which no Date can hold; declare it ${name}({ infinity: true })`,
  )
}

function otherZone(hasZone: boolean): UnreadableError {
  return new UnreadableError(
    hasZone
      ? 'is a timestamp without time zone in the database; declare it timestamp()'
      : 'is a timestamp with time zone in the database; declare it timestamptz()',
  )
}
