import { beforeAll, describe, expect, it } from 'vitest'
import { count, type Query, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { Book, fillLibrary, library } from '../relations/library.ts'

const created = await testDatabase(library)
const { database, url } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

const run = <T>(work: (session: Session) => Promise<T>): Promise<T> => database.run(work)

const authors = (session: Session) =>
  session.find(Book).select((book) => ({ author: book.author.name }))

describe('distinct', () => {
  it('gives equal rows once, in an order of what is selected', async () => {
    const before = run((session) =>
      session
        .find(Book)
        .orderBy((book) => book.author.name.desc())
        .distinct()
        .select((book) => ({ author: book.author.name }))
        .toList(),
    )
    expect(await before).toEqual([{ author: null }, { author: 'bob' }, { author: 'ann' }])
    const behind = run((session) =>
      authors(session)
        .distinct()
        .orderBy((row) => row.author.asc())
        .toList(),
    )
    expect(await behind).toEqual([{ author: 'ann' }, { author: 'bob' }, { author: null }])
    expect(await run((session) => authors(session).distinct().limit(2).count())).toBe(2)
    expect(await run((session) => authors(session).limit(3).distinct().count())).toBeLessThan(4)
  })

  it('forgets an order that only chose the page before it', async () => {
    const best = (session: Session) =>
      session
        .find(Book)
        .orderBy((book) => book.sales.desc())
        .select((book) => ({ author: book.author.name }))
        .limit(3)
    const rows = run((session) =>
      best(session)
        .distinct()
        .orderBy((row) => row.author.asc())
        .toList(),
    )
    expect(await rows).toEqual([{ author: 'bob' }, { author: null }])
    expect(await run((session) => best(session).distinct().count())).toBe(2)
    expect(await run((session) => best(session).distinct().toList())).toHaveLength(2)
  })

  it('is filtered behind it, and stands in another query', async () => {
    expect(
      await run((session) =>
        authors(session)
          .distinct()
          .filter((row) => row.author.isNotNull())
          .count(),
      ),
    ).toBe(2)
    expect(
      await run((session) =>
        session
          .find(Book)
          .filter((book) => book.author.name.in(authors(session).distinct()))
          .count(),
      ),
    ).toBe(6)
  })

  it('of some values gives the first row of each in the order', async () => {
    const best = (books: Query<typeof Book>) =>
      books
        .distinct((book) => book.author.name)
        .orderBy((book) => [book.author.name.asc(), book.sales.desc()])
    const entities = await run((session) => best(session.find(Book)).toList())
    expect(entities.map(({ title }) => title)).toEqual(['b2', 'b6', 'b7'])
    expect(await run((session) => best(session.find(Book)).count())).toBe(3)
    expect(await run((session) => best(session.find(Book)).offset(2).exists())).toBe(true)
    const rows = run((session) =>
      best(session.find(Book))
        .select((book) => ({ title: book.title, sales: book.sales }))
        .filter((row) => row.sales.gt(45))
        .orderBy((row) => row.sales.desc())
        .toList(),
    )
    expect(await rows).toEqual([
      { title: 'b7', sales: 70 },
      { title: 'b6', sales: 60 },
    ])
    const ofRows = run((session) =>
      session
        .find(Book)
        .select((book) => ({ title: book.title, sales: book.sales, author: book.author.name }))
        .orderBy((row) => [row.author.desc(), row.sales.asc()])
        .distinct((row) => [row.author])
        .select((row) => ({ title: row.title }))
        .toList(),
    )
    expect(await ofRows).toEqual([{ title: 'b7' }, { title: 'b5' }, { title: 'b1' }])
  })

  it('of an expression with values in it needs no second place for them', async () => {
    await using wire = recordWire(url)
    const rows = await wire.database.run((session) =>
      session
        .find(Book)
        .distinct((book) => sql`${book.sales} / ${50}::int`)
        .orderBy((book) => [sql`${book.sales} / ${50}::int`, book.sales.desc()])
        .select((book) => ({ tens: sql<number>`${book.sales} / ${50}::int`, sales: book.sales }))
        .toList(),
    )
    expect(rows).toEqual([
      { tens: 0, sales: 40 },
      { tens: 1, sales: 70 },
    ])
    expect(wire.texts[0]).toContain('distinct on (1) ')
  })

  it('is refused with an order of what is not selected, whichever comes first', async () => {
    const message = coded(
      QUERY,
      'find(Book).distinct() expected an order of selected values, got another: order the rows behind distinct()',
    )
    await using session = database.session()
    const ordered = session
      .find(Book)
      .orderBy((book) => book.sales.asc())
      .select((book) => ({ title: book.title }))
      .distinct()
    await expect(ordered.toList()).rejects.toThrow(message)
    expect(() => ordered.limit(1).filter((row) => row.title.ne('x'))).toThrow(message)
    const byCount = session
      .find(Book)
      .groupBy((book) => book.authorId)
      .orderBy(() => count().desc())
      .select((book) => ({ author: book.authorId, books: count() }))
      .distinct()
    expect((await byCount.toList())[0]?.books).toBe(4)
    expect((await byCount.filter((row) => row.books.gt(0)).toList())[0]?.books).toBe(4)
  })

  it.each<[string, (books: Query<typeof Book>) => Promise<unknown>]>([
    ['toList', (books) => books.toList()],
    ['count', (books) => books.count()],
    ['aggregate', async (books) => books.aggregate(() => ({ n: count() }))],
  ])('without a callback is refused with %s, where it would do nothing', async (method, call) => {
    await using session = database.session()
    await expect(call(session.find(Book).distinct())).rejects.toThrow(
      coded(QUERY, `find(Book).distinct() cannot be used with ${method}()`),
    )
  })

  it('refuses what are no columns, and locks', async () => {
    await using session = database.session()
    const books = session.find(Book)
    expect(() => books.distinct(() => 'title' as never)).toThrow(
      coded(QUERY, 'find(Book).distinct() expected columns, got'),
    )
    expect(() => books.distinct(() => [])).toThrow(
      coded(QUERY, 'find(Book).distinct() expected columns, got none'),
    )
    await expect(
      books
        .distinct((book) => book.id)
        .forUpdate()
        .toList(),
    ).rejects.toThrow(coded(QUERY, 'find(Book).forUpdate() cannot be used with distinct()'))
  })
})
