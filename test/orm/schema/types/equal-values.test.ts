import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { ColumnType } from '../../../../orm/schema/column-type.ts'
import { arrayType } from '../../../../orm/schema/types/arrays.ts'
import { byteaType } from '../../../../orm/schema/types/bytes.ts'
import { intervalType, timeType } from '../../../../orm/schema/types/dates.ts'
import { bigintTypes, integerType } from '../../../../orm/schema/types/integers.ts'
import { jsonbType, jsonType } from '../../../../orm/schema/types/json.ts'
import { numericType, realType } from '../../../../orm/schema/types/numbers.ts'
import { charType, inetType, uuidType } from '../../../../orm/schema/types/texts.ts'
import {
  timestampTextType,
  timestamptzType,
  timestamptzTypeOf,
} from '../../../../orm/schema/types/timestamps.ts'
import { connect } from '../../../support/database.ts'

const client = await connect(inject('databaseUrl'))
afterAll(() => client.end())

beforeAll(() => client.query(`set time zone 'UTC'`))

/** What a column of the type holds after a value was written. */
async function store(type: ColumnType, value: unknown): Promise<string> {
  const { rows } = await client.query<[string]>({
    text: `select cast($1::${type.cast} as ${type.sql})`,
    values: [type.encode(value as never)],
    rowMode: 'array',
    types: { getTypeParser: () => (text: unknown) => text as string },
  })
  return rows[0]?.[0] as string
}

const uuid = '0190B0C4-8D2E-7C3A-9A41-3F0A6C1D2E4F'

describe('a value that PostgreSQL writes otherwise is no change', () => {
  it.each<[string, ColumnType, unknown, string]>([
    ['numeric', numericType(10, 2), '1.5', '1.50'],
    ['numeric', numericType(), '+1.5e3', '1500'],
    ['numeric', numericType(), '-.50', '-0.50'],
    ['numeric', numericType(), '-0', '0'],
    ['real', realType, 0.1 + 0.2, '0.3'],
    ['real', realType, 16777217, '1.6777216e+07'],
    ['char', charType(5), 'ab', 'ab   '],
    ['time', timeType(), '09:30', '09:30:00'],
    ['time', timeType(), '09:30:00.120', '09:30:00.12'],
    ['timestamp', timestampTextType(), '2024-02-29T09:30', '2024-02-29 09:30:00'],
    ['uuid', uuidType, uuid, uuid.toLowerCase()],
    ['inet', inetType, '10.0.0.1/32', '10.0.0.1'],
    ['inet', inetType, '2001:DB8::1', '2001:db8::1'],
    ['bigint', bigintTypes.string, '-007', '-7'],
    ['integer', integerType, -0, '0'],
    ['jsonb', jsonbType, { b: 1, a: [new Date(0)] }, '{"a": ["1970-01-01T00:00:00.000Z"], "b": 1}'],
    ['jsonb', jsonbType, { a: undefined }, '{}'],
    ['array', arrayType(numericType(10, 2), false), ['1.5', '2'], '{1.50,2.00}'],
    ['array', arrayType(realType, true), [0.1 + 0.2, null], '{0.3,NULL}'],
  ])('%s: %s', async (_, type, value, text) => {
    expect(type.accepts(value)).toBe(true)
    expect(await store(type, value)).toBe(text)
    expect(type.isSame(value, text)).toBe(true)
  })
})

describe('a change is seen', () => {
  it.each<[string, ColumnType, unknown, string]>([
    ['numeric', numericType(), '1.51', '1.50'],
    ['numeric', numericType(), 'NaN', '1'],
    ['numeric of another type', numericType(), 1.5, '1.50'],
    ['numeric', numericType(), '-1', '1'],
    ['real', realType, 0.31, '0.3'],
    ['time with other microseconds', timeType(), '09:30:00.1', '09:30:00.01'],
    ['interval', intervalType, '1 day', '24:00:00'],
    ['json with another order', jsonType, { a: 1, b: 2 }, '{"b":2,"a":1}'],
    ['bytea', byteaType, Buffer.from([1]), '\\x02'],
    ['array with an item less', arrayType(integerType, false), [1], '{1,2}'],
    ['array with another item', arrayType(integerType, false), [1, 3], '{1,2}'],
    ['array of another type', arrayType(integerType, false), 'x', '{1,2}'],
    ['timestamptz', timestamptzType, new Date(1), '1970-01-01 00:00:00+00'],
    ['timestamptz', timestamptzTypeOf({ infinity: true }), Infinity, '-infinity'],
    ['timestamptz', timestamptzTypeOf({ infinity: true }), new Date(0), 'infinity'],
  ])('%s', (_, type, value, text) => {
    expect(type.isSame(value, text)).toBe(false)
  })

  it('inside Dates, buffers, arrays and documents', () => {
    const check = <T>(type: ColumnType, text: string, change: (value: T) => void): void => {
      const value = type.decode(text) as T
      expect(type.isSame(value, text)).toBe(true)
      change(value)
      expect(type.isSame(value, text)).toBe(false)
    }
    check<Date>(timestamptzType, '2020-01-01 00:00:00+00', (date) => date.setUTCDate(2))
    check<Buffer>(byteaType, '\\x00ff', (bytes) => bytes.fill(1))
    check<number[]>(arrayType(integerType, false), '{1,2}', (list) => list.reverse())
    check<Buffer[]>(arrayType(byteaType, false), '{"\\\\x00"}', ([bytes]) => bytes?.fill(1))
    check<{ a: number[] }>(jsonbType, '{"a": [1]}', ({ a }) => a.push(2))
  })
})

it('sums are exact in every mode', () => {
  const sum = '36893488147419103230'
  expect(bigintTypes.bigint.decodeSum?.(sum)).toBe(36893488147419103230n)
  expect(bigintTypes.string.decodeSum?.(sum)).toBe(sum)
  expect(() => bigintTypes.number.decodeSum?.(sum)).toThrow('beyond the safe integers')
  expect(integerType.decodeSum?.('6442450941')).toBe(6442450941)
  expect(numericType().decodeSum?.('1.50')).toBe('1.50')
  expect(charType(1).decodeSum).toBeUndefined()
})
