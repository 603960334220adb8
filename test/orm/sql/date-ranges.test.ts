import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  and,
  belongsTo,
  type Condition,
  hasMany,
  integer,
  max,
  min,
  not,
  type Query,
  table,
  timestamp,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { recordWire } from '../../support/recorder.ts'

class Log extends table('logs', {
  id: integer().primaryKey(),
  at: timestamptz({ precision: 6, infinity: true }).nullable(),
  local: timestamp({ precision: 6, infinity: true }).nullable(),
  parentId: integer().nullable(),
  parent: () => belongsTo(Log, 'parentId'),
  children: () => hasMany(Log, 'parentId'),
}) {}

type Row = Parameters<Parameters<Query<typeof Log>['orderBy']>[0]>[0]

const { database, query, url } = await testDatabase([Log])
await query('create index on logs (at)')
await query(`insert into logs (id, at, local, parent_id)
  select id, at::timestamptz, at::timestamp, id - 1 from unnest(array[
    null, '-infinity', '2024-02-29 11:59:59.999999', '2024-02-29 12:00:00', '2024-02-29 12:00:00.000001',
    '2024-02-29 12:00:00.000999', '2024-02-29 12:00:00.001', '2024-02-29 12:00:00.001500', 'infinity'
  ]) with ordinality as given (at, id)`)

const noon = new Date('2024-02-29T12:00:00.000Z')
const next = new Date('2024-02-29T12:00:00.001Z')

const ids = (where: (row: Row) => Condition): Promise<number[]> =>
  database.run(async (session) => {
    const found = session
      .find(Log)
      .filter(where)
      .orderBy((row) => row.id.asc())
    return (await found.toList()).map(({ id }) => id)
  })

const conditions: readonly [string, (column: Row['at']) => Condition, number[], number[]][] = [
  ['eq', (at) => at.eq(noon), [4, 5, 6], [2, 3, 7, 8, 9]],
  ['ne', (at) => at.ne(noon), [2, 3, 7, 8, 9], [4, 5, 6]],
  ['gt', (at) => at.gt(noon), [7, 8, 9], [2, 3, 4, 5, 6]],
  ['gte', (at) => at.gte(noon), [4, 5, 6, 7, 8, 9], [2, 3]],
  ['lt', (at) => at.lt(noon), [2, 3], [4, 5, 6, 7, 8, 9]],
  ['lte', (at) => at.lte(noon), [2, 3, 4, 5, 6], [7, 8, 9]],
  ['in', (at) => at.in([noon, next]), [4, 5, 6, 7, 8], [2, 3, 9]],
  ['notIn', (at) => at.notIn([noon]), [2, 3, 7, 8, 9], [4, 5, 6]],
  ['in nothing', (at) => at.in([]), [], [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ['between', (at) => at.between(noon, noon), [4, 5, 6], [2, 3, 7, 8, 9]],
  ['eq infinity', (at) => at.eq(Infinity), [9], [2, 3, 4, 5, 6, 7, 8]],
  ['in, with infinity', (at) => at.in([noon, -Infinity]), [2, 4, 5, 6], [3, 7, 8, 9]],
  ['notIn, with infinity', (at) => at.notIn([noon, Infinity]), [2, 3, 7, 8], [4, 5, 6, 9]],
  ['between infinities', (at) => at.between(next, Infinity), [7, 8, 9], [2, 3, 4, 5, 6]],
  ['gt infinity', (at) => at.gt(-Infinity), [3, 4, 5, 6, 7, 8, 9], [2]],
]

describe('a Date stands for its whole millisecond', () => {
  it.each(conditions)('%s', async (_, build, found, others) => {
    for (const column of ['at', 'local'] as const) {
      expect(await ids((row) => build(row[column]))).toEqual(found)
      // A row with NULL is in neither.
      expect(await ids((row) => not(build(row[column])))).toEqual(others)
    }
  })

  it.each(conditions)('%s, behind a relation and in a sub-query', async (_, build, found) => {
    const behind = found.filter((id) => id < 9).map((id) => id + 1)
    expect(await ids((row) => and(build(row.parent.at), row.parent.has()))).toEqual(behind)
    expect(await ids((row) => row.parent.has((parent) => build(parent.at)))).toEqual(behind)
    expect(await ids((row) => row.children.any((child) => build(child.at)))).toEqual(
      found.filter((id) => id > 1).map((id) => id - 1),
    )
    expect(await ids((row) => row.children.count((child) => build(child.at)).eq(1))).toEqual(
      found.filter((id) => id > 1).map((id) => id - 1),
    )
  })

  it('in a filter object, alone and in a list', async () => {
    await using session = database.session()
    expect(await session.find(Log).filter({ at: noon }).count()).toBe(3)
    expect(
      await session
        .find(Log)
        .filter({ at: [noon, next] })
        .count(),
    ).toBe(5)
  })

  it('where a group is chosen by its least and greatest', async () => {
    await using session = database.session()
    const at = (build: (row: Row) => Condition) =>
      session
        .find(Log)
        .filter((row) => row.id.in([5, 6, 8]))
        .groupBy((row) => row.id)
        .having(build)
        .aggregate((row) => ({ id: row.id }))
    expect(await at((row) => max(row.at).eq(noon))).toHaveLength(2)
    expect(await at((row) => max(row.at).gt(noon))).toEqual([{ id: 8 }])
    expect(await at((row) => min(row.at).in([next]))).toEqual([{ id: 8 }])
    expect(await at(() => and())).toHaveLength(3)
  })
})

it('compares as whole milliseconds, whatever the microseconds are', async () => {
  const moment = fc.integer({ min: -3000, max: 3000 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(moment, { maxLength: 12 }),
      fc.array(moment, { maxLength: 4 }),
      async (given, wanted) => {
        const base = Date.UTC(2024, 0, 1)
        const dates = wanted.map((each) => new Date(base + Math.floor(each / 1000)))
        const places = new Set(dates.map(Number))
        await query('delete from logs where id > 100')
        await query(
          `insert into logs (id, at) select 100 + place, '2024-01-01T00:00:00Z'::timestamptz + each * interval '1 microsecond'
         from unnest($1::int[]) with ordinality as given (each, place)`,
          [given],
        )
        const found = (isIn: boolean) =>
          given.flatMap((each, index) =>
            places.has(base + Math.floor(each / 1000)) === isIn ? [index + 101] : [],
          )
        expect(await ids((row) => and(row.id.gt(100), row.at.in(dates)))).toEqual(found(true))
        expect(await ids((row) => and(row.id.gt(100), row.at.notIn(dates)))).toEqual(found(false))
      },
    ),
    { numRuns: 40 },
  )
  await query('delete from logs where id > 100')
})

it.each<[string, (row: Row) => Condition]>([
  ['eq', (row) => row.at.eq(noon)],
  ['gt', (row) => row.at.gt(noon)],
  ['lte', (row) => row.at.lte(noon)],
  ['in', (row) => row.at.in([noon, next])],
  ['between', (row) => row.at.between(noon, next)],
])('an index on the column serves %s', async (_, build) => {
  await using wire = recordWire(url)
  await using session = wire.database.session()
  await session.find(Log).filter(build).toList()
  const [{ text, values } = { text: '', values: [] }] = wire.queries
  await query('set enable_seqscan = off')
  const plan = await query<{ 'QUERY PLAN': string }>(`explain ${text}`, values)
  expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toMatch(/Index Cond: \(.*\bat\b/)
})
