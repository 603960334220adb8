import { beforeAll, describe, expect, it } from 'vitest'
import { count, type Expression, type Rows, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, library } from '../relations/library.ts'

const created = await testDatabase(library)
const { database, url } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

type Names = Rows<{ name: string | null }>

const authors = (session: Session): Names =>
  session.find(Author).select((author) => ({ name: author.name as Expression<string | null> }))

/** ann four times, bob twice, NULL once. */
const writers = (session: Session) =>
  session.find(Book).select((book) => ({ name: book.author.name }))

async function names(
  build: (session: Session) => Rows<{ name: string | null }>,
): Promise<unknown[]> {
  const rows = await database.run((session) =>
    build(session)
      .orderBy((row) => row.name.asc())
      .toList(),
  )
  return rows.map(({ name }) => name)
}

describe('set operations', () => {
  it('give the rows of both, equal ones once or each time', async () => {
    expect(await names((session) => authors(session).union(writers(session)))).toEqual([
      'ann',
      'bob',
      'cid',
      null,
    ])
    expect(await names((session) => authors(session).unionAll(writers(session)))).toEqual([
      ...Array.from({ length: 5 }, () => 'ann'),
      'bob',
      'bob',
      'bob',
      'cid',
      null,
    ])
  })

  it('give the rows that both have, and those that the other has not', async () => {
    expect(await names((session) => authors(session).intersect(writers(session)))).toEqual([
      'ann',
      'bob',
    ])
    expect(await names((session) => authors(session).except(writers(session)))).toEqual(['cid'])
    expect(await names((session) => writers(session).except(authors(session)))).toEqual([null])
  })

  it('follow each other from left to right', async () => {
    const all = (session: Session) => authors(session).unionAll(writers(session))
    expect(await names((session) => all(session).except(writers(session)))).toEqual(['cid'])
    expect(
      await names((session) =>
        authors(session).except(writers(session)).unionAll(authors(session)),
      ),
    ).toEqual(['ann', 'bob', 'cid', 'cid'])
    expect(
      await names((session) =>
        authors(session).unionAll(authors(session).except(writers(session))),
      ),
    ).toEqual(['ann', 'bob', 'cid', 'cid'])
  })

  it('match properties by their names, not by their places', async () => {
    const rows = await database.run((session) =>
      session
        .find(Book)
        .filter({ id: 1 })
        .select((book) => ({ title: book.title, sales: book.sales }))
        .unionAll(
          session
            .find(Book)
            .filter({ id: 2 })
            .select((book) => ({ sales: book.sales, title: book.title })),
        )
        .orderBy((row) => row.title.asc())
        .toList(),
    )
    expect(rows).toEqual([
      { title: 'b1', sales: 10 },
      { title: 'b2', sales: 40 },
    ])
  })

  it('keep the pages of their parts, and are filtered, counted and grouped', async () => {
    const page = (session: Session, direction: 'asc' | 'desc') =>
      session
        .find(Book)
        .orderBy((book) => book.sales[direction]())
        .limit(2)
        .select((book) => ({ title: book.title }))
    const both = (session: Session) => page(session, 'asc').union(page(session, 'desc'))
    const list = await database.run((session) =>
      both(session)
        .orderBy((row) => row.title.asc())
        .toList(),
    )
    expect(list.map(({ title }) => title)).toEqual(['b1', 'b4', 'b6', 'b7'])
    expect(
      await database.run((session) =>
        both(session)
          .filter((row) => row.title.gt('b4'))
          .count(),
      ),
    ).toBe(2)
    expect(
      await database.run((session) =>
        authors(session)
          .unionAll(authors(session))
          .groupBy((row) => row.name)
          .select((row) => ({ name: row.name, times: count() }))
          .orderBy((row) => row.name.asc())
          .first(),
      ),
    ).toEqual({ name: 'ann', times: 2 })
  })

  it('stand in conditions, and are named', async () => {
    const found = await database.run((session) => {
      const named = authors(session).except(writers(session)).cte()
      return session
        .find(Author)
        .filter((author) => author.name.in(named))
        .toList()
    })
    expect(found.map(({ name }) => name)).toEqual(['cid'])
  })

  it('send one statement, with the parameters in their order', async () => {
    await using wire = recordWire(url)
    await wire.database.run((session) =>
      authors(session)
        .filter((row) => row.name.ne('x'))
        .union(writers(session).limit(3))
        .filter((row) => row.name.eq('ann'))
        .limit(9)
        .toList(),
    )
    expect(wire.queries).toHaveLength(1)
    expect(wire.queries[0]?.values.map(String)).toEqual(['x', '3', 'ann', '9'])
  })

  it.each<[string, (session: Session) => unknown, string]>([
    [
      'other properties',
      (session) =>
        authors(session).union(
          session.find(Book).select((book) => ({ title: book.title })) as never,
        ),
      'find(Author).select().union() expected a query that selects name, got one that selects title',
    ],
    [
      'more properties',
      (session) =>
        authors(session).intersect(
          session.find(Book).select((book) => ({ name: book.title, id: book.id })) as never,
        ),
      'find(Author).select().intersect() expected a query that selects name, got one that selects name and id',
    ],
    [
      'entities',
      (session) => authors(session).except(session.find(Author) as never),
      'find(Author).select().except() expected a query of plain rows, such as find(User).select(…), got',
    ],
    [
      'no query',
      (session) => authors(session).unionAll([] as never),
      'find(Author).select().unionAll() expected a query of plain rows',
    ],
    [
      'a lock',
      (session) =>
        authors(session).union(
          session
            .find(Author)
            .forUpdate()
            .select((author) => ({ name: author.name })),
        ),
      'find(Author).forUpdate() cannot be used in another query',
    ],
  ])('refuse %s', async (_, call, message) => {
    await using session = database.session()
    expect(() => call(session)).toThrow(coded(QUERY, message))
  })

  it('read NULL of the other part, where the first one has none', async () => {
    const rows = await database.run((session) =>
      session
        .find(Author)
        .filter({ id: 2 })
        .select((author) => ({ mentor: author.id }))
        .unionAll(
          session
            .find(Author)
            .filter({ id: 2 })
            .select((author) => ({ mentor: author.mentorId })),
        )
        .orderBy((row) => row.mentor.asc().nullsFirst())
        .toList(),
    )
    expect(rows).toEqual([{ mentor: null }, { mentor: 2 }])
  })

  it('take constants of your own SQL', async () => {
    const rows = await database.run((session) =>
      authors(session)
        .select((row) => ({ name: row.name, kind: sql<string>`${'author'}::text` }))
        .unionAll(
          session
            .find(Book)
            .filter({ id: 1 })
            .select((book) => ({ kind: sql<string>`${'book'}::text`, name: book.title })),
        )
        .orderBy((row) => [row.kind.desc(), row.name.asc()])
        .limit(2)
        .toList(),
    )
    expect(rows).toEqual([
      { name: 'b1', kind: 'book' },
      { name: 'ann', kind: 'author' },
    ])
  })
})
