import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { ColumnType } from '../../../../orm/schema/column-type.ts'
import { arrayType } from '../../../../orm/schema/types/arrays.ts'
import { booleanType } from '../../../../orm/schema/types/boolean.ts'
import { byteaType } from '../../../../orm/schema/types/bytes.ts'
import { dateType, intervalType, timeType } from '../../../../orm/schema/types/dates.ts'
import { enumerationType } from '../../../../orm/schema/types/enumerations.ts'
import { bigintTypes, integerType, smallintType } from '../../../../orm/schema/types/integers.ts'
import { jsonbType, jsonType } from '../../../../orm/schema/types/json.ts'
import { doubleType, numericType, realType } from '../../../../orm/schema/types/numbers.ts'
import {
  charType,
  citextType,
  inetType,
  textType,
  uuidType,
  varcharType,
} from '../../../../orm/schema/types/texts.ts'
import {
  timestampTextType,
  timestampTypeOf,
  timestamptzType,
  timestamptzTypeOf,
} from '../../../../orm/schema/types/timestamps.ts'
import { connect } from '../../../support/database.ts'
import { echoAll, echoOne } from './server.ts'

const client = await connect(inject('databaseUrl'))
afterAll(() => client.end())

const mood = enumerationType({
  schema: 'Odd "s',
  name: 'Mo"od',
  values: ['ok', 'so, so', '{"}', 'ä'],
})

beforeAll(async () => {
  await client.query('create schema if not exists "Odd ""s"')
  await client.query(`create type "Odd ""s"."Mo""od" as enum ('ok', 'so, so', '{"}', 'ä')`)
  await client.query('create extension if not exists citext')
})

const hard = [
  '',
  ' ',
  'NULL',
  'null',
  '{}',
  '{a,b}',
  '"quoted"',
  "it's",
  'back\\slash \\" \\\\',
  '\\',
  'line\nbreak\r\n\ttab',
  'Grüße, 世界 👩‍👩‍👧 \u{10FFFF}',
  '\u0001\u007f\u2028',
  'x'.repeat(100_000),
]

const string = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'))
const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
const dates = fc.oneof(
  fc.date({ min: new Date('-004712-01-01T00:00:00Z'), noInvalidDate: true }),
  fc.date({ min: new Date('1960-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
)
const digits = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const documents = fc.jsonValue({ stringUnit: 'binary' }).filter(jsonbType.accepts)
const infinite = [Infinity, -Infinity]

interface Case {
  readonly type: ColumnType
  /** Values that come back as they are. */
  readonly extremes: readonly unknown[]
  readonly any: fc.Arbitrary<unknown>
}

const cases: Readonly<Record<string, Case>> = {
  smallint: {
    type: smallintType,
    extremes: [0, -32768, 32767],
    any: fc.integer({ min: -32768, max: 32767 }),
  },
  integer: { type: integerType, extremes: [0, -2147483648, 2147483647], any: fc.integer() },
  'bigint string': {
    type: bigintTypes.string,
    extremes: ['0', '9223372036854775807', '-9223372036854775808'],
    any: digits.map(String),
  },
  'bigint number': {
    type: bigintTypes.number,
    extremes: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    any: fc.maxSafeInteger().map((value) => value + 0),
  },
  'bigint bigint': {
    type: bigintTypes.bigint,
    extremes: [2n ** 63n - 1n, -(2n ** 63n)],
    any: digits,
  },
  double: {
    type: doubleType,
    extremes: [0, -0, 0.1, 5e-324, Number.MAX_VALUE, Infinity, -Infinity, Number.NaN],
    any: fc.double(),
  },
  real: {
    type: realType,
    extremes: [0, -0, 1.5, Infinity, -Infinity, Number.NaN, 16777216],
    any: fc.integer({ min: -16777216, max: 16777216 }),
  },
  numeric: {
    type: numericType(),
    extremes: ['0', '-0.10', '1.50', 'NaN', 'Infinity', '-Infinity', `1${'0'.repeat(1000)}.5`],
    any: fc
      .tuple(digits, fc.nat(999))
      .map(([whole, rest]) => `${whole}.${String(rest).padStart(3, '0')}`),
  },
  text: { type: textType, extremes: hard, any: string },
  varchar: { type: varcharType(3), extremes: hard, any: string },
  citext: { type: citextType, extremes: hard, any: string },
  char: { type: charType(3), extremes: ['', 'ab ', ' x'], any: fc.constantFrom('abc', 'x  ') },
  enumeration: { type: mood, extremes: ['so, so', '{"}'], any: fc.constantFrom('ok', 'ä') },
  boolean: { type: booleanType, extremes: [true, false], any: fc.boolean() },
  uuid: {
    type: uuidType,
    extremes: ['00000000-0000-0000-0000-000000000000'],
    any: fc.uuid(),
  },
  date: {
    type: dateType,
    extremes: [
      '2024-02-29',
      '2000-02-29',
      '0001-01-01',
      '0001-12-31 BC',
      '0005-02-29 BC',
      '4714-11-24 BC',
      '10000-01-01',
      '5874897-12-31',
      'infinity',
      '-infinity',
    ],
    any: fc
      .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10)),
  },
  time: {
    type: timeType(),
    extremes: ['00:00:00', '24:00:00', '23:59:59.999999', '12:30:00.5'],
    any: fc.nat(86_399).map((second) => new Date(second * 1000).toISOString().slice(11, 19)),
  },
  timestamp: {
    type: timestampTypeOf(),
    extremes: [new Date(0), new Date(-1), new Date(8.64e15), new Date('0000-02-29T12:00:00.123Z')],
    any: dates,
  },
  'timestamp with infinity': {
    type: timestampTypeOf({ infinity: true }),
    extremes: infinite,
    any: dates,
  },
  'timestamp as a string': {
    type: timestampTextType(),
    extremes: ['2024-02-29 09:30:00.123456', '0044-03-15 00:00:00 BC', 'infinity', '-infinity'],
    any: fc
      .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 19).replace('T', ' ')),
  },
  timestamptz: {
    type: timestamptzType,
    extremes: [
      new Date(-1),
      new Date('0001-01-01T00:00:00.000Z'),
      new Date('9999-12-31T23:59:59.999Z'),
      new Date('+010000-01-01T00:00:00.000Z'),
      new Date(8.64e15),
      new Date('-004712-01-01T00:00:00.000Z'),
    ],
    any: dates,
  },
  'timestamptz with infinity': {
    type: timestamptzTypeOf({ infinity: true }),
    extremes: infinite,
    any: dates,
  },
  interval: {
    type: intervalType,
    extremes: ['00:00:00', '-1 years -2 mons +3 days -04:05:06.789', '178000000 years'],
    any: fc.nat(10_000).map((days) => `${days + 2} days`),
  },
  bytea: {
    type: byteaType,
    extremes: [Buffer.alloc(0), Buffer.from([0, 92, 34, 255]), Buffer.alloc(100_000, 7)],
    any: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  },
  inet: {
    type: inetType,
    extremes: ['10.0.0.1', '10.0.0.0/8', '::1', '2001:db8::/32', '::ffff:1.2.3.4', '0.0.0.0/0'],
    any: fc.ipV4(),
  },
  json: {
    type: jsonType,
    extremes: [{}, [], '', 0, false, [null, [1, [2]]], hard],
    any: documents,
  },
  jsonb: {
    type: jsonbType,
    extremes: [{}, [], '', 0, { 'key "with" \\ and ☃': hard }, { b: 1, a: { c: null } }],
    any: documents,
  },
}

