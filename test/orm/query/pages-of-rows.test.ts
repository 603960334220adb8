import { beforeAll, expect, it } from 'vitest'
import {
  belongsTo,
  count,
  hasMany,
  integer,
  over,
  type PageOptions,
  rank,
  rowNumber,
  sql,
  sum,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class Owner extends table('owners', {
  id: integer().primaryKey(),
  age: integer().nullable(),
  things: () => hasMany(Thing, 'ownerId'),
}) {}

class Thing extends table('things', {
  id: integer().primaryKey(),
  title: text(),
  rank: integer(),
  ownerId: integer().references(() => Owner),
  owner: () => belongsTo(Owner, 'ownerId'),
}) {}

const { database, query } = await testDatabase([Owner, Thing])

beforeAll(async () => {
  await query(
    `insert into owners select n, case when n % 3 = 0 then null else n end from generate_series(1, 9) n`,
  )
  await query(
    `insert into things select n, 't' || n, n % 4, n % 6 + 1 from generate_series(1, 20) n`,
  )
})

const things = () => database.session().find(Thing)
const owners = () => database.session().find(Owner)
const owned = () => owners().leftJoin(things(), (owner, thing) => thing.ownerId.eq(owner.id))

interface Pages {
  page(options: PageOptions): Promise<{
    readonly items: readonly object[]
    readonly next: string | null
    readonly previous: string | null
  }>
}

interface Paged {
  limit(rows: number): Pages
}

const forms: readonly [string, () => Paged][] = [
  [
    'numbers of rows',
    () =>
      things().select((row) => ({ id: row.id, n: over(rowNumber(), { orderBy: row.id.asc() }) })),
  ],
  [
    'a sum of other pages too',
    () => things().select((row) => ({ all: over(sum(row.rank), { partitionBy: row.ownerId }) })),
  ],
  [
    'a window in own SQL',
    () =>
      things().select((row) => ({
        id: row.id,
        n: sql<number>`row_number() OVER
          (order by ${row.title})`,
      })),
  ],
  [
    'an order by a window',
    () =>
      things()
        .orderBy((row) => over(rank(), { orderBy: row.rank.desc() }).asc())
        .select((row) => ({ title: row.title })),
  ],
  [
    'places once',
    () =>
      things()
        .select((row) => ({ place: over(rank(), { orderBy: row.rank.asc() }) }))
        .distinct(),
  ],
  [
    'the first of each kind, whose kind is not selected',
    () =>
      things()
        .distinct((row) => row.ownerId)
        .orderBy((row) => [row.ownerId.asc(), row.id.desc()])
        .select((row) => ({ id: row.id })),
  ],
  [
    'groups by values of the program',
    () =>
      things()
        .groupBy((row) => [sql`${row.id} % ${2}`, sql`${row.id} % ${3}`])
        .orderBy((row) => sql<number>`${row.id} % ${2}`.asc())
        .select((row) => ({
          a: sql<number>`${row.id} % ${2}`,
          b: sql<number>`${row.id} % ${3}`,
          n: count(),
        })),
  ],
  [
    'groups by a condition',
    () =>
      owners()
        .groupBy((row) => row.age.gt(4))
        .select((row) => ({ isOld: row.age.gt(4), n: count() })),
  ],
  [
    'a condition once',
    () =>
      owners()
        .select((row) => ({ isOld: row.age.gt(4) }))
        .distinct(),
  ],
  [
    'a join',
    () =>
      owned()
        .orderBy((_, thing) => thing.rank.asc())
        .select((owner, thing) => ({ name: owner.age, title: thing.title })),
  ],
  [
    'a join with groups',
    () =>
      owners()
        .leftJoin(
          things()
            .groupBy((thing) => thing.ownerId)
            .select((thing) => ({ owner: thing.ownerId, n: count() })),
          (owner, per) => per.owner.eq(owner.id),
        )
        .orderBy((_, per) => per.n.asc().nullsFirst())
        .select((owner, per) => ({ age: owner.age, n: per.n })),
  ],
  [
    'groups of a join',
    () =>
      owned()
        .groupBy((owner, thing) => [owner.id, thing.id])
        .orderBy((_, thing) => thing.id.asc())
        .select((owner, thing) => ({ owner: owner.id, thing: thing.id })),
  ],
  [
    'a join once',
    () =>
      owned()
        .orderBy((_, thing) => thing.id.desc())
        .select((owner, thing) => ({ owner: owner.id, thing: thing.id }))
        .distinct(),
  ],
]

it.each(forms)('pages give the rows of the query: %s', async (_, form) => {
  const { items: expected } = await form().limit(1000).page({})
  expect(expected.length).toBeGreaterThan(1)
  const forward: object[] = []
  let page = await form().limit(3).page({})
  for (let after: string | null = ''; after !== null;) {
    forward.push(...page.items)
    after = page.next
    if (after !== null) page = await form().limit(3).page({ after })
  }
  expect(forward).toEqual(expected)
  const backward: object[] = [...page.items]
  for (let before = page.previous; before !== null;) {
    const { items, previous } = await form().limit(3).page({ before })
    backward.unshift(...items)
    before = previous
  }
  expect(backward).toEqual(expected)
})

it.each<[string, () => Promise<unknown>, string]>([
  [
    'entities in the order of a window',
    () =>
      things()
        .orderBy((row) => over(rank(), { orderBy: row.rank.desc() }).asc())
        .limit(1)
        .page(),
    'expected an order of values of each row, got a window function',
  ],
  [
    'one row of all',
    () =>
      things()
        .select(() => ({ n: count() }))
        .limit(1)
        .page(),
    'got rows without a key',
  ],
  [
    'an order by very long values',
    () =>
      things()
        .orderBy((row) => sql<string>`repeat(${row.title}, 30000)`.asc())
        .limit(1)
        .page(),
    'expected an order by values that fit into a token of 65536 characters, got longer ones',
  ],
  [
    'an offset inside of it',
    () =>
      things()
        .select((row) => ({ n: over(rank(), { orderBy: row.rank.desc() }) }))
        .offset(2)
        .limit(1)
        .page(),
    'expected no offset()',
  ],
])('a page refuses %s', async (_, page, message) => {
  await expect(page()).rejects.toThrow(message)
})
