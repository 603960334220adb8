import { beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, boolean, integer, jsonb, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { recordWire } from '../../support/recorder.ts'

class Doc extends table('docs', {
  id: integer().primaryKey().generated(),
  data: jsonb<{ slug: string; size?: number }>(),
  aboveId: integer()
    .nullable()
    .references(() => Doc),
  above: () => belongsTo(Doc, 'aboveId'),
}) {}
class Stay extends table('stays', {
  id: integer().primaryKey().generated(),
  first: integer(),
  last: integer(),
}) {}
class Price extends table('prices', {
  id: integer().primaryKey().generated(),
  product: text(),
  isCurrent: boolean(),
}) {}

const { database, query, truncate, url } = await testDatabase([Doc, Stay, Price])
await query(`
  create unique index on docs ((data ->> 'slug'));
  alter table stays add exclude using gist (int4range(first, last) with &&);
  create unique index on prices (product) where is_current`)
beforeEach(truncate)

describe('rows of an expression or an exclusion, of which only PostgreSQL knows whether they exclude each other', () => {
  it('are deleted before others are inserted: a part of JSON', async () => {
    await database.run(async (session) => {
      const old = new Doc({ data: { slug: 'a', size: 1 } })
      session.add(old)
      await session.flush()
      session.delete(old)
      session.add(new Doc({ data: { slug: 'a', size: 2 } }))
    })
    expect(await query('select data from docs')).toEqual([{ data: { slug: 'a', size: 2 } }])
  })

  it('are deleted before others are changed', async () => {
    await database.run(async (session) => {
      const [old, other] = ['a', 'b'].map((slug) => new Doc({ data: { slug } })) as [Doc, Doc]
      session.add(old, other)
      await session.flush()
      session.delete(old)
      other.data = { slug: 'a', size: 3 }
    })
    expect(await query('select data from docs')).toEqual([{ data: { slug: 'a', size: 3 } }])
  })

  it('are changed before others are inserted: ranges that must not overlap', async () => {
    await database.run(async (session) => {
      const [one, other] = [new Stay({ first: 1, last: 9 }), new Stay({ first: 20, last: 25 })]
      session.add(one, other)
      await session.flush()
      one.last = 5
      session.delete(other)
      session.add(new Stay({ first: 5, last: 22 }))
    })
    expect(await query('select first, last from stays order by first')).toEqual([
      { first: 1, last: 5 },
      { first: 5, last: 22 },
    ])
  })

  it('stay in the usual order where another one is not possible, with one update', async () => {
    await using wire = recordWire(url)
    const [old, below] = [new Doc({ data: { slug: 'a' } }), new Doc({ data: { slug: 'b' } })]
    below.above.set(old)
    await wire.database.run(async (session) => {
      session.add(below)
      await session.flush()
      below.above.set(new Doc({ data: { slug: 'c' } }))
      session.delete(old)
      wire.clear()
      await session.flush()
    })
    expect(wire.texts.map((each) => each.split(' ')[0])).toEqual([
      'insert',
      'update',
      'delete',
      'commit',
    ])
  })
})

it('six thousand rows of one value, of which an index has none, are replaced by as many', async () => {
  const make = (): Price[] =>
    Array.from({ length: 6000 }, () => new Price({ product: 'tea', isCurrent: false }))
  await using session = database.session()
  const old = make()
  session.add(old)
  await session.flush()
  session.delete(old)
  session.add(make())
  await session.commit()
  expect(await query('select count(*)::int, min(id) from prices')).toEqual([
    { count: 6000, min: 6001 },
  ])
})