// A number that JSON has only once.
const normal = (type: ColumnType, value: unknown): unknown =>
  type === jsonbType || type === jsonType ? JSON.parse(JSON.stringify(value)) : value

/** Sends values one by one and in a batch, and compares what comes back. */
async function roundTrip(type: ColumnType, values: readonly unknown[], alone: boolean) {
  const texts = values.map((value) => {
    expect(type.isType(value)).toBe(true)
    expect(type.accepts(value)).toBe(true)
    const text = type.encode(value as never)
    expect(type.isSame(value, text)).toBe(true)
    expect(type.isSame(type.decode(text), text)).toBe(true)
    return text
  })
  const stored = await echoAll(client, type, texts)
  if (alone)
    for (const [index, text] of texts.entries())
      expect(await echoOne(client, type, text)).toBe(stored[index])
  for (const [index, value] of values.entries()) {
    const text = stored[index] as string
    const read = type.decode(text)
    expect(read).toEqual(normal(type, value))
    expect(type.isSame(value, text)).toBe(true)
    expect(type.isSame(read, text)).toBe(true)
    expect(type.accepts(read)).toBe(true)
  }
}

describe.each(Object.entries(cases))('%s', (_, { type, extremes, any }) => {
  it('gives back its extremes, alone and in a batch', () => roundTrip(type, extremes, true))

  it('gives back any value', async () => {
    const values = fc.array(any, { minLength: 1, maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(values, (given) => roundTrip(type, given, false)),
      { numRuns: 30 },
    )
  })

  it('works in arrays, with NULL, empty ones and several dimensions', async () => {
    const list = arrayType(type, true)
    await roundTrip(list, [[], [null], [...extremes], [extremes[0], null]], true)
    const table = arrayType(list, false)
    await roundTrip(table, [[], [[extremes[0]], [null]], [[...extremes], [...extremes]]], true)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.option(any)), { minLength: 1 }), (given) =>
        roundTrip(
          list,
          given.map((items) => items.map((item) => item ?? null)),
          false,
        ),
      ),
      { numRuns: 15 },
    )
  })

  it('takes no value of another JavaScript type', () => {
    for (const value of [undefined, () => 1, Symbol('x')]) {
      expect(type.isType(value)).toBe(false)
      expect(type.accepts(value)).toBe(false)
      expect(type.isSame(value, type.encode(extremes[0] as never))).toBe(false)
    }
    const list = arrayType(type, false)
    expect(list.isType(extremes[0])).toBe(Array.isArray(extremes[0]))
    if (!type.kind.startsWith('json')) expect(type.isType([extremes[0]])).toBe(false)
  })

  it('is frozen, and casts without its modifiers', () => {
    expect(Object.isFrozen(type)).toBe(true)
    expect(type.cast).not.toMatch(/\(/)
  })
})
