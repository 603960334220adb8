import type { Kept } from '../keep.ts'
import {
  decodeLocalTimestamp,
  decodeTimestamp,
  microsecondsOf,
  timestampText,
} from '../timestamp.ts'

/** What PostgreSQL's text in UTC ends with: a `timestamptz` has a zone, a `timestamp` has none. */
export type TextZone = '+00' | ''

/**
 * What a snapshot keeps of an instant: its microseconds since 1970. Beyond the safe integers (before
 * 1684 and after 2255) it is PostgreSQL's text in UTC, which does not depend on the session's time zone.
 *
 * @param microseconds those within the millisecond
 */
export function keptInstant(milliseconds: number, microseconds: number, zone: TextZone): Kept {
  // A multiple of 8 below 2 ** 63, so only results that are no safe integers are rounded.
  const kept = milliseconds * 1000 + microseconds
  // An invalid Date stays NaN, which is equal to nothing.
  return Number.isSafeInteger(kept) || Number.isNaN(kept)
    ? kept
    : timestampText(milliseconds, microseconds, zone)
}

/** The same of PostgreSQL's text in any time zone. */
export function keptOfText(text: string, zone: TextZone): Kept {
  return keptInstant(decode(text, zone), microsecondsOf(text), zone)
}

/** The millisecond, as a Date has it. */
export function millisecondOf(kept: Kept, zone: TextZone): number {
  // The quotient of a safe integer is below 2 ** 44, where a thousandth is more than half the distance
  // of two numbers: it never reaches the next whole number.
  return typeof kept === 'number' ? Math.floor(kept / 1000) : decode(kept as string, zone)
}

/** The microseconds within the millisecond. */
export function microsecondOf(kept: Kept): number {
  if (typeof kept !== 'number') return microsecondsOf(kept as string)
  return kept - Math.floor(kept / 1000) * 1000
}

/** PostgreSQL's text in UTC. */
export function textOfInstant(kept: Kept, zone: TextZone): string {
  return typeof kept === 'number'
    ? timestampText(millisecondOf(kept, zone), microsecondOf(kept), zone)
    : (kept as string)
}

function decode(text: string, zone: TextZone): number {
  return zone === '' ? decodeLocalTimestamp(text) : decodeTimestamp(text)
}
