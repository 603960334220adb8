import fc from 'fast-check'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { compile } from '../../../../orm/entity/compiled-table.ts'
import type { Kept } from '../../../../orm/schema/keep.ts'
import { tableOf } from '../../../../orm/schema/table-of.ts'
import {
  timestamptzType,
  timestamptzTypeOf,
  timestampTypeOf,
} from '../../../../orm/schema/types/timestamps.ts'
import { integer, table, timestamptz } from '../../../../orm/index.ts'
import { connect } from '../../../support/database.ts'

const client = await connect(inject('databaseUrl'))
afterAll(() => client.end())

const { keep } = timestamptzType
const binary = keep.binary as NonNullable<typeof keep.binary>
const epoch = 946_684_800_000_000n
const safe = BigInt(Number.MAX_SAFE_INTEGER)
const lastDate = 8_640_000_000_000_000n
const firstDate = -lastDate

function bytesOf(wire: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(wire)
  return bytes
}

function readWire(wire: bigint): Kept {
  return binary.read(bytesOf(wire), 0, 8) as Kept
}

function floorDivided(value: bigint, by: bigint): bigint {
  return (value - (((value % by) + by) % by)) / by
}

const around = (middle: bigint, width = 3000n): fc.Arbitrary<bigint> =>
  fc.bigInt(middle - width, middle + width)

/** Microseconds since 1970, more of them where the arithmetic has its bounds. */
const instants = fc.oneof(
  fc.bigInt(-safe, safe),
  fc.bigInt(firstDate * 1000n, lastDate * 1000n + 999n),
  ...[0n, epoch, safe, -safe, epoch - safe, epoch + safe].map((middle) => around(middle)),
  ...[2n ** 32n, -(2n ** 32n), epoch - 2n ** 53n].map((middle) => around(middle)),
  // The largest fractions of the largest numbers.
  fc.bigInt(safe / 1000n - 2000n, safe / 1000n - 1n).map((quotient) => quotient * 1000n + 999n),
  fc.bigInt(-safe / 1000n + 1n, -safe / 1000n + 2000n).map((quotient) => quotient * 1000n + 1n),
)

describe('the microseconds of an instant', () => {
  it('are exact, in each way they come and go', () => {
    fc.assert(
      fc.property(instants, (instant) => {
        const millisecond = floorDivided(instant, 1000n)
        const time = Number(millisecond)
        const kept = readWire(instant - epoch)
        const isSafe = instant >= -safe && instant <= safe
        expect(kept).toBe(isSafe ? Number(instant) : String(kept))
        const text = keep.toText(kept)
        expect(keep.fromText(text)).toBe(kept)
        const again = Buffer.alloc(8)
        binary.write(kept, again, 0)
        expect(again.readBigInt64BE()).toBe(instant - epoch)
        const date = keep.toValue(kept) as Date
        expect(date.getTime()).toBe(time)
        expect(keep.fromValue(date as never)).toBe(readWire(millisecond * 1000n - epoch))
        expect(keep.isSame(date, kept)).toBe(true)
        expect(keep.isSame(new Date(time + 1), kept)).toBe(false)
        expect(keep.isSame(new Date(time - 1), kept)).toBe(false)
      }),
      { numRuns: 3000 },
    )
  })

  it('are refused later than any Date', () => {
    const beyond = fc.oneof(
      fc.bigInt(lastDate * 1000n + 1000n - epoch, 2n ** 63n - 2n),
      fc.bigInt(-(2n ** 63n) + 1n, firstDate * 1000n - 1n - epoch),
    )
    fc.assert(
      fc.property(beyond, (wire) => {
        expect(() => readWire(wire)).toThrow('later than any Date')
      }),
    )
  })

  it('are those of PostgreSQL at both ends of the safe integers', async () => {
    for (const instant of [-safe - 1n, -safe, -1n, 0n, safe, safe + 1n]) {
      const { rows } = await client.query<{ text: string }>(
        `select ('1970-01-01 00:00:00+00'::timestamptz + div($1::numeric, 1000000)::bigint * interval '1 second'
          + mod($1::numeric, 1000000)::int * interval '1 microsecond')::text as text`,
        [String(instant)],
      )
      const kept = keep.fromText(rows[0]?.text as string)
      expect(kept).toBe(readWire(instant - epoch))
      expect(typeof kept).toBe(instant >= -safe && instant <= safe ? 'number' : 'string')
    }
  })

  it.each([
    ['2026-11-22 11:41:40.123456+00', 1_795_347_700_123_456],
    ['2026-11-22 17:11:40.123456+05:30', 1_795_347_700_123_456],
    ['1969-12-31 23:59:59.999999+00', -1],
    ['1969-12-31 23:59:59.9+00', -100_000],
    ['1970-01-01 00:00:00+00', 0],
    ['1684-07-28 00:12:25.259009+00', -Number.MAX_SAFE_INTEGER],
    ['2255-06-05 23:47:34.740991+00', Number.MAX_SAFE_INTEGER],
    ['1684-07-28 00:12:25.259008+00', '1684-07-28 00:12:25.259008+00'],
    ['2255-06-06 05:47:34.740992+06', '2255-06-05 23:47:34.740992+00'],
    ['0044-03-15 12:00:00.000001+00 BC', '0044-03-15 12:00:00.000001+00 BC'],
    ['10000-01-01 00:00:00+00', '10000-01-01 00:00:00+00'],
  ])('%s is kept as %s', (text, kept) => {
    expect(keep.fromText(text)).toBe(kept)
  })

  it('are the same of a timestamp, which has no zone', () => {
    const local = timestampTypeOf().keep
    expect(local.fromText('1969-12-31 23:59:59.999999')).toBe(-1)
    expect(local.toText(-1)).toBe('1969-12-31 23:59:59.999999')
    expect(local.fromText('2300-01-01 00:00:00.5')).toBe('2300-01-01 00:00:00.5')
    expect(local.form).not.toBe(keep.form)
  })
})

