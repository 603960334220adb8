import {
  unreadableTimestamp,
  decodeLocalTimestamp,
  decodeTimestamp,
  microsecondsOf,
  requireInDates,
  timestampText,
} from '../timestamp.ts'
import type { Kept } from '../keep.ts'
import type { BinaryFormat } from '../wire-form.ts'
import { readBig64, readSafe64, writeBig64, writeSafe64 } from './bytes-of-integers.ts'

/** Milliseconds from 1970 to 2000, where PostgreSQL begins. */
const epoch = 946_684_800_000
const past = -(2n ** 63n)
const future = 2n ** 63n - 1n

const ids = {
  timestamptz: { oid: 1184, arrayOid: 1185 },
  timestamp: { oid: 1114, arrayOid: 1115 },
} as const

/** Microseconds since 2000 in 64 bits; the least and the greatest number are the infinities. */
export function instantFormat(name: keyof typeof ids, hasInfinity: boolean): BinaryFormat {
  const isZoned = name === 'timestamptz'
  const zone = isZoned ? '+00' : ''

  const keep = (milliseconds: number, rest: number): Kept =>
    rest === 0 ? milliseconds : timestampText(milliseconds, rest, zone)

  const ofLarge = (value: bigint): Kept => {
    if (value === past || value === future) {
      const text = value === past ? '-infinity' : 'infinity'
      if (hasInfinity) return text
      throw unreadableTimestamp(text, isZoned)
    }
    const rest = ((value % 1000n) + 1000n) % 1000n
    return keep(requireInDates(Number((value - rest) / 1000n) + epoch), Number(rest))
  }

  const microseconds = (kept: Kept): bigint => {
    if (kept === 'infinity') return future
    if (kept === '-infinity') return past
    if (typeof kept === 'number') return BigInt(kept - epoch) * 1000n
    const text = kept as string
    const milliseconds = isZoned ? decodeTimestamp(text) : decodeLocalTimestamp(text)
    return BigInt(milliseconds - epoch) * 1000n + BigInt(microsecondsOf(text))
  }

  return Object.freeze({
    ...ids[name],
    read(bytes, at) {
      const value = readSafe64(bytes, at)
      if (value === undefined) return ofLarge(readBig64(bytes, at))
      let rest = value % 1000
      if (rest < 0) rest += 1000
      return keep((value - rest) / 1000 + epoch, rest)
    },
    sizeOf: () => 8,
    write(kept, bytes, at) {
      const value = typeof kept === 'number' ? (kept - epoch) * 1000 : Number.NaN
      return Number.isSafeInteger(value)
        ? writeSafe64(value, bytes, at)
        : writeBig64(microseconds(kept), bytes, at)
    },
  } satisfies BinaryFormat)
}
