import fc from 'fast-check'
import { expect, inject, it } from 'vitest'
import { timestamptzType } from '../../../orm/schema/column-types.ts'
import { decodeTimestamp } from '../../../orm/schema/timestamp.ts'
import { connect } from '../../support/database.ts'

const iso = (text: string) => new Date(decodeTimestamp(text)).toISOString()

it.each([
  ['1970-01-01 00:00:00+00', '1970-01-01T00:00:00.000Z'],
  ['2020-02-29 23:59:59.123456+00', '2020-02-29T23:59:59.123Z'],
  ['2020-02-29 12:00:00.1+05:45', '2020-02-29T06:15:00.100Z'],
  ['1890-01-01 00:19:32+00:19:32', '1890-01-01T00:00:00.000Z'],
  ['2020-01-01 00:00:00-03:30', '2020-01-01T03:30:00.000Z'],
  ['0001-01-01 00:00:00+00', '0001-01-01T00:00:00.000Z'],
  ['0001-12-31 00:00:00+00 BC', '0000-12-31T00:00:00.000Z'],
  ['4713-01-01 00:00:00+00 BC', '-004712-01-01T00:00:00.000Z'],
  ['10000-01-01 00:00:00+00', '+010000-01-01T00:00:00.000Z'],
])('reads %s as %s', (text, expected) => {
  expect(iso(text)).toBe(expected)
})

it.each(['infinity', '-infinity', '01.02.2020 00:00:00 CET', '2020-01-01', ''])(
  'refuses %j, instead of giving another instant',
  (text) => {
    expect(() => decodeTimestamp(text)).toThrow(RangeError)
  },
)

it('agrees with PostgreSQL about any instant, in any time zone', async () => {
  await using client = await connect(inject('databaseUrl'))
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
  const zones = fc.constantFrom('UTC', 'Asia/Kathmandu', 'Europe/Amsterdam', 'America/St_Johns')
  const dates = fc.array(fc.oneof(instants, near), { minLength: 1, maxLength: 50 })
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