it('an instant beyond the safe integers is kept as the text of its Date', () => {
  for (const time of [-1e13, 1e13, 8.64e15, -8.64e15]) {
    const date = new Date(time)
    const kept = keep.fromValue(date as never)
    expect(kept).toBe(keep.fromText(timestamptzType.encode(date as never)))
    expect(typeof kept).toBe('string')
    expect(keep.toValue(kept)).toEqual(date)
    expect(keep.isSame(new Date(time), kept)).toBe(true)
    expect(keep.isSame(new Date(time - Math.sign(time)), kept)).toBe(false)
  }
})

class Visit extends table('visits', {
  id: integer().primaryKey(),
  at: timestamptz(),
  until: timestamptz({ infinity: true }),
}) {}

describe.each([
  ['generated', true],
  ['looped', false],
])('%s code', (_, isGenerated) => {
  const compiled = compile(tableOf(Visit).columns, isGenerated)

  it.each([
    [-1, -1],
    [-1000, -1],
    [-1001, -2],
    [0, 0],
    [999, 0],
    [1000, 1],
    [Number.MAX_SAFE_INTEGER, 9_007_199_254_740],
    [-Number.MAX_SAFE_INTEGER, -9_007_199_254_741],
    ['2300-01-01 00:00:00.000001+00', 10_413_792_000_000],
  ])('gives what is kept as %s the millisecond %i, and sees each change', (kept, time) => {
    const row = [1, kept, kept]
    const visit: Record<string, unknown> = {}
    compiled.assign(visit, row)
    expect(visit).toEqual({ id: 1, at: new Date(time), until: new Date(time) })
    expect(compiled.nextChange(visit, row, 0)).toBe(-1)
    const others = [time + 1, time - 1, Number.NaN].map((other) => new Date(other))
    for (const other of [...others, time, kept, null, undefined, String(new Date(time))])
      for (const name of ['at', 'until'])
        expect(compiled.nextChange({ ...visit, [name]: other }, row, 0)).not.toBe(-1)
  })

  it('sees an infinity that came or went', () => {
    const row = [1, 0, 'infinity']
    const visit: Record<string, unknown> = {}
    compiled.assign(visit, row)
    expect(visit['until']).toBe(Infinity)
    expect(compiled.nextChange(visit, row, 0)).toBe(-1)
    expect(compiled.nextChange({ ...visit, until: -Infinity }, row, 0)).not.toBe(-1)
    expect(compiled.nextChange({ ...visit, until: new Date(0) }, row, 0)).not.toBe(-1)
    expect(compiled.nextChange(visit, [1, 0, 0], 0)).not.toBe(-1)
  })
})

it('an invalid Date is equal to nothing that is kept, and never written', () => {
  const invalid = new Date(Number.NaN) as never
  const kept = keep.fromValue(invalid)
  expect(kept).toBeNaN()
  expect(keep.isSame(invalid, kept)).toBe(false)
  expect(() => keep.toText(kept)).toThrow(RangeError)
  expect(() => binary.write(kept, Buffer.alloc(8), 0)).toThrow(RangeError)
  expect(timestamptzTypeOf({ infinity: true }).keep.fromValue(invalid)).toBeNaN()
})
