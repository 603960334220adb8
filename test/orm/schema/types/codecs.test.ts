import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { ColumnType } from '../../../../orm/schema/column-type.ts'
import { arrayType } from '../../../../orm/schema/types/arrays.ts'
import { booleanType } from '../../../../orm/schema/types/boolean.ts'
import { byteaType } from '../../../../orm/schema/types/bytes.ts'
import { customTypeOf } from '../../../../orm/schema/types/custom.ts'
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
import { hostileTexts } from '../hostile-texts.ts'

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

const hard = [...hostileTexts, 'x'.repeat(100_000)]

const string = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'))
const dates = fc.oneof(
  fc.date({ min: new Date('-004712-01-01T00:00:00Z'), noInvalidDate: true }),
  fc.date({ min: new Date('1960-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
)
const digits = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const documents = fc.jsonValue({ stringUnit: 'binary' }).filter(jsonbType.accepts)
const infinite = [Infinity, -Infinity]

const point = customTypeOf({
  sql: 'point',
  decode: (text) => text.slice(1, -1).split(',').map(Number),
  encode: (value) => `(${(value as readonly number[]).join(',')})`,
  isType: (value) => Array.isArray(value) && value.length === 2 && typeof value[0] === 'number',
})

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
    any: fc
      .float({ min: Math.fround(1e-30), max: Math.fround(1e6), noNaN: true })
      .map((value) => Number(value.toPrecision(6))),
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
  custom: {
    type: point,
    extremes: [
      [0, 0],
      [-1.5, 1e300],
    ],
    any: fc.tuple(fc.integer(), fc.integer()),
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

// JSON has no -0.
const normal = (type: ColumnType, value: unknown): unknown =>
  type.kind.startsWith('json') ? JSON.parse(JSON.stringify(value)) : value

interface Trip {
  readonly read: unknown
  /** The checks that failed. */
  readonly faults: readonly string[]
}

function failed(checks: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(checks).filter((name) => !checks[name])
}

/** Sends values in a batch, or one by one, and reads what comes back. */
async function sent(type: ColumnType, values: readonly unknown[], way: 'batch' | 'alone') {
  const texts = values.map((value) => type.encode(value as never))
  if (way === 'batch') return echoAll(client, type, texts)
  const stored: string[] = []
  for (const text of texts) stored.push(await echoOne(client, type, text))
  return stored
}

async function roundTrip(
  type: ColumnType,
  values: readonly unknown[],
  way: 'batch' | 'alone' = 'batch',
): Promise<Trip[]> {
  const stored = await sent(type, values, way)
  return values.map((value, index) => {
    const text = stored[index] as string
    const own = type.encode(value as never)
    const read = type.decode(text)
    const faults = failed({
      'is of the type': type.isType(value),
      'is accepted': type.accepts(value),
      'is what was sent': type.isSame(value, own),
      'is read from what was sent': type.isSame(type.decode(own), own),
      'is what is stored': type.isSame(value, text),
      'is read from what is stored': type.isSame(read, text),
      'is accepted again': type.accepts(read),
    })
    return { read, faults }
  })
}

function faultless(type: ColumnType, values: readonly unknown[]): Trip[] {
  const leaf = type.items?.type.items?.type ?? type.items?.type ?? type
  return values.map((value) => ({ read: normal(leaf, value), faults: [] }))
}

describe.each(Object.entries(cases))('%s', (_, { type, extremes, any }) => {
  it.each(['batch', 'alone'] as const)('gives back its extremes (%s)', async (way) => {
    expect(await roundTrip(type, extremes, way)).toEqual(faultless(type, extremes))
  })

  it('gives back any value', async () => {
    const values = fc.array(any, { minLength: 1, maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(values, async (given) => {
        expect(await roundTrip(type, given)).toEqual(faultless(type, given))
      }),
      { numRuns: 30 },
    )
  })

  it.each(['batch', 'alone'] as const)('works in arrays (%s)', async (way) => {
    const list = arrayType(type, true)
    const lists = [[], [null], [...extremes], [extremes[0], null]]
    expect(await roundTrip(list, lists, way)).toEqual(faultless(list, lists))
    const table = arrayType(list, false)
    const tables = [[], [[extremes[0]], [null]], [[...extremes], [...extremes]]]
    expect(await roundTrip(table, tables, way)).toEqual(faultless(table, tables))
  })

  it('gives back any array', async () => {
    const list = arrayType(type, true)
    const lists = fc.array(fc.array(fc.option(any)), { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(lists, async (given) => {
        expect(await roundTrip(list, given)).toEqual(faultless(list, given))
      }),
      { numRuns: 15 },
    )
  })

  it('takes no value of another JavaScript type', () => {
    const text = type.encode(extremes[0] as never)
    for (const value of [undefined, () => 1, Symbol('x')]) {
      expect(type.isType(value)).toBe(false)
      expect(type.accepts(value)).toBe(false)
      expect(type.isSame(value, text)).toBe(false)
    }
    expect(arrayType(type, false).isType(extremes[0])).toBe(false)
    expect(type.isType([extremes[0]])).toBe(type.kind.startsWith('json'))
  })

  it('is frozen, and casts without its modifiers', () => {
    expect(Object.isFrozen(type)).toBe(true)
    expect(type.cast).not.toMatch(/\(/)
  })
})
