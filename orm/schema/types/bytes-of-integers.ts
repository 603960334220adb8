/** Integers of 32 and 64 bits, most significant byte first. By hand: `Buffer` checks each argument. */

export function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

export function writeInt32(value: number, bytes: Uint8Array, at: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}

/** How often 32 bits fit into the safe integers. */
const safeHigh = 2 ** 21
const two32 = 2 ** 32

/** The number; undefined beyond the safe integers. */
export function readSafe64(bytes: Uint8Array, at: number): number | undefined {
  const high = readInt32(bytes, at)
  if (high >= safeHigh || high < -safeHigh) return undefined
  const value = high * two32 + (readInt32(bytes, at + 4) >>> 0)
  return Number.isSafeInteger(value) ? value : undefined
}

/** Writes a safe integer. */
export function writeSafe64(value: number, bytes: Uint8Array, at: number): number {
  const high = Math.floor(value / two32)
  return writeInt32(value - high * two32, bytes, writeInt32(high, bytes, at))
}

export function readBig64(bytes: Uint8Array, at: number): bigint {
  const low = BigInt(readInt32(bytes, at + 4) >>> 0)
  return (BigInt(readInt32(bytes, at)) << 32n) | low
}

export function writeBig64(value: bigint, bytes: Uint8Array, at: number): number {
  const low = Number(BigInt.asUintN(32, value))
  return writeInt32(low, bytes, writeInt32(Number(BigInt.asIntN(32, value >> 32n)), bytes, at))
}
