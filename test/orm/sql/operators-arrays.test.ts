import { beforeAll, describe, expect, it } from 'vitest'
import {
  array,
  boolean,
  bytea,
  char,
  type Condition,
  double,
  enumeration,
  integer,
  jsonb,
  numeric,
  type Refs,
  sql,
  table,
  text,
  timestamptz,
  uuid,
} from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

class Box extends table('boxes', {
  id: integer().primaryKey(),
  tags: array(text()).nullable(),
  counts: array(integer().nullable()),
  times: array(timestamptz({ precision: 6, infinity: true }).nullable()).nullable(),
  grid: array(array(integer())),
  moods: array(enumeration('mood', ['ok', 'sad'])),
  prices: array(numeric()),
  flags: array(boolean()),
  codes: array(char(3)),
  keys: array(uuid()),
  bytes: array(bytea()),
  numbers: array(double()),
  documents: array(jsonb()),
  name: text(),
  other: array(text()),
}) {}

const key = '0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f'
const noon = new Date('2024-02-29T12:00:00.123Z')
const next = new Date(noon.getTime() + 1)

const { database, query, url } = await testDatabase([Box])

beforeAll(async () => {
  // Before the rows: a new index does not serve transactions that began before rows were changed.
  await query('create index on boxes using gin (tags)')
  const none = { counts: [], grid: [], moods: [], prices: [], flags: [], codes: [] }
  const empty = { ...none, keys: [], bytes: [], numbers: [], documents: [], name: 'a', other: [] }
  await database.run((session) =>
    session.add([
      new Box({
        id: 1,
        tags: ['a', 'b', 'a', 'NULL', ''],
        counts: [1, null],
        grid: [
          [1, 2, 3],
          [4, 5, 6],
        ],
        moods: ['ok'],
        prices: ['1.50'],
        flags: [true],
        codes: ['x'],
        keys: [key],
        bytes: [new Uint8Array([0, 255])],
        numbers: [Number.NaN, 0.1],
        documents: [{ a: 1 }],
        name: 'a',
        other: ['b'],
      }),
      new Box({ ...empty, id: 2, tags: [] }),
      new Box({ ...empty, id: 3, tags: null, counts: [null] }),
    ]),
  )
  await query(
    `update boxes set times = '{2024-02-29 12:00:00.123456+00,NULL,infinity}' where id = 1`,
  )
  await query(`update boxes set times = '{}' where id = 2`)
})

async function found(filter: (box: Refs<Box>) => Condition): Promise<number[]> {
  await using session = database.session()
  const rows = await session
    .find(Box)
    .filter(filter)
    .orderBy((row) => row.id.asc())
    .toList()
  return rows.map(({ id }) => id)
}

it.each<[string, readonly number[], (row: Refs<Box>) => Condition]>([
  ['contains values', [1], (row) => row.tags.contains(['b', 'a'])],
  ['contains nothing, unless it is NULL', [1, 2], (row) => row.tags.contains([])],
  ['contains the text NULL', [1], (row) => row.tags.contains(['NULL', ''])],
  ['contains a column', [1, 2], (row) => row.tags.contains(row.other)],
  ['does not contain all', [], (row) => row.tags.contains(['a', 'c'])],
  ['never contains NULL', [], (row) => row.counts.contains([null])],
  ['is contained by values', [1, 2], (row) => row.tags.containedBy(['', 'a', 'b', 'NULL', 'c'])],
  ['is contained by nothing', [2], (row) => row.tags.containedBy([])],
  ['is contained by a column', [2], (row) => row.tags.containedBy(row.other)],
  ['overlaps values', [1], (row) => row.tags.overlaps(['c', 'b'])],
  ['overlaps nothing', [], (row) => row.tags.overlaps([])],
  ['overlaps a column', [1], (row) => row.tags.overlaps(row.other)],
  ['has a value', [1], (row) => row.tags.has('b')],
  ['has no value', [], (row) => row.tags.has('c')],
  ['has the value of a column', [1], (row) => row.tags.has(row.name)],
  [
    'has the value of your own SQL',
    [1],
    (row) => row.tags.has(sql<string>`case when true then 'b' end`),
  ],
  [
    'overlaps your own SQL',
    [1],
    (row) => row.tags.overlaps(sql<string[]>`array['c'] || array['b']`),
  ],
  ['has a length', [1], (row) => row.tags.length().gt(4)],
  ['has the length 0', [2], (row) => row.tags.length().eq(0)],
  ['has no length where it is NULL', [3], (row) => row.tags.length().isNull()],
  ['has the length of its first dimension', [1], (row) => row.grid.length().eq(2)],
  ['has no dimension', [2, 3], (row) => row.grid.length().eq(0)],
  ['has the length that another has', [2], (row) => row.tags.length().eq(row.other.length())],
  ['has a label', [1], (row) => row.moods.has('ok')],
  ['has one of some labels', [1], (row) => row.moods.overlaps(['sad', 'ok'])],
  ['has a decimal', [1], (row) => row.prices.has('1.5')],
  ['has a flag', [1], (row) => row.flags.has(true)],
  ['has a padded text', [1], (row) => row.codes.has('x')],
  ['has a key', [1], (row) => row.keys.has(key.toUpperCase())],
  ['has bytes', [1], (row) => row.bytes.has(new Uint8Array([0, 255]))],
  ['has NaN', [1], (row) => row.numbers.contains([Number.NaN, 0.1])],
  ['has a whole document', [1], (row) => row.documents.has({ a: 1 })],
])('an array %s', async (_, ids, filter) => {
  expect(await found(filter)).toEqual(ids)
})

