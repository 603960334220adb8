import fc from 'fast-check'
import { afterAll, describe, expect, inject, it } from 'vitest'
import {
  decodeLocalTimestamp,
  decodeTimestamp,
  encodeTimestamp,
} from '../../../orm/schema/timestamp.ts'
import { timestampTypeOf, timestamptzType } from '../../../orm/schema/types/timestamps.ts'
import { UnreadableError } from '../../../orm/schema/types/unreadable.ts'
import { connect } from '../../support/database.ts'

const client = await connect(inject('databaseUrl'))
afterAll(() => client.end())

const iso = (text: string) => new Date(decodeTimestamp(text)).toISOString()

const instants = fc.date({
  min: new Date('-004712-01-01T00:00:00Z'),
  max: new Date(8.64e15),
  noInvalidDate: true,
})
const near = fc.date({
  min: new Date('1850-01-01'),
  max: new Date('2100-01-01'),
  noInvalidDate: true,
})
const dates = fc.array(fc.oneof(instants, near), { minLength: 1, maxLength: 50 })
const zones = fc.constantFrom('UTC', 'Asia/Kathmandu', 'Europe/Amsterdam', 'America/St_Johns')

describe('timestamptz', () => {
  it.each([
    ['1970-01-01 00:00:00+00', '1970-01-01T00:00:00.000Z'],
    ['2020-02-29 23:59:59.123456+00', '2020-02-29T23:59:59.123Z'],
    ['2020-02-29 12:00:00.1+05:45', '2020-02-29T06:15:00.100Z'],
    ['1890-01-01 00:19:32+00:19:32', '1890-01-01T00:00:00.000Z'],
    ['2020-01-01 00:00:00-03:30', '2020-01-01T03:30:00.000Z'],
    ['2020-01-01T00:00:00.000Z', '2020-01-01T00:00:00.000Z'],
    ['0001-01-01 00:00:00+00', '0001-01-01T00:00:00.000Z'],
    ['0001-12-31 00:00:00+00 BC', '0000-12-31T00:00:00.000Z'],
    ['4713-01-01 00:00:00+00 BC', '-004712-01-01T00:00:00.000Z'],
    ['10000-01-01 00:00:00+00', '+010000-01-01T00:00:00.000Z'],
  ])('reads %s as %s', (text, expected) => {
    expect(iso(text)).toBe(expected)
  })

  it.each([
    ['infinity', 'declare it timestamptz({ infinity: true })'],
    ['-infinity', 'declare it timestamptz({ infinity: true })'],
    ['01.02.2020 00:00:00 CET', 'not in the format of DateStyle ISO'],
    ['2020-01-01', 'not in the format of DateStyle ISO'],
    ['', 'not in the format of DateStyle ISO'],
    ['2020-01-01 00:00:00', 'without time zone in the database; declare it timestamp()'],
    ['290000-01-01 00:00:00+00', 'later than any Date'],
  ])('refuses %j, instead of giving another instant', (text, message) => {
    expect(() => decodeTimestamp(text)).toThrow(UnreadableError)
    expect(() => decodeTimestamp(text)).toThrow(message)
  })

  it('agrees with PostgreSQL about any instant, in any time zone', async () => {
    await fc.assert(
      fc.asyncProperty(zones, dates, async (zone, given) => {
        await client.query(`set time zone '${zone}'`)
        const { rows } = await client.query<{ text: string; ms: string }>(
          `select at::text as text, (extract(epoch from at) * 1000)::bigint as ms
           from unnest($1::timestamptz[]) with ordinality as given (at, place) order by place`,
          [given.map((date) => timestamptzType.encode(date as never))],
        )
        expect(rows.map(({ ms }) => Number(ms))).toEqual(given.map((date) => date.getTime()))
        expect(rows.map(({ text }) => decodeTimestamp(text))).toEqual(
          given.map((date) => date.getTime()),
        )
      }),
      { numRuns: 60 },
    )
  })
})

describe('timestamp', () => {
  it('is UTC, whatever the time zones of the process and the session are', async () => {
    const before = process.env['TZ']
    try {
      for (const zone of ['Asia/Kathmandu', 'America/St_Johns', 'Europe/Amsterdam']) {
        process.env['TZ'] = zone
        await client.query(`set time zone '${zone}'`)
        // The hour that the clocks of Amsterdam skip.
        const date = new Date('2024-03-31T02:30:00.123Z')
        const text = timestampTypeOf().encode(date as never)
        const { rows } = await client.query<{ text: string }>(
          'select $1::timestamp::text as text',
          [text],
        )
        expect(rows).toEqual([{ text: '2024-03-31 02:30:00.123' }])
        expect(decodeLocalTimestamp('2024-03-31 02:30:00.123')).toBe(date.getTime())
      }
    } finally {
      if (before === undefined) delete process.env['TZ']
      else process.env['TZ'] = before
    }
  })

  it('says what to declare where the column has a time zone', () => {
    for (const text of ['2020-01-01 00:00:00+00', '2020-01-01 00:00:00.5-03:30'])
      expect(() => decodeLocalTimestamp(text)).toThrow('declare it timestamptz()')
  })
})

describe('the range of a Date', () => {
  it('is its millisecond, and that of the next Date begins where it ends', async () => {
    await client.query(`set time zone 'UTC'`)
    await fc.assert(
      fc.asyncProperty(dates, fc.nat(999), async (given, microseconds) => {
        const ranges = given.map((date) => timestamptzType.rangeOf?.(date as never))
        const { rows } = await client.query<{ inside: boolean; width: string }>(
          `select at >= low::timestamptz and at < high::timestamptz as inside,
             (extract(epoch from high::timestamptz - low::timestamptz) * 1000)::text as width
           from unnest($1::text[], $2::text[], $3::text[]) as given (low, high, moment),
             lateral (select moment::timestamptz + interval '${microseconds} microseconds' as at) as moved`,
          [
            ranges.map((range) => range?.[0]),
            ranges.map((range) => range?.[1]),
            given.map((date) => encodeTimestamp(date.getTime(), 'Z')),
          ],
        )
        for (const { inside, width } of rows) {
          expect(inside).toBe(true)
          expect(Number(width)).toBe(1)
        }
      }),
      { numRuns: 40 },
    )
  })

  it.each([
    [new Date(-1), '1969-12-31T23:59:59.999Z', '1970-01-01T00:00:00.000Z'],
    [new Date('9999-12-31T23:59:59.999Z'), '9999-12-31T23:59:59.999Z', '10000-01-01T00:00:00.000Z'],
    [
      new Date('0000-12-31T23:59:59.999Z'),
      '0001-12-31T23:59:59.999Z BC',
      '0001-01-01T00:00:00.000Z',
    ],
    [new Date(8.64e15), '275760-09-13T00:00:00.000Z', '275760-09-13T00:00:00.001Z'],
  ])('of %s', (date, from, to) => {
    expect(timestamptzType.rangeOf?.(date as never)).toEqual([from, to])
  })

  it('is none of an infinite one', () => {
    const type = timestampTypeOf({ infinity: true })
    expect(type.rangeOf?.(Infinity as never)).toBeUndefined()
    expect(type.rangeOf?.(new Date(0) as never)).toEqual([
      '1970-01-01T00:00:00.000',
      '1970-01-01T00:00:00.001',
    ])
  })
})
