import { beforeAll, describe, expect, it } from 'vitest'
import {
  avg,
  count,
  countDistinct,
  max,
  type Rows,
  type Session,
  sql,
  sum,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { recordWire } from '../../support/recorder.ts'
import { Book, fillLibrary, library } from '../relations/library.ts'

const created = await testDatabase(library)
const { database, url } = created

beforeAll(() => fillLibrary(created))

const run = <T>(work: (session: Session) => Promise<T>): Promise<T> => database.run(work)

const sales = (session: Session) =>
  session.find(Book).select((book) => ({ title: book.title, sales: book.sales }))

/** The methods that send a query of any rows. */
type Ends = Pick<Rows<never>, 'count' | 'exists'> & {
  toList(): Promise<readonly unknown[]>
  first(): Promise<unknown>
}

const titlesOf = async (rows: Promise<readonly { title: string }[]>) =>
  (await rows).map(({ title }) => title)

describe('rows of a query', () => {
  it('are filtered and ordered by what was selected', async () => {
    const rows = run((session) =>
      session
        .find(Book)
        .select((book) => ({ title: book.title, reviews: book.reviews.count() }))
        .filter(
          (row) => row.reviews.gt(1),
          (row) => row.title.ne('b4'),
        )
        .filter((row) => row.reviews.lt(6))
        .orderBy((row) => [row.reviews.desc()])
        .toList(),
    )
    expect(await rows).toEqual([
      { title: 'b6', reviews: 5 },
      { title: 'b5', reviews: 4 },
      { title: 'b3', reviews: 2 },
    ])
  })

  it('are filtered behind a page, not before it', async () => {
    const page = (session: Session) =>
      sales(session)
        .orderBy((row) => row.sales.desc())
        .limit(3)
    expect(await titlesOf(run((session) => page(session).toList()))).toEqual(['b7', 'b6', 'b5'])
    expect(
      await titlesOf(
        run((session) =>
          page(session)
            .filter((row) => row.sales.lt(65))
            .toList(),
        ),
      ),
    ).toEqual(['b6', 'b5'])
    expect(
      await run((session) =>
        page(session)
          .filter((row) => row.sales.lt(65))
          .count(),
      ),
    ).toBe(2)
    expect(
      await titlesOf(
        run((session) =>
          page(session)
            .orderBy((row) => row.title.asc())
            .limit(1)
            .toList(),
        ),
      ),
    ).toEqual(['b5'])
    expect(
      await titlesOf(
        run((session) =>
          page(session)
            .offset(1)
            .select((row) => ({ title: row.title }))
            .toList(),
        ),
      ),
    ).toEqual(['b6', 'b5', 'b4'].slice(0, 2).concat('b2'))
  })

  it('are selected, grouped and aggregated again', async () => {
    const perReviews = (session: Session) =>
      session
        .find(Book)
        .groupBy((book) => book.author.name)
        .select((book) => ({ author: book.author.name, books: count(), sales: sum(book.sales) }))
    expect(
      await run((session) =>
        perReviews(session)
          .filter((row) => row.books.gt(1))
          .select((row) => ({ who: row.author, each: sql<number>`${row.sales} / ${row.books}` }))
          .orderBy((row) => row.who.asc())
          .toList(),
      ),
    ).toEqual([
      { who: 'ann', each: '25' },
      { who: 'bob', each: '55' },
    ])
    expect(
      await run((session) =>
        perReviews(session)
          .groupBy((row) => sql`${row.books} > ${1}`)
          .having((row) => max(row.books).gt(0))
          .select((row) => ({
            several: sql<boolean>`${row.books} > ${1}`,
            authors: count(),
            known: countDistinct(row.author),
          }))
          .orderBy((row) => row.several.asc())
          .toList(),
      ),
    ).toEqual([
      { several: false, authors: 1, known: 0 },
      { several: true, authors: 2, known: 2 },
    ])
    expect(
      await run((session) =>
        perReviews(session)
          .orderBy((row) => row.author.asc())
          .aggregate((row) => ({
            most: max(row.sales),
            mean: avg(row.books),
            all: sum(row.sales),
          })),
      ),
    ).toEqual([{ most: 110, mean: 7 / 3, all: 280 }])
    expect(
      await run((session) =>
        perReviews(session)
          .groupBy((row) => row.books)
          .having((row) => row.books.gt(1))
          .aggregate((row) => ({ books: row.books, authors: count() })),
      ),
    ).toEqual(expect.arrayContaining([{ books: 2, authors: 1 }]))
  })

  it('as aggregates of all are one row, however they are asked for', async () => {
    const one = (session: Session) =>
      session
        .find(Book)
        .filter((book) => book.sales.lt(0))
        .select((book) => ({ books: count(), sales: sum(book.sales) }))
    expect(await run((session) => one(session).toList())).toEqual([{ books: 0, sales: null }])
    expect(await run((session) => one(session).one())).toEqual({ books: 0, sales: null })
    expect(await run((session) => one(session).count())).toBe(1)
    expect(await run((session) => one(session).exists())).toBe(true)
    expect(
      await run((session) =>
        one(session)
          .filter((row) => row.books.gt(0))
          .count(),
      ),
    ).toBe(0)
    expect(
      await run((session) =>
        one(session)
          .filter((row) => row.books.gt(0))
          .exists(),
      ),
    ).toBe(false)
    const raw = (session: Session) =>
      session.find(Book).select(() => ({ books: sql<number>`count(*)::int` }))
    expect(await run((session) => raw(session).count())).toBe(1)
    const many = (session: Session) =>
      session
        .find(Book)
        .filter({ id: 1 })
        .select(() => ({ n: sql<number>`generate_series(1, 0)` }))
    expect(await run((session) => many(session).exists())).toBe(false)
  })

  it('are counted and tested in each form', async () => {
    const forms: readonly [string, (session: Session) => Ends, number][] = [
      ['plain', sales, 7],
      ['page', (session) => sales(session).limit(3), 3],
      ['behind the end', (session) => sales(session).offset(7), 0],
      ['filtered', (session) => sales(session).filter((row) => row.sales.gt(45)), 3],
      [
        'page of a page',
        (session) =>
          sales(session)
            .limit(5)
            .filter((row) => row.sales.gt(0))
            .offset(3),
        2,
      ],
      [
        'groups',
        (session) =>
          session
            .find(Book)
            .groupBy((book) => book.authorId)
            .select((book) => ({ id: book.authorId })),
        3,
      ],
      [
        'groups behind an offset',
        (session) =>
          session
            .find(Book)
            .groupBy((book) => book.authorId)
            .offset(3)
            .select((book) => ({ id: book.authorId })),
        0,
      ],
      [
        'distinct',
        (session) =>
          session
            .find(Book)
            .select((book) => ({ id: book.authorId }))
            .distinct(),
        3,
      ],
      [
        'distinct behind an offset',
        (session) =>
          session
            .find(Book)
            .select((book) => ({ id: book.authorId }))
            .distinct()
            .offset(2),
        1,
      ],
      ['union', (session) => sales(session).union(sales(session)), 7],
      ['cte', (session) => sales(session).cte(), 7],
    ]
    for (const [name, build, expected] of forms) {
      expect([name, await run((session) => build(session).count())]).toEqual([name, expected])
      expect([name, (await run((session) => build(session).toList())).length]).toEqual([
        name,
        expected,
      ])
      expect([name, await run((session) => build(session).exists())]).toEqual([name, expected > 0])
      expect([name, (await run((session) => build(session).first())) !== null]).toEqual([
        name,
        expected > 0,
      ])
    }
  })

  it('keep their order in a query around them', async () => {
    const orders: readonly [string, (session: Session) => Rows<{ title: string }>, string[]][] = [
      [
        'of a column that is not selected, NULL first',
        (session) =>
          session
            .find(Book)
            .orderBy((book) => [book.authorId.asc().nullsFirst(), book.sales.desc()])
            .select((book) => ({ title: book.title })),
        ['b7', 'b2', 'b3', 'b4', 'b1', 'b6', 'b5'],
      ],
      [
        'of a relation, NULL last',
        (session) =>
          session
            .find(Book)
            .orderBy((book) => [book.author.name.desc().nullsLast(), book.id.asc()])
            .select((book) => ({ title: book.title })),
        ['b5', 'b6', 'b1', 'b2', 'b3', 'b4', 'b7'],
      ],
      [
        'of how many rows a relation has',
        (session) =>
          session
            .find(Book)
            .orderBy((book) => [book.genres.count().desc(), book.id.desc()])
            .select((book) => ({ title: book.title })),
        ['b4', 'b3', 'b5', 'b2', 'b1', 'b7', 'b6'],
      ],
      [
        'of your own SQL, which says its direction',
        (session) =>
          session
            .find(Book)
            .orderBy((book) => [sql`abs(${book.sales} - ${39}) desc`, book.id.asc()])
            .select((book) => ({ title: book.title })),
        ['b7', 'b1', 'b6', 'b4', 'b5', 'b3', 'b2'],
      ],
      [
        'of your own SQL, with NULL first',
        (session) =>
          session
            .find(Book)
            .orderBy((book) => [sql`${book.authorId}`.nullsFirst(), book.id.asc()])
            .select((book) => ({ title: book.title })),
        ['b7', 'b1', 'b2', 'b3', 'b4', 'b5', 'b6'],
      ],
    ]
    for (const [name, build, expected] of orders) {
      const plain = titlesOf(run((session) => build(session).toList()))
      const around = titlesOf(
        run((session) =>
          build(session)
            .filter((row) => row.title.ne('x'))
            .toList(),
        ),
      )
      const page = titlesOf(
        run((session) =>
          build(session)
            .limit(4)
            .filter((row) => row.title.ne('x'))
            .select((row) => ({ title: row.title }))
            .toList(),
        ),
      )
      expect([name, await plain, await around, await page]).toEqual([
        name,
        expected,
        expected,
        expected.slice(0, 4),
      ])
    }
  })

  it('have one more query around them only where it is needed', async () => {
    await using wire = recordWire(url)
    await wire.database.run((session) =>
      sales(session)
        .filter((row) => row.sales.gt(1))
        .orderBy((row) => row.sales.asc())
        .filter((row) => row.title.ne('x'))
        .select((row) => ({ title: row.title }))
        .toList(),
    )
    expect(wire.texts).toEqual([
      'select "t0"."title" from (select "t0"."title" as "title", "t0"."sales" as "sales" from "books" as "t0") as "t0" ' +
        'where ("t0"."sales" > $1 and "t0"."title" <> $2) order by "t0"."sales" asc',
    ])
  })

  it('are compiled once for one shape, and prepared from the second use on', async () => {
    await using wire = recordWire(url, { max: 1 })
    for (const least of [1, 20, 30]) {
      await wire.database.run((session) =>
        sales(session)
          .limit(least)
          .filter((row) => row.sales.gt(least))
          .toList(),
      )
    }
    expect(new Set(wire.texts).size).toBe(1)
    expect(wire.queries.map(({ name }) => name !== undefined)).toEqual([false, true, true])
    expect(wire.queries.map(({ values }) => values.map(String))).toEqual([
      ['1', '1'],
      ['20', '20'],
      ['30', '30'],
    ])
  })

  it('have shapes that do not grow with each query around them', async () => {
    await using wire = recordWire(url, { max: 1 })
    const nested = (session: Session) => {
      let rows = session.find(Book).select((book) => ({
        a: book.title,
        b: book.sales,
        c: book.id,
        d: book.authorId,
        e: sql`1`,
      }))
      for (let level = 0; level < 12; level += 1)
        rows = rows
          .limit(7)
          .filter((row) => row.b.gt(level))
          .select((row) => ({ a: row.a, b: row.b, c: row.c, d: row.d, e: row.e }))
      return rows
    }
    for (let time = 0; time < 3; time += 1)
      expect(await wire.database.run((session) => nested(session).count())).toBe(6)
    expect(wire.queries.at(-1)?.name).toBeDefined()
  })
})
