import { describe, expect, it } from 'vitest'
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
import { UnreadableError } from '../../../../orm/schema/types/unreadable.ts'
import {
  timestampTextType,
  timestampTypeOf,
  timestamptzType,
} from '../../../../orm/schema/types/timestamps.ts'

const matrix = arrayType(arrayType(integerType, false), false)
const cube = arrayType(matrix, false)
const mood = enumerationType({ schema: undefined, name: 'mood', values: ['ok', 'sad'] })
const unwritable = ['nul\0', '\ud800', 'x\udc00y', 'a\udfff']

describe('a value of the right type that PostgreSQL cannot store', () => {
  it.each<[string, ColumnType, readonly unknown[]]>([
    ['smallint', smallintType, [32768, -32769, 0.5, Number.NaN]],
    ['integer', integerType, [2147483648, 1.5, Infinity, Number.NaN]],
    ['bigint', bigintTypes.string, ['9223372036854775808', '1.0', '', ' 1', '1e3', '0x1']],
    ['bigint number', bigintTypes.number, [2 ** 53, 0.5]],
    ['bigint bigint', bigintTypes.bigint, [2n ** 63n]],
    ['real', realType, [1e39, 1e-60]],
    ['numeric', numericType(), ['1,5', '', 'inf', ' 1', '1e', '--1', `${'1'.repeat(100_000)}x`]],
    ['text', textType, unwritable],
    ['varchar', varcharType(), unwritable],
    ['char', charType(3), unwritable],
    ['citext', citextType, unwritable],
    ['enumeration', mood, ['happy', '', 'OK', ...unwritable]],
    ['uuid', uuidType, ['x', '{0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f}', ...unwritable]],
    ['inet', inetType, ['10.0.0', '10.0.0.1/33', '::1/129', 'fe80::1%eth0', '1.2.3.4/', 'x/8']],
    ['interval', intervalType, ['', ' ', ...unwritable]],
    [
      'date',
      dateType,
      [
        '2023-02-29',
        '1900-02-29',
        '2024-13-01',
        '2024-00-10',
        '2024-04-31',
        '2024-1-1',
        '0000-01-01',
        '4714-11-23 BC',
        '4715-01-01 BC',
        '5874898-01-01',
        '02024-01-01',
        '2024-02-29T00:00:00Z',
        'today',
        'Infinity',
      ],
    ],
    ['time', timeType(), ['24:00:01', '9:30', '09:60', '09:30:60', '09:30:00.1234567', '09:30Z']],
    ['timestamp', timestampTypeOf(), [new Date(Number.NaN)]],
    ['timestamptz', timestamptzType, [new Date(Number.NaN)]],
    [
      'timestamp string',
      timestampTextType(),
      ['2023-02-29 00:00', '2024-02-29', '2024-02-29 00:00Z', '2024-02-29  00:00', 'now'],
    ],
    ['jsonb', jsonbType, [Number.NaN, { a: [Number.NaN] }, ...unwritable]],
    ['json', jsonType, unwritable.flatMap((bad) => [{ a: [bad] }, { [bad]: 1 }, [[bad]]])],
    ['array', arrayType(textType, false), unwritable.map((bad) => ['ok', bad])],
    ['nested array', matrix, [[[1], [1, 2]], [[]]]],
    ['array of three dimensions', cube, [[[]], [[[]]], [[[1]], [[1], [2]]], [[[1], [2, 3]]]]],
  ])('is refused: %s', (_, type, values) => {
    for (const value of values) {
      expect([value, type.accepts(value)]).toEqual([value, false])
      expect([value, type.isType(value)]).toEqual([value, true])
    }
  })

  it('is not confused with its escapes', () => {
    for (const good of ['\\u0000', '\\ud800', '\\\\u0000', '😀', { '\\u0000': '\\\\ud800' }]) {
      expect(jsonbType.accepts(good)).toBe(true)
    }
  })

  it('is found in a long text in time', () => {
    expect(jsonbType.accepts('\\'.repeat(300_000))).toBe(true)
    expect(numericType().isSame(`1${'0'.repeat(300_000)}1`, '1')).toBe(false)
  })
})

