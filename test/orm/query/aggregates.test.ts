import { beforeAll, expect, it } from 'vitest'
import {
  avg,
  bigint,
  count,
  countDistinct,
  double,
  integer,
  max,
  min,
  numeric,
  sql,
  sum,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Sale extends table('sales', {
  id: integer().primaryKey().generated(),
  shop: text(),
  items: integer().nullable(),
  price: numeric({ precision: 12, scale: 2 }),
  weight: double(),
  total: bigint(),
  at: timestamptz(),
}) {}

class Total extends table('sales', {
  id: integer().primaryKey().generated(),
  total: bigint({ mode: 'number' }),
}) {}

const { database } = await testDatabase([Sale])

beforeAll(async () => {
  const sale = (shop: string, items: number | null, price: string, day: number) =>
    new Sale({
      shop,
      items,
      price,
      weight: day / 2,
      total: '9007199254740993',
      at: new Date(Date.UTC(2020, 0, day)),
    })
  await database.run((session) =>
    session.add(
      sale('a', 2, '0.10', 1),
      sale('a', 2, '0.20', 2),
      sale('a', null, '99999999.99', 3),
      sale('b', 5, '1.00', 4),
    ),
  )
})

it('gives one row of all, with the types of its expressions', async () => {
  const rows = await database.run((session) =>
    session.find(Sale).aggregate((sale) => ({
      rows: count(),
      withItems: count(sale.items),
      different: countDistinct(sale.items),
      items: sum(sale.items),
      price: sum(sale.price),
      weight: sum(sale.weight),
      total: sum(sale.total),
      mean: avg(sale.items),
      least: min(sale.items),
      greatest: max(sale.price),
      first: min(sale.at),
      last: max(sale.shop),
    })),
  )
  expect(rows).toEqual([
    {
      rows: 4,
      withItems: 3,
      different: 2,
      items: 9,
      price: '100000001.29',
      weight: 5,
      total: '36028797018963972',
      mean: 3,
      least: 2,
      greatest: '99999999.99',
      first: new Date('2020-01-01T00:00:00Z'),
      last: 'b',
    },
  ])
})

it('gives a row for each group, with filter, order and page', async () => {
  await database.run(async (session) => {
    const perShop = session
      .find(Sale)
      .groupBy((sale) => sale.shop)
      .orderBy((sale) => sale.shop.desc())
    const select = perShop.aggregate((sale) => ({ shop: sale.shop, sales: count() }))
    expect(await select).toEqual([
      { shop: 'b', sales: 1 },
      { shop: 'a', sales: 3 },
    ])
    const page = perShop
      .filter((sale) => sale.items.isNotNull())
      .limit(1)
      .offset(1)
    expect(await page.aggregate((sale) => ({ shop: sale.shop, sales: count() }))).toEqual([
      { shop: 'a', sales: 2 },
    ])
  })
})

it('groups by several columns and by expressions, and keeps the order of parameters', async () => {
  const rows = await database.run((session) =>
    session
      .find(Sale)
      .filter((sale) => sale.id.gt(0))
      .groupBy((sale) => [sale.shop, sale.items])
      .orderBy((sale) => [sale.shop.asc(), sale.items.asc()])
      .aggregate((sale) => ({
        items: sale.items,
        text: sql<string>`${sale.shop} || ${'-'}::text || count(*) || ${'!'}::text`,
      })),
  )
  expect(rows).toEqual([
    { items: 2, text: 'a-2!' },
    { items: null, text: 'a-1!' },
    { items: 5, text: 'b-1!' },
  ])
})

it('gives SQL of your own as execute does: the values that the driver makes of each type', async () => {
  const ofSql = {
    integer: sql<number>`count(*)::int`,
    bigint: sql<string>`count(*)`,
    truth: sql<boolean>`bool_and(true)`,
    moment: sql<Date>`'2020-01-01'::timestamptz`,
    json: sql<{ a: number }>`'{"a": 1}'::jsonb`,
    nothing: sql<null>`null::int`,
  }
  const rows = await database.run((session) => session.find(Sale).aggregate(() => ofSql))
  expect(rows).toEqual([
    {
      integer: 4,
      bigint: '4',
      truth: true,
      moment: new Date('2020-01-01'),
      json: { a: 1 },
      nothing: null,
    },
  ])
  const days = await database.run((session) =>
    session
      .find(Sale)
      .aggregate((sale) => ({ last: max(sql<number>`extract(day from ${sale.at})::int`) })),
  )
  expect(days).toEqual([{ last: 4 }])
})

it('gives zero and null of no rows', async () => {
  const rows = await database.run((session) =>
    session
      .find(Sale)
      .filter({ shop: 'nowhere' })
      .aggregate((sale) => ({
        rows: count(),
        items: sum(sale.items),
        price: sum(sale.price),
        mean: avg(sale.items),
        last: max(sale.at),
      })),
  )
  expect(rows).toEqual([{ rows: 0, items: null, price: null, mean: null, last: null }])
})

it('gives the mean of exact numbers as a number', async () => {
  const rows = await database.run((session) =>
    session
      .find(Sale)
      .filter({ shop: 'b' })
      .aggregate((sale) => ({ price: avg(sale.price), total: avg(sale.total) })),
  )
  expect(rows).toEqual([{ price: 1, total: 9007199254740992 }])
})

it('adds no entity to the session', async () => {
  await database.run(async (session) => {
    await session.find(Sale).aggregate((sale) => ({ id: max(sale.id) }))
    const before = session.stats.queryCount
    await session.get(Sale, 1)
    expect(session.stats.queryCount).toBe(before + 1)
  })
})

it.each([
  ['nothing selected', () => ({}), 'got none'],
  ['no object', () => undefined, 'got undefined'],
  ['a value of JavaScript', () => ({ a: 1 }), 'expected columns or aggregates such as count()'],
  ['an aggregate of nothing', () => ({ a: sum(undefined as never) }), 'sum() expected a column'],
])('refuses %s', async (_, select, message) => {
  const work = database.run((session) => session.find(Sale).aggregate(select as never))
  await expect(work).rejects.toThrow(coded('DATA_BRIDGE_ERR_QUERY', message))
})

it('refuses groups that are no columns', async () => {
  const work = database.run((session) =>
    session
      .find(Sale)
      .groupBy(() => [])
      .aggregate(() => ({ n: count() })),
  )
  await expect(work).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_QUERY', 'find(Sale).groupBy() expected'),
  )
})

it('refuses a sum that no number holds, and names the column', async () => {
  const sums = database.run((session) =>
    session.find(Total).aggregate((sale) => ({ total: sum(sale.total) })),
  )
  await expect(sums).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_STATEMENT', 'the column total holds a sum beyond the safe integers'),
  )
})
