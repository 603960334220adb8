import { beforeAll, describe, expect, it } from 'vitest'
import {
  array,
  bigint,
  boolean,
  bytea,
  custom,
  date,
  double,
  type Expression,
  enumeration,
  integer,
  interval,
  jsonb,
  max,
  min,
  numeric,
  over,
  firstValue,
  type RefsOf,
  scalar,
  type Session,
  sql,
  sum,
  table,
  text,
  time,
  timestamp,
  timestamptz,
  uuid,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Sample extends table('samples', {
  id: integer().primaryKey(),
  at: timestamptz({ precision: 6 }),
  local: timestamp(),
  day: date(),
  clock: time(),
  span: interval(),
  digits: bigint(),
  safe: bigint({ mode: 'number' }),
  big: bigint({ mode: 'bigint' }),
  price: numeric(),
  ratio: double(),
  isOn: boolean(),
  key: uuid(),
  data: jsonb<{ a: number[] }>(),
  mood: enumeration('mood', ['wild', 'calm']),
  list: array(text()),
  times: array(timestamptz()),
  bytes: bytea(),
  slug: custom<{ path: string }>({
    sql: 'text',
    decode: (path) => ({ path }),
    encode: ({ path }) => path,
  }),
  label: text().nullable(),
}) {}

const { database, query } = await testDatabase()

const values = {
  at: new Date('2024-02-29T09:30:00.123Z'),
  local: new Date('2024-02-29T09:30:00Z'),
  day: '2024-02-29',
  clock: '09:30:00',
  span: '1 day 02:00:00',
  digits: '9007199254740993',
  safe: 5_000_000_000,
  big: 9_007_199_254_740_993n,
  price: '1.50',
  ratio: 0.1,
  isOn: true,
  key: 'a0000000-0000-4000-8000-000000000000',
  data: { a: [1, 2] },
  mood: 'calm' as const,
  list: ['a', 'b,c', '"'],
  times: [new Date('2024-02-29T09:30:00.123Z')],
  bytes: Buffer.from([0, 255]),
  slug: { path: 'x/y' },
  label: null,
}

beforeAll(async () => {
  await query(`create type mood as enum ('wild', 'calm')`)
  await database.createSchema([Sample])
  await database.run((session) => session.add(new Sample({ id: 1, ...values })))
  // A column is more exact than a Date.
  await query(`update samples set at = at + interval '456 microseconds'`)
})

const run = <T>(work: (session: Session) => Promise<T>): Promise<T> => database.run(work)

type Columns = RefsOf<typeof Sample>
const names = Object.keys(values) as (keyof typeof values)[]
const every = (row: Columns) =>
  Object.fromEntries(names.map((name) => [name, row[name] as Expression<unknown>]))

describe('values of every type', () => {
  it.each<[string, (session: Session) => Promise<unknown>]>([
    ['selected', (session) => session.find(Sample).select(every).one()],
    [
      'two queries deep',
      (session) =>
        session
          .find(Sample)
          .select(every)
          .limit(5)
          .filter(() => sql`true`)
          .limit(4)
          .select((row) => row)
          .one(),
    ],
    [
      'of a set operation',
      (session) =>
        session.find(Sample).select(every).unionAll(session.find(Sample).select(every)).first(),
    ],
    [
      'of a named query',
      (session) => session.find(Sample).select(every).cte({ materialized: true }).one(),
    ],
    [
      'of joined rows',
      (session) =>
        session
          .find(Sample)
          .leftJoin(session.find(Sample).select(every), () => sql`true`)
          .select((_, row) => row)
          .one(),
    ],
    [
      'of sub-queries',
      (session) =>
        session
          .find(Sample)
          .select(() =>
            Object.fromEntries(
              names.map((name) => {
                const value = (row: Columns) => ({ value: row[name] as Expression<unknown> })
                return [name, scalar(session.find(Sample).select(value))]
              }),
            ),
          )
          .one(),
    ],
    [
      'of windows',
      (session) =>
        session
          .find(Sample)
          .select((row) =>
            Object.fromEntries(
              names.map((name) => [name, over(firstValue(row[name] as Expression<unknown>))]),
            ),
          )
          .one(),
    ],
  ])('%s', async (_, read) => {
    expect(await run(read)).toEqual(values)
  })

  it('are compared as their columns are, two queries deep', async () => {
    const rows = (session: Session) =>
      session
        .find(Sample)
        .select((row) => ({ ...row }))
        .limit(5)
        .select((row) => row)
    const matching = (where: (row: Columns) => never) =>
      run((session) =>
        rows(session as never)
          .filter(where as never)
          .count(),
      )
    for (const name of names.filter((each) => !['label', 'bytes'].includes(each))) {
      const value = values[name]
      const [one, many] = [
        await matching((row) => (row[name] as never as { eq(given: unknown): never }).eq(value)),
        await matching((row) => (row[name] as never as { in(given: unknown): never }).in([value])),
      ]
      expect([name, one, many]).toEqual([name, 1, 1])
    }
  })

  it('a Date is its millisecond, for a column of any query', async () => {
    const { at } = values
    const later = new Date(at.getTime() + 1)
    const count = (build: (session: Session) => { count(): Promise<number> }) =>
      run((session) => build(session).count())
    const rows = (session: Session) =>
      session
        .find(Sample)
        .select((row) => ({ at: row.at }))
        .limit(5)
    expect(await count((session) => rows(session).filter((row) => row.at.eq(at)))).toBe(1)
    expect(await count((session) => rows(session).filter((row) => row.at.ne(at)))).toBe(0)
    expect(await count((session) => rows(session).filter((row) => row.at.gt(at)))).toBe(0)
    expect(await count((session) => rows(session).filter((row) => row.at.gte(at)))).toBe(1)
    expect(await count((session) => rows(session).filter((row) => row.at.lte(at)))).toBe(1)
    expect(await count((session) => rows(session).filter((row) => row.at.lt(later)))).toBe(1)
    expect(await count((session) => rows(session).filter((row) => row.at.between(at, at)))).toBe(1)
    expect(await count((session) => rows(session).filter((row) => row.at.in([later, at])))).toBe(1)
    expect(await count((session) => rows(session).filter((row) => row.at.notIn([at])))).toBe(0)
    const most = (session: Session) => session.find(Sample).select((row) => ({ most: max(row.at) }))
    expect(await count((session) => most(session).filter((row) => row.most.eq(at)))).toBe(1)
    expect(
      await count((session) => session.find(Sample).filter(() => scalar(most(session)).eq(at))),
    ).toBe(1)
    expect(
      await count((session) => session.find(Sample).filter((row) => row.at.in(most(session)))),
    ).toBe(1)
    expect(
      await count((session) =>
        session
          .find(Sample)
          .select((row) => ({ first: over(firstValue(row.at)) }))
          .filter((row) => row.first.eq(at)),
      ),
    ).toBe(1)
  })

  it('are added up in their modes, also of selected values', async () => {
    const [sums] = await run((session) =>
      session
        .find(Sample)
        .select((row) => ({
          digits: row.digits,
          safe: row.safe,
          big: row.big,
          price: row.price,
          ratio: row.ratio,
          twice: sql<number>`${row.id} * 2`,
        }))
        .limit(9)
        .aggregate((row) => ({
          digits: sum(row.digits),
          safe: sum(row.safe),
          big: sum(row.big),
          price: sum(row.price),
          ratio: sum(row.ratio),
          least: min(row.price),
          twice: sum(row.twice),
        })),
    )
    const { digits, safe, big, price, ratio } = values
    expect(sums).toEqual({ digits, safe, big, price, ratio, least: price, twice: 2 })
  })

  it('of your own SQL are compared with what PostgreSQL makes of them', async () => {
    const rows = (session: Session) =>
      session.find(Sample).select((row) => ({
        n: sql<number>`${row.id} + 1`,
        s: sql<string>`'x'::text`,
        t: sql<Date>`${row.at}`,
      }))
    const matches = (build: (session: Session) => { count(): Promise<number> }) =>
      run((session) => build(session).count())
    expect(
      await matches((session) =>
        rows(session).filter(
          (row) => row.n.eq(2),
          (row) => row.n.in([1, 2]),
          (row) => row.n.between(1, 2),
        ),
      ),
    ).toBe(1)
    expect(
      await matches((session) =>
        rows(session).filter(
          (row) => row.s.like('x%'),
          (row) => row.s.notIn(['y']),
        ),
      ),
    ).toBe(1)
    expect(await matches((session) => rows(session).filter((row) => row.t.gt(new Date(0))))).toBe(1)
    await using session = database.session()
    expect(() => rows(session).filter((row) => row.n.eq(undefined as never))).toThrow(
      coded('DATA_BRIDGE_ERR_FILTER'),
    )
  })

  it('of another type are refused as for columns', async () => {
    await using session = database.session()
    const rows = session
      .find(Sample)
      .select((row) => ({ total: row.safe, mood: row.mood, at: row.at }))
    expect(() => rows.filter((row) => row.total.eq('1' as never))).toThrow(
      coded('DATA_BRIDGE_ERR_TYPE', 'Sample.total expected a number'),
    )
    expect(() =>
      rows.filter((row) => (row.total as never as { like(pattern: string): never }).like('1')),
    ).toThrow(
      coded(
        'DATA_BRIDGE_ERR_FILTER',
        'Sample.total.like() is for text columns; this one is bigint',
      ),
    )
    expect(() => rows.filter((row) => row.mood.eq('sad' as never))).toThrow(
      coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'Sample.mood expected'),
    )
  })
})

