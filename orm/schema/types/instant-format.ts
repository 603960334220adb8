import { requireInDates, unreadableTimestamp } from '../timestamp.ts'
import type { Kept } from '../keep.ts'
import type { BinaryFormat } from '../wire-form.ts'
import { readInt32, writeBig64, writeInt32 } from './bytes-of-integers.ts'
import { keptInstant, microsecondOf, millisecondOf } from './kept-instant.ts'

/** Milliseconds from 1970 to 2000, where PostgreSQL begins. */
const epochMs = 946_684_800_000
const epoch = epochMs * 1000

const two32 = 2 ** 32
const epochHigh = Math.floor(epoch / two32)
const epochLow = epoch - epochHigh * two32

/** 2 ** 32 microseconds in milliseconds, and the microseconds beyond them. */
const millisecondsOfHigh = 4_294_967
const microsecondsOfHigh = 296

const [leastHigh, greatestHigh, greatestLow] = [-(2 ** 31), 2 ** 31 - 1, two32 - 1]
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

  const infinite = (text: string): string => {
    if (hasInfinity) return text
    throw unreadableTimestamp(text, isZoned)
  }

  /** The instant of two halves whose sum is no safe integer. */
  const ofHalves = (high: number, low: number): Kept => {
    if (high === greatestHigh && low === greatestLow) return infinite('infinity')
    if (high === leastHigh && low === 0) return infinite('-infinity')
    const rest = high * microsecondsOfHigh + low
    const milliseconds = Math.floor(rest / 1000)
    return keptInstant(
      requireInDates(high * millisecondsOfHigh + milliseconds + epochMs),
      rest - milliseconds * 1000,
      zone,
    )
  }

  const microseconds = (kept: Kept): bigint => {
    if (kept === 'infinity') return future
    if (kept === '-infinity') return past
    return BigInt(millisecondOf(kept, zone) - epochMs) * 1000n + BigInt(microsecondOf(kept))
  }

  return Object.freeze({
    ...ids[name],
    read(bytes, at) {
      const high = readInt32(bytes, at)
      const low = readInt32(bytes, at + 4) >>> 0
      // The first sum is exact, as a multiple of 2 ** 13. The second is, where it is a safe integer.
      const value = high * two32 + epoch + low
      return Number.isSafeInteger(value) ? value : ofHalves(high, low)
    },
    sizeOf: () => 8,
    write(kept, bytes, at) {
      if (!Number.isSafeInteger(kept)) return writeBig64(microseconds(kept), bytes, at)
      // By halves, since the whole may be below the safe integers.
      let high = Math.floor((kept as number) / two32)
      let low = (kept as number) - high * two32 - epochLow
      high -= epochHigh
      if (low < 0) {
        low += two32
        high -= 1
      }
      return writeInt32(low, bytes, writeInt32(high, bytes, at))
    },
  } satisfies BinaryFormat)
}