it.each<[string, readonly number[], (row: Refs<Box>) => Condition]>([
  ['has', [1], (row) => row.times.has(noon)],
  ['does not have the next', [], (row) => row.times.has(next)],
  ['has an infinity', [1], (row) => row.times.has(Infinity)],
  ['contains', [1], (row) => row.times.contains([noon, Infinity])],
  ['contains nothing, unless it is NULL', [1, 2], (row) => row.times.contains([])],
  ['overlaps', [1], (row) => row.times.overlaps([next, noon])],
  ['does not overlap', [], (row) => row.times.overlaps([next, -Infinity])],
  ['is contained by none with NULL in it', [2], (row) => row.times.containedBy([noon, Infinity])],
  ['contains itself', [2], (row) => row.times.containedBy(row.times)],
])('an array of moments %s, where a Date is a whole millisecond', async (_, ids, filter) => {
  expect(await found(filter)).toEqual(ids)
})

it('lists may be large, and all have one text', async () => {
  await using wire = recordWire(url)
  await using session = wire.database.session()
  for (const length of [0, 1, 100_000]) {
    const values = Array.from({ length }, (_, index) => `${index}`)
    const boxes = session.find(Box).filter((row) => row.tags.containedBy([...values, '{"', 'a']))
    expect(await boxes.count()).toBe(1)
  }
  expect(new Set(wire.queries.map(({ text: statement }) => statement)).size).toBe(1)
})

it('an index on the array serves has, contains and overlaps', async () => {
  await using wire = recordWire(url)
  await using session = wire.database.session()
  await session
    .find(Box)
    .filter((row) => row.tags.has('b'))
    .count()
  await session
    .find(Box)
    .filter((row) => row.tags.contains(['b']))
    .count()
  await session
    .find(Box)
    .filter((row) => row.tags.overlaps(['b']))
    .count()
  await using client = await connect(url)
  await client.query('set enable_seqscan = off')
  for (const { text: statement, values } of wire.queries) {
    const plan = await client.query<{ 'QUERY PLAN': string }>(`explain ${statement}`, [...values])
    expect(plan.rows.map((line) => line['QUERY PLAN']).join('\n')).toContain('Index Cond')
  }
  expect(wire.queries).toHaveLength(3)
})

describe('arrays refuse', () => {
  const build = (of: (row: Refs<Box>) => unknown) => (): unknown =>
    database
      .session()
      .find(Box)
      .filter(of as never)

  it.each<[string, (row: Refs<Box>) => unknown, string]>([
    ['other columns', (row) => row.tags.has.call(row.name as never, 'a'), 'array() columns'],
    ['one value', (row) => row.tags.contains('a' as never), 'expected an array of values'],
    [
      'another type',
      (row) => row.tags.has(1 as never),
      'Box.tags expected a string, got the number 1',
    ],
    ['null', (row) => row.tags.has(null as never), 'got null'],
    ['null for all', (row) => row.tags.overlaps(null as never), 'got null'],
    ['NULL where no item is', (row) => row.tags.contains([null as never]), 'expected an array'],
    ['undefined', (row) => row.tags.overlaps(undefined as never), 'got undefined'],
    ['a row', (row) => row.tags.contains(row as never), 'got a row of Box'],
    ['an order', (row) => row.tags.has(row.id.asc() as never), 'expected a string'],
    ['arrays of arrays', (row) => row.grid.contains([[1]]), 'of one dimension'],
    ['a key', (row) => row.tags.hasKey('a'), 'json() and jsonb() columns'],
  ])('%s', (_, of, message) => {
    expect(build(of)).toThrow(expect.objectContaining({ statusCode: 500 }))
    expect(build(of)).toThrow(
      expect.objectContaining({ details: expect.stringContaining(message) }),
    )
  })

  it.each<[string, (row: Refs<Box>) => unknown]>([
    ['NUL', (row) => row.tags.has('\0')],
    ['half of a pair', (row) => row.tags.overlaps(['a', '\ud800'])],
    ['another label', (row) => row.moods.contains(['good' as never])],
    ['a number out of range', (row) => row.counts.has(2 ** 40)],
    ['an invalid date', (row) => row.times.has(new Date(Number.NaN))],
  ])('%s of a client', (_, of) => {
    expect(build(of)).toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE'))
  })
})
