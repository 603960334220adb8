import { beforeAll, describe, expect, it } from 'vitest'
import { count, exists, max, scalar, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, library, Review } from '../relations/library.ts'

const created = await testDatabase(library)
const { database, url } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

const soldAbove = (session: Session, least: number) =>
  session
    .find(Book)
    .filter((book) => book.sales.gt(least))
    .select((book) => ({ id: book.id, sales: book.sales, authorId: book.authorId }))
    .cte()

describe('cte', () => {
  it('is read once, however often the statement uses it', async () => {
    await using wire = recordWire(url)
    const found = await wire.database.run((session) => {
      const good = soldAbove(session, 35)
      return session
        .find(Author)
        .filter((author) => author.id.in(good.select((row) => ({ id: row.authorId }))))
        .filter((author) => author.id.lt(9))
        .filter(() => scalar(good.select((row) => ({ most: max(row.sales) }))).eq(70))
        .orderBy((author) => author.id.asc())
        .toList()
    })
    expect(found.map(({ name }) => name)).toEqual(['ann', 'bob'])
    expect(wire.texts).toEqual([
      'with "data_bridge_0" as (select "t0"."id" as "id", "t0"."sales" as "sales", "t0"."author_id" as "authorId" from "books" as "t0" where "t0"."sales" > $1) ' +
        'select "t0"."id", "t0"."name", "t0"."mentor_id" from "authors" as "t0" ' +
        'where ("t0"."id" in (select "t0"."authorId" as "id" from "data_bridge_0" as "t0") ' +
        'and "t0"."id" < $2 ' +
        'and (select max("t0"."sales") as "most" from "data_bridge_0" as "t0") = $3) ' +
        'order by "t0"."id" asc',
    ])
  })

  it('of another object is another one, also if it looks the same', async () => {
    await using wire = recordWire(url)
    const inBoth = (session: Session, one: ReturnType<typeof soldAbove>, other = one) =>
      session
        .find(Book)
        .filter(
          (book) => book.id.in(one.select((row) => ({ id: row.id }))),
          (book) => book.id.in(other.select((row) => ({ id: row.id }))),
        )
        .count()
    for (let time = 0; time < 3; time += 1) {
      await wire.database.run(async (session) => {
        const once = soldAbove(session, 15)
        expect(await inBoth(session, once)).toBe(6)
        expect(await inBoth(session, once, soldAbove(session, 55))).toBe(2)
        expect(await inBoth(session, soldAbove(session, 45), once)).toBe(3)
      })
    }
    expect(wire.queries.map(({ values }) => values.map(String).join())).toEqual(
      Array.from({ length: 3 }, () => ['15', '15,55', '45,15']).flat(),
    )
    expect(new Set(wire.texts).size).toBe(2)
    expect(wire.queries.slice(3).every(({ name }) => name !== undefined)).toBe(true)
  })

  it('may use others, each named before it is used', async () => {
    await using wire = recordWire(url)
    const rows = await wire.database.run((session) => {
      const good = soldAbove(session, 15)
      const perAuthor = good
        .groupBy((row) => row.authorId)
        .select((row) => ({ authorId: row.authorId, books: count() }))
        .cte({ materialized: true })
      return session
        .find(Author)
        .join(perAuthor, (author, per) => per.authorId.eq(author.id))
        .leftJoin(good, (author, _, row) => row.authorId.eq(author.id))
        .groupBy((author, per) => [author.name, per.books])
        .orderBy((author) => author.name.asc())
        .select((author, per, row) => ({
          name: author.name,
          books: per.books,
          most: max(row.sales),
        }))
        .toList()
    })
    expect(rows).toEqual([
      { name: 'ann', books: 3, most: 40 },
      { name: 'bob', books: 2, most: 60 },
    ])
    expect(wire.texts[0]).toMatch(
      /^with "data_bridge_1" as \(select .* > \$1\), "data_bridge_0" as materialized \(select .* from "data_bridge_1" as "t0" group by .*\) select /,
    )
  })

  it('may be kept from being read beforehand', async () => {
    await using wire = recordWire(url)
    await wire.database.run((session) =>
      session
        .find(Book)
        .select((book) => ({ id: book.id }))
        .cte({ materialized: false })
        .count(),
    )
    expect(wire.texts[0]).toMatch(/^with "data_bridge_0" as not materialized \(/)
  })

  it('keeps the order and the page of its rows', async () => {
    const rows = await database.run((session) =>
      session
        .find(Book)
        .orderBy((book) => book.sales.desc())
        .limit(3)
        .select((book) => ({ title: book.title }))
        .cte()
        .toList(),
    )
    expect(rows.map(({ title }) => title)).toEqual(['b7', 'b6', 'b5'])
  })

  it('sees no columns of the query around it', async () => {
    await using session = database.session()
    const correlated = session.find(Author).filter((author) =>
      exists(
        session
          .find(Book)
          .filter((book) => book.authorId.eq(author.id))
          .select((book) => ({ id: book.id }))
          .cte(),
      ),
    )
    await expect(correlated.toList()).rejects.toThrow(
      coded(
        QUERY,
        'got id of Author in the query around it: what cte() and recursive() name is read before that',
      ),
    )
  })

  it('stands in your own SQL, also behind a WITH of that', async () => {
    const rows = await database.run((session) =>
      session.execute<{ n: number }>(sql`
        with doubled as (select ${2}::int * ${3}::int as n)
        select n + (select count(*) from ${soldAbove(session, 45)} as good)::int as n from doubled`),
    )
    expect([...rows]).toEqual([{ n: 9 }])
  })

  it('has what the session has changed', async () => {
    await using session = database.session()
    session.add(new Book({ title: 'new', sales: 99 }))
    const good = soldAbove(session, 90)
    const found = await session
      .find(Author)
      .filter((author) => author.id.ne(scalar(good.select(() => ({ n: count() })))))
      .count()
    expect(found).toBe(2)
    await session.rollback()
  })

  it.each<[unknown, string]>([
    [
      { materialised: true },
      'find(Book).select().cte() has no option materialised; it has materialized',
    ],
    [{ materialized: 'yes' }, 'find(Book).select().cte(): materialized expected true or false'],
    [null, 'find(Book).select().cte() expected options such as { materialized: true }, got null'],
  ])('refuses the options %o', async (options, message) => {
    await using session = database.session()
    const rows = session.find(Book).select((book) => ({ id: book.id }))
    expect(() => rows.cte(options as never)).toThrow(coded('DATA_BRIDGE_ERR_OPTION', message))
  })
})

describe('recursive', () => {
  const studentsOf = (session: Session, mentorId: number, depths = true) =>
    session
      .find(Author)
      .filter({ mentorId })
      .select((author) => ({ id: author.id, name: author.name, depth: sql<number>`1` }))
      .recursive((above) =>
        session
          .find(Author)
          .join(above, (author, mentor) => author.mentorId.eq(mentor.id))
          .select((author, mentor) => ({
            id: author.id,
            name: author.name,
            depth: depths ? sql<number>`${mentor.depth} + 1` : sql<number>`1`,
          })),
      )

  it('follows rows of a table that refers to itself, as a tree', async () => {
    await database.run(async (session) => {
      session.add(new Author({ name: 'dan', mentorId: 1 }))
      await session.flush()
      const rows = await studentsOf(session, 2)
        .orderBy((row) => [row.depth.asc(), row.name.asc()])
        .toList()
      expect(rows.map(({ name, depth }) => [name, depth])).toEqual([
        ['ann', 1],
        ['cid', 1],
        ['dan', 2],
      ])
      await session.rollback()
    })
  })

  it('ends where rows lead to each other in a circle, since equal rows count once', async () => {
    await using session = database.session()
    const bob = await session.find(Author).filter({ name: 'bob' }).one()
    bob.mentorId = 1
    const rows = studentsOf(session, 2, false)
    expect(await rows.count()).toBe(3)
    await session.rollback()
  })

  it('counts equal rows each time, where that is asked for', async () => {
    const numbers = (all: boolean) =>
      database.run((session) =>
        session
          .find(Book)
          .filter({ id: [1, 2] })
          .select(() => ({ n: sql<number>`${1}::int` }))
          .recursive(
            (before) =>
              before
                .filter((row) => row.n.lt(3))
                .select((row) => ({ n: sql<number>`${row.n} + ${1}::int` })),
            { all },
          )
          .toList(),
      )
    expect((await numbers(false)).map(({ n }) => n)).toEqual([1, 2, 3])
    expect((await numbers(true)).map(({ n }) => n)).toEqual([1, 1, 2, 2, 3, 3])
  })

  it('is another one beside one of the same shape', async () => {
    const rows = await database.run((session) => {
      const upTo = (most: number) =>
        session
          .find(Book)
          .filter({ id: 1 })
          .select(() => ({ n: sql<number>`${1}::int` }))
          .recursive((before) =>
            before
              .filter((row) => row.n.lt(most))
              .select((row) => ({ n: sql<number>`${row.n} + 1` })),
          )
      const [three, four] = [upTo(3), upTo(4)]
      return three
        .join(four, (row, other) => other.n.gt(row.n))
        .orderBy((row, other) => [row.n.asc(), other.n.asc()])
        .select((row, other) => ({ pair: sql<string>`${row.n} || ${'-'} || ${other.n}` }))
        .toList()
    })
    expect(rows.map(({ pair }) => pair)).toEqual(['1-2', '1-3', '1-4', '2-3', '2-4', '3-4'])
  })

  it('stands in conditions of another query, twice by one name', async () => {
    await using wire = recordWire(url)
    const found = await wire.database.run((session) => {
      const below = studentsOf(session, 2)
      return session
        .find(Book)
        .filter(
          (book) => book.authorId.in(below.select((row) => ({ id: row.id }))),
          (book) => book.author.name.in(below.select((row) => ({ name: row.name }))),
        )
        .count()
    })
    expect(found).toBe(4)
    expect(wire.texts[0]?.match(/with recursive "data_bridge_0" as \(/g)).toHaveLength(1)
  })

  it.each<[string, (session: Session) => unknown, string]>([
    [
      'next rows with other properties',
      (session) =>
        session
          .find(Author)
          .select((author) => ({ id: author.id }))
          .recursive(() => session.find(Book).select((book) => ({ title: book.title })) as never),
      'find(Author).select().recursive() expected a query that selects id, got one that selects title',
    ],
    [
      'no query',
      (session) =>
        session
          .find(Author)
          .select((author) => ({ id: author.id }))
          .recursive(() => undefined as never),
      'find(Author).select().recursive() expected a query of plain rows',
    ],
    [
      'no callback',
      (session) =>
        session
          .find(Author)
          .select((author) => ({ id: author.id }))
          .recursive(session.find(Review) as never),
      'find(Author).select().recursive() expected a callback such as (before) => …, got',
    ],
    [
      'unknown options',
      (session) =>
        session
          .find(Author)
          .select((author) => ({ id: author.id }))
          .recursive((before) => before, { every: true } as never),
      'find(Author).select().recursive() has no option every; it has all',
    ],
  ])('refuses %s', async (_, call, message) => {
    await using session = database.session()
    expect(() => call(session)).toThrow(
      expect.objectContaining({ details: expect.stringContaining(message) }),
    )
  })
})
