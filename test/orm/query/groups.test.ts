import { beforeAll, describe, expect, it } from 'vitest'
import {
  and,
  avg,
  count,
  countDistinct,
  integer,
  max,
  or,
  type Query,
  type Refs,
  sql,
  sum,
  table,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { Book, fillLibrary, library, Review } from '../relations/library.ts'

class Visit extends table('visits', {
  id: integer().primaryKey().generated(),
  at: timestamptz(),
  pages: integer(),
}) {}

const created = await testDatabase([...library, Visit])
const { database, query } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(async () => {
  await fillLibrary(created)
  await query(`insert into visits (at, pages) values ('2024-02-28 10:00Z', 1),
    ('2024-02-29 10:00Z', 2), ('2024-02-29 11:00Z', 3), ('2024-03-01 10:00Z', 4)`)
})

function books<T>(work: (query: Query<typeof Book>) => Promise<T>): Promise<T> {
  return database.run((session) => work(session.find(Book)))
}

describe('groups', () => {
  it('are of columns behind to-one relations, null where there is none', async () => {
    const rows = await books((query) =>
      query
        .groupBy((book) => [book.author.name, book.author.mentor.name])
        .orderBy((book) => book.author.name.asc())
        .aggregate((book) => ({
          author: book.author.name,
          mentor: book.author.mentor.name,
          books: count(),
          sales: sum(book.sales),
        })),
    )
    expect(rows).toEqual([
      { author: 'ann', mentor: 'bob', books: 4, sales: 100 },
      { author: 'bob', mentor: null, books: 2, sales: 110 },
      { author: null, mentor: null, books: 1, sales: 70 },
    ])
  })

  it('are chosen by having, one after the other', async () => {
    const perAuthor = (build: (query: Query<typeof Book>) => Query<typeof Book>) =>
      books((query) =>
        build(query.groupBy((book) => book.authorId))
          .orderBy((book) => book.authorId.asc())
          .aggregate((book) => ({ author: book.authorId, books: count() })),
      )
    const several = await perAuthor((query) => query.having(() => count().gt(1)))
    expect(several).toEqual([
      { author: 1, books: 4 },
      { author: 2, books: 2 },
    ])
    const both = await perAuthor((query) =>
      query
        .filter((book) => book.sales.gt(10))
        .having(() => count().between(2, 3))
        .having((book) => and(sum(book.sales).lt(100), max(book.author.name).eq('ann'))),
    )
    expect(both).toEqual([{ author: 1, books: 3 }])
    const either = await perAuthor((query) =>
      query.having((book) => or(avg(book.sales).gt(60), countDistinct(book.title).gte(4))),
    )
    expect(either).toEqual([
      { author: 1, books: 4 },
      { author: null, books: 1 },
    ])
  })

  it('are in the order of aggregates, and of these a page', async () => {
    const perAuthor = (query: Query<typeof Book>) =>
      query
        .groupBy((book) => book.authorId)
        .orderBy((book) => [count().desc(), sum(book.sales).asc()])
    const select = (query: Query<typeof Book>) =>
      query.aggregate((book) => ({ author: book.authorId, n: count() }))
    expect(await books((query) => select(perAuthor(query)))).toEqual([
      { author: 1, n: 4 },
      { author: 2, n: 2 },
      { author: null, n: 1 },
    ])
    expect(await books((query) => select(perAuthor(query).limit(1).offset(1)))).toEqual([
      { author: 2, n: 2 },
    ])
  })

  it('are of expressions with parameters, where they are selected too', async () => {
    const zone = 'UTC'
    const rows = await database.run((session) =>
      session
        .find(Visit)
        .filter((visit) => visit.pages.gt(1))
        .groupBy((visit) => sql`date_trunc(${'day'}, ${visit.at}, ${zone})`)
        .orderBy((visit) => sql`date_trunc(${'day'}, ${visit.at}, ${zone})`)
        .aggregate((visit) => ({
          pages: sum(visit.pages),
          day: sql<Date>`date_trunc(${'day'}, ${visit.at}, ${zone})`,
        })),
    )
    expect(rows).toEqual([
      { day: new Date('2024-02-29T00:00:00Z'), pages: 5 },
      { day: new Date('2024-03-01T00:00:00Z'), pages: 4 },
    ])
  })

  it.each(['nullsFirst', 'nullsLast'] as const)(
    'of expressions with parameters keep their %s()',
    async (nulls) => {
      const kind = (visit: Refs<Visit>) =>
        sql<string | null>`case when ${visit.pages} > ${2} then ${'many'} end`
      const rows = await database.run((session) =>
        session
          .find(Visit)
          .groupBy(kind)
          .orderBy((visit) => kind(visit)[nulls]())
          .aggregate((visit) => ({ kind: kind(visit) })),
      )
      const kinds = rows.map((row) => row.kind)
      expect(kinds).toEqual(nulls === 'nullsFirst' ? [null, 'many'] : ['many', null])
    },
  )

  it('of parameters are told apart by their values', async () => {
    const rows = await database.run((session) => {
      const by = (visit: { readonly pages: unknown }, step: number) =>
        sql<number>`${visit.pages}::int / ${step}::int`
      return session
        .find(Visit)
        .groupBy((visit) => [by(visit, 2), by(visit, 3)])
        .orderBy((visit) => [by(visit, 2).nullsFirst(), by(visit, 3).nullsLast()])
        .aggregate((visit) => ({ thirds: by(visit, 3), halves: by(visit, 2), n: count() }))
    })
    expect(rows).toEqual([
      { thirds: 0, halves: 0, n: 1 },
      { thirds: 0, halves: 1, n: 1 },
      { thirds: 1, halves: 1, n: 1 },
      { thirds: 1, halves: 2, n: 1 },
    ])
  })

  it('are of counts of related rows', async () => {
    const rows = await books((query) =>
      query
        .filter({ id: [1, 2, 6] })
        .groupBy((book) => book.genres.count())
        .orderBy((book) => book.genres.count().asc())
        .aggregate((book) => ({ genres: book.genres.count(), books: count() })),
    )
    expect(rows).toEqual([
      { genres: 0, books: 1 },
      { genres: 1, books: 2 },
    ])
  })

  it('of all rows are one, which having may leave out', async () => {
    const total = (least: number) =>
      books((query) =>
        query.having(() => count().gte(least)).aggregate((book) => ({ sales: sum(book.sales) })),
      )
    expect(await total(7)).toEqual([{ sales: 280 }])
    expect(await total(8)).toEqual([])
  })

  it('see what was not flushed', async () => {
    await using session = database.session()
    const [review] = await session.find(Review).filter({ bookId: 2 }).toList()
    if (review !== undefined) review.bookId = 1
    const rows = await session
      .find(Review)
      .filter({ bookId: [1, 2] })
      .groupBy((each) => each.bookId)
      .aggregate((each) => ({ book: each.bookId, n: count() }))
    expect(rows).toEqual([{ book: 1, n: 1 }])
    await session.rollback()
  })
})

describe('what groups have no meaning for is refused:', () => {
  const grouped = (query: Query<typeof Book>) => query.groupBy((book) => book.authorId)
  const chosen = (query: Query<typeof Book>) => query.having(() => count().gt(1))

  it.each([
    ['toList', (query: Query<typeof Book>) => query.toList()],
    ['first', (query: Query<typeof Book>) => query.first()],
    ['one', (query: Query<typeof Book>) => query.one()],
    ['count', (query: Query<typeof Book>) => query.count()],
    ['exists', (query: Query<typeof Book>) => query.exists()],
  ] as const)('%s', async (method, call) => {
    const message = (unused: string) =>
      coded(
        QUERY,
        `find(Book).${unused}() cannot be used with ${method}(); groups are read with select() and aggregate()`,
      )
    await expect(books<unknown>((query) => call(grouped(query)))).rejects.toThrow(
      message('groupBy'),
    )
    await expect(books<unknown>((query) => call(chosen(query)))).rejects.toThrow(message('having'))
  })

  it.each([
    ['limit', (query: Query<typeof Book>) => query.limit(1)],
    ['offset', (query: Query<typeof Book>) => query.offset(1)],
  ] as const)('%s without groups', async (method, build) => {
    const work = books((query) => build(chosen(query)).aggregate(() => ({ n: count() })))
    await expect(work).rejects.toThrow(
      coded(QUERY, `find(Book).${method}() cannot be used with aggregate()`),
    )
  })

  it('groups and conditions that are none', async () => {
    await expect(books(async (query) => query.groupBy(() => [1] as never))).rejects.toThrow(
      coded(QUERY, 'find(Book).groupBy() expected columns'),
    )
    await expect(books(async (query) => query.having(() => count() as never))).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_FILTER', 'find(Book).having() expected conditions'),
    )
  })
})
