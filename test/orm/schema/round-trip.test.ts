import { describe, expect, it } from 'vitest'
import {
  bigint,
  boolean,
  double,
  integer,
  jsonb,
  numeric,
  Session,
  sql,
  table,
  text,
  timestamptz,
  uuid,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { hostileTexts } from './hostile-texts.ts'

class Everything extends table('everything', {
  id: integer().primaryKey().generated(),
  int: integer().nullable(),
  text: text().nullable(),
  bool: boolean().nullable(),
  double: double().nullable(),
  big: bigint().nullable(),
  bigNumber: bigint({ mode: 'number' }).nullable(),
  bigBigint: bigint({ mode: 'bigint' }).nullable(),
  numeric: numeric().nullable(),
  money: numeric({ precision: 10, scale: 2 }).nullable(),
  json: jsonb().nullable(),
  at: timestamptz({ precision: 6 }).nullable(),
  uuid: uuid().nullable(),
}) {}

type Name = Exclude<keyof Everything, 'id' | 'toJSON'>

const { database, query, truncate, url } = await testDatabase([Everything])

/** Writes each value twice, as a row of its own and in a batch, and reads all of them in a new session. */
async function roundTrip(name: Name, values: readonly unknown[]): Promise<unknown[]> {
  await truncate()
  const entity = (value: unknown) => new Everything({ [name]: value })
  await database.run(async (session) => {
    for (const value of values) {
      session.add(entity(value))
      await session.flush()
    }
    session.add(values.map(entity))
  })
  const read = await database.run((session) =>
    session
      .find(Everything)
      .orderBy((row) => row.id.asc())
      .toList(),
  )
  const all = read.map((row) => row[name])
  expect(all.slice(values.length)).toEqual(all.slice(0, values.length))
  return all.slice(0, values.length)
}

const hard = [...hostileTexts, 'x'.repeat(100_000)]

describe('every value comes back as it was written, alone and in a batch:', () => {
  it.each<[Name, readonly unknown[]]>([
    ['int', [0, 1, -1, 2147483647, -2147483648, null]],
    ['text', [...hard, null]],
    ['bool', [true, false, null]],
    [
      'double',
      [0, -0, 0.1, 1e308, 5e-324, Number.MAX_VALUE, Infinity, -Infinity, Number.NaN, 2 ** 53, null],
    ],
    ['big', ['0', '9223372036854775807', '-9223372036854775808', null]],
    ['bigNumber', [0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, null]],
    ['bigBigint', [0n, 2n ** 63n - 1n, -(2n ** 63n), null]],
    [
      'numeric',
      [
        '0',
        '-0.10',
        '12345678901234567890.123456789012345678901234567890',
        'NaN',
        'Infinity',
        '1e-20',
        null,
      ],
    ],
    ['money', ['0.00', '12.50', '-99999999.99', null]],
    [
      'json',
      [
        {},
        [],
        [null, [1, [2]]],
        { nested: { list: [{ a: null }], empty: '' } },
        'a string',
        '',
        '{"not":"parsed"}',
        0,
        false,
        true,
        { 'key "with" \\ and ☃': hard.slice(0, -1) },
        null,
      ],
    ],
    [
      'uuid',
      ['00000000-0000-0000-0000-000000000000', '0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f', null],
    ],
    [
      'at',
      [
        new Date(0),
        new Date(-1),
        new Date('1969-12-31T23:59:59.999Z'),
        new Date('0001-01-01T00:00:00.000Z'),
        new Date('0099-12-31T23:59:59.999Z'),
        new Date('9999-12-31T23:59:59.999Z'),
        new Date('+010000-01-01T00:00:00.000Z'),
        new Date('+275760-09-13T00:00:00.000Z'),
        new Date('0000-02-29T12:00:00.123Z'),
        new Date('-000001-12-31T00:00:00.000Z'),
        new Date('-004712-01-01T00:00:00.000Z'),
        null,
      ],
    ],
  ])('%s', async (name, values) => {
    const expected = values.map((value) => (value === '1e-20' ? '0.00000000000000000001' : value))
    expect(await roundTrip(name, values)).toEqual(expected)
  })
})

describe('what PostgreSQL holds is what was meant:', () => {
  it('the texts of a batch are those of single rows, and NULL is not the string', async () => {
    await roundTrip('text', ['NULL', null, ''])
    expect(await query('select text, text is null as missing from everything order by id')).toEqual(
      Array.from({ length: 2 }, () => [
        { text: 'NULL', missing: false },
        { text: null, missing: true },
        { text: '', missing: false },
      ]).flat(),
    )
  })

  it('null in a jsonb column is NULL, and null inside it is JSON', async () => {
    await roundTrip('json', [null, [null], { a: null }])
    const rows = await query('select json::text as json from everything order by id limit 3')
    expect(rows).toEqual([{ json: null }, { json: '[null]' }, { json: '{"a": null}' }])
  })

  it('an instant is the same instant in a server of any time zone', async () => {
    const at = new Date('1890-06-15T12:34:56.789Z')
    await roundTrip('at', [at])
    for (const zone of ['UTC', 'Asia/Kathmandu', 'America/St_Johns', 'Europe/Amsterdam']) {
      await using session = new Session(
        `${url}?options=${encodeURIComponent(`-c TimeZone=${zone}`)}`,
      )
      const [row] = await session.execute<{ text: string }>(
        sql`select at::text as text from everything`,
      )
      expect((await session.find(Everything).first())?.at).toEqual(at)
      expect(row?.text.endsWith('+00')).toBe(zone === 'UTC')
    }
  })
})

describe('values that PostgreSQL changes are changed in the entity by the flush:', () => {
  it.each<[Name, unknown, unknown]>([
    ['money', '1.5', '1.50'],
    ['money', '0.005', '0.01'],
    ['numeric', '+1.5e3', '1500'],
    ['numeric', '.5', '0.5'],
    ['uuid', '0190B0C4-8D2E-7C3A-9A41-3F0A6C1D2E4F', '0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f'],
    ['big', '-007', '-7'],
    ['int', -0, 0],
  ])('%s %j is %j', async (name, value, expected) => {
    const entity = new Everything({ [name]: value })
    await using session = database.session()
    session.add(entity)
    await session.flush()
    const count = session.stats.queryCount
    await session.flush()
    expect(session.stats.queryCount).toBe(count)
    await session.commit()
    const stored = await database.run((other) => other.get(Everything, entity.id))
    expect(stored?.[name]).toEqual(expected)
  })
})

describe('values that cannot be stored', () => {
  it.each<[Name, unknown]>([
    ['int', 2147483648],
    ['int', 1.5],
    ['text', 'nul\0'],
    ['text', 'half \ud800'],
    ['big', '9223372036854775808'],
    ['big', '1.0'],
    ['big', ''],
    ['bigNumber', 2 ** 53],
    ['bigBigint', 2n ** 63n],
    ['numeric', '1,5'],
    ['numeric', ''],
    ['json', { key: ['half \udc00'] }],
    ['json', 'nul\0'],
    ['at', new Date(Number.NaN)],
    ['uuid', '0190b0c4'],
    ['uuid', '{0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f}'],
  ])('are refused before they are sent: %s', (name, value) => {
    const make = () => new Everything({ [name]: value })
    expect(make).toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE', `Everything.${name} expected`))
  })

  it.each<[Name, unknown]>([
    ['int', '1'],
    ['double', '1'],
    ['big', 5],
    ['numeric', 1.5],
    ['json', () => 1],
    ['json', 1n],
    ['at', '2020-01-01'],
  ])('are mistakes of the program where they are of another type: %s', (name, value) => {
    const make = () => new Everything({ [name]: value })
    expect(make).toThrow(coded('DATA_BRIDGE_ERR_TYPE', `Everything.${name} expected`))
  })

  it('and are known to PostgreSQL only are refused by it, with 400', async () => {
    for (const values of [{ money: '123456789' }, { at: new Date('-010000-01-01T00:00:00Z') }]) {
      const work = database.run((session) => session.add(new Everything(values)))
      await expect(work).rejects.toMatchObject({
        code: 'DATA_BRIDGE_ERR_INVALID_VALUE',
        statusCode: 400,
      })
    }
  })
})

describe('values that JavaScript cannot hold', () => {
  it.each([
    ['at', `'infinity'`, 'an infinite timestamp'],
    ['at', `'290000-01-01'`, 'a timestamp later than any Date'],
    ['big_number', '9007199254740993', 'a bigint beyond the safe integers'],
  ])(
    'are an error that names the column, not another value: %s',
    async (column, value, message) => {
      await truncate()
      await query(`insert into everything (${column}) values (${value})`)
      const work = database.run((session) => session.find(Everything).toList())
      await expect(work).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_STATEMENT', `the column ${column} holds ${message}`),
      )
    },
  )

  it('are cut to milliseconds where they have microseconds, and that is no change', async () => {
    await truncate()
    await query(`insert into everything (at) values ('1969-12-31 23:59:59.999999+00')`)
    await database.run(async (session) => {
      const row = await session.find(Everything).one()
      expect(row.at).toEqual(new Date(-1))
      const count = session.stats.queryCount
      await session.flush()
      expect(session.stats.queryCount).toBe(count)
    })
  })

  it('JSON null is null, and is no change', async () => {
    await truncate()
    await query(`insert into everything (json) values ('null')`)
    await database.run(async (session) => {
      expect((await session.find(Everything).one()).json).toBeNull()
      await session.flush()
    })
    expect(await query('select json::text as json from everything')).toEqual([{ json: 'null' }])
  })
})