describe('names of properties', () => {
  const hostile = [
    '"',
    `a"b'c`,
    'x'.repeat(100),
    `${'x'.repeat(99)}y`,
    `${'y'.repeat(65)}a`,
    `${'y'.repeat(65)}b`,
    'é'.repeat(40),
    '#0',
    '#1',
    '#order0',
    '🙈',
    ' ',
    '',
    'with space',
    'select',
    'constructor',
    'toString',
    '\ud800',
    '\ud801',
    'a\0b',
    '0',
    'Ünï',
    'then',
  ]

  it.each<[string, (session: Session) => { toList(): Promise<unknown[]> }]>([
    ['selected', (session) => session.find(Sample).select(select)],
    [
      'two queries deep',
      (session) =>
        session
          .find(Sample)
          .orderBy((row) => row.at.asc())
          .select(select)
          .limit(3)
          .filter(() => sql`true`)
          .limit(2)
          .select((row) => row),
    ],
    [
      'of a set operation',
      (session) =>
        session
          .find(Sample)
          .select(select)
          .union(
            session
              .find(Sample)
              .select((row) => Object.fromEntries(Object.entries(select(row)).reverse())),
          ),
    ],
    ['of a named query', (session) => session.find(Sample).select(select).cte()],
    [
      'of a recursive one',
      (session) =>
        session
          .find(Sample)
          .select(select)
          .recursive((before) => before.filter(() => sql`false`)),
    ],
    [
      'of joined rows',
      (session) =>
        session
          .find(Sample)
          .join(session.find(Sample).select(select), () => sql`true`)
          .select((_, row) => row),
    ],
    [
      'of groups',
      (session) =>
        session
          .find(Sample)
          .select(select)
          .groupBy((row) => Object.values(row))
          .select((row) => row),
    ],
  ])('may be any, %s', async (_, read) => {
    const [row] = await run((session) => read(session).toList())
    expect(row).toEqual(Object.fromEntries(hostile.map((name, index) => [name, index])))
  })

  function select(row: Columns): Record<string, Expression<number>> {
    return Object.fromEntries(
      hostile.map((name, index) => [name, sql<number>`${row.id} - 1 + ${index}::int`]),
    )
  }
})