describe('a value of another JavaScript type', () => {
  it.each<[string, ColumnType, readonly unknown[]]>([
    ['integer', integerType, ['1', 1n, true, new Date(), [1]]],
    ['bigint', bigintTypes.string, [1, 1n]],
    ['double', doubleType, ['1', 1n]],
    ['numeric', numericType(), [1.5, 1n]],
    ['text', textType, [1, true, {}, ['a']]],
    ['boolean', booleanType, ['t', 1]],
    ['bytea', byteaType, ['x', [1], new ArrayBuffer(1), new Uint16Array(1)]],
    ['date', dateType, [new Date()]],
    ['timestamptz', timestamptzType, ['2020-01-01', 0, Infinity]],
    ['jsonb', jsonbType, [1n, { a: 1n }, undefined, () => 1]],
    ['array', arrayType(integerType, false), ['{1}', 1, [1, '2'], [null], { 0: 1 }]],
    ['nested array', matrix, [[1], [[['x']]]]],
  ])('is not accepted: %s', (_, type, values) => {
    for (const value of values) {
      expect(type.isType(value)).toBe(false)
      expect(type.accepts(value)).toBe(false)
    }
  })

  it('is found in a hole of an array', () => {
    // oxlint-disable-next-line no-sparse-arrays -- the hole is what is tested
    expect(arrayType(textType, true).accepts(['a', , 'b'])).toBe(false)
  })

  it('is found in a document that leads in a circle', () => {
    const circle: unknown[] = []
    circle.push(circle)
    expect(jsonbType.isType(circle)).toBe(false)
    expect(jsonbType.accepts(circle)).toBe(false)
  })
})

describe('a text of another type', () => {
  it.each<[string, ColumnType, readonly string[]]>([
    [
      'integer',
      integerType,
      ['', '1.0', 'x', '0x1', '1e3', ' 1', '-', '2147483648', '9007199254740993'],
    ],
    ['smallint', smallintType, ['32768', '-32769']],
    ['bigint', bigintTypes.string, ['1.0', 'x']],
    ['bigint bigint', bigintTypes.bigint, ['1.0', 'x', '']],
    ['bigint number', bigintTypes.number, ['9007199254740993', 'x']],
    ['double', doubleType, ['', 'x']],
    ['numeric', numericType(), ['', 'x']],
    ['boolean', booleanType, ['true', '1', '']],
    ['uuid', uuidType, ['x']],
    ['inet', inetType, ['x']],
    ['bytea', byteaType, ['x', '\\x0', '\\xzz', 'a\\000']],
    ['date', dateType, ['x', '2024-02-29 00:00:00']],
    ['time', timeType(), ['x', '10:00:00+00']],
    ['timestamp', timestampTypeOf(), ['2024-02-29 00:00:00+00', '2024-02-29', 'infinity']],
    [
      'timestamptz',
      timestamptzType,
      ['2024-02-29 00:00:00', '29.02.2024 00:00:00 CET', '-infinity'],
    ],
    ['timestamp string', timestampTextType(), ['2024-02-29 00:00:00+00']],
    ['jsonb', jsonbType, ['', '{', 'x']],
    [
      'array',
      arrayType(integerType, false),
      ['', 'x', '1', '{', '{1', '{1}}', '{1,}', '{"1}', '{x}', '{{1}}', '{NULL}', '[0:0]', '{"1\\'],
    ],
    ['nested array', matrix, ['{1}', '{{{1}}}']],
    ['array of arrays of arrays', arrayType(textType, false), ['{'.repeat(100_000)]],
  ])('is an error that a caller can tell: %s', (_, type, texts) => {
    for (const text of texts) expect(() => type.decode(text)).toThrow(UnreadableError)
  })
})
