import { beforeAll, describe, expect, it } from 'vitest'
import { and, count, exists, max, type Query, type Session, sql, sum } from '../../../orm/index.ts'
import { Article, press, pressRows } from '../../support/articles.ts'
import { testDatabase } from '../../support/database.ts'
import { recordWire } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, library, Review } from '../relations/library.ts'

const created = await testDatabase(library)
const { database, url } = created

beforeAll(() => fillLibrary(created))

const run = <T>(work: (session: Session) => Promise<T>): Promise<T> => database.run(work)

const withBooks = (session: Session) =>
  session
    .find(Author)
    .leftJoin(session.find(Book), (author, book) =>
      and(book.authorId.eq(author.id), book.sales.gt(35)),
    )

describe('a join', () => {
  it('gives the pairs that match; a left join also rows without a match', async () => {
    const rows = run((session) =>
      withBooks(session)
        .orderBy((author, book) => [author.id.asc(), book.id.asc()])
        .select((author, book) => ({ name: author.name, title: book.title }))
        .toList(),
    )
    expect(await rows).toEqual([
      { name: 'ann', title: 'b2' },
      { name: 'bob', title: 'b5' },
      { name: 'bob', title: 'b6' },
      { name: 'cid', title: null },
    ])
    const inner = run((session) =>
      session
        .find(Author)
        .join(session.find(Book), (author, book) => book.title.gt(author.name))
        .select((author, book) => ({ name: author.name, title: book.title }))
        .count(),
    )
    expect(await inner).toBe(7)
  })

  it('of a table with itself tells both apart', async () => {
    const rows = run((session) =>
      session
        .find(Author)
        .join(session.find(Author), (author, peer) =>
          and(peer.mentorId.eq(author.mentorId), peer.id.gt(author.id)),
        )
        .select((author, peer) => ({ one: author.name, other: peer.name }))
        .toList(),
    )
    expect(await rows).toEqual([{ one: 'ann', other: 'cid' }])
  })

  it('takes plain rows, groups and pages', async () => {
    const rows = run((session) =>
      session
        .find(Author)
        .leftJoin(
          session
            .find(Book)
            .groupBy((book) => book.authorId)
            .select((book) => ({
              authorId: book.authorId,
              books: count(),
              'best seller': max(book.sales),
            })),
          (author, per) => per.authorId.eq(author.id),
        )
        .orderBy((author) => author.id.asc())
        .select((author, per) => ({
          name: author.name,
          books: per.books,
          best: per['best seller'],
        }))
        .toList(),
    )
    expect(await rows).toEqual([
      { name: 'ann', books: 4, best: 40 },
      { name: 'bob', books: 2, best: 60 },
      { name: 'cid', books: null, best: null },
    ])
    const best = run((session) =>
      session
        .find(Author)
        .join(
          session
            .find(Book)
            .orderBy((book) => book.sales.desc())
            .limit(3),
          (author, book) => book.authorId.eq(author.id),
        )
        .select((_, book) => ({ title: book.title }))
        .count(),
    )
    expect(await best).toBe(2)
  })

  it('of the same rows with other conditions is another one', async () => {
    const joined = (build: (books: Query<typeof Book>) => Query<typeof Book>) =>
      run((session) =>
        session
          .find(Author)
          .join(build(session.find(Book)), (author, book) => book.authorId.eq(author.id))
          .select((_, book) => ({ title: book.title }))
          .orderBy((row) => row.title.asc())
          .toList(),
      )
    expect(await joined((books) => books.filter({ sales: 40 }))).toEqual([{ title: 'b2' }])
    expect(await joined((books) => books.filter({ title: 'b5' }))).toEqual([{ title: 'b5' }])
    expect(await joined((books) => books.filter((book) => book.sales.gt(45)))).toEqual([
      { title: 'b5' },
      { title: 'b6' },
    ])
    expect(await joined((books) => books)).toHaveLength(6)
  })

  it('goes on with one more, and with relations of all', async () => {
    const rows = run((session) =>
      withBooks(session)
        .join(session.find(Review), (_, book, review) => review.bookId.eq(book.id))
        .filter((author, book, review) =>
          and(author.mentor.name.isNull(), book.author.books.any(), review.book.title.ne('b6')),
        )
        .orderBy((_author, _book, review) => review.stars.desc())
        .select((author, book, review) => ({
          mentor: author.mentor.name,
          again: book.author.name,
          reviews: book.reviews.count(),
          genre: book.genres.count((genre) => genre.name.eq('drama')),
          stars: review.stars,
          title: review.book.title,
        }))
        .limit(1)
        .toList(),
    )
    expect(await rows).toEqual([
      { mentor: null, again: 'bob', reviews: 4, genre: 1, stars: 4, title: 'b5' },
    ])
  })

  it('is grouped, chosen by having, and aggregated', async () => {
    const rows = run((session) =>
      withBooks(session)
        .groupBy((author) => author.name)
        .having((_, book) => count(book.id).gt(0))
        .orderBy((_, book) => sum(book.sales).desc())
        .aggregate((author, book) => ({ name: author.name, sales: sum(book.sales) })),
    )
    expect(await rows).toEqual([
      { name: 'bob', sales: 110 },
      { name: 'ann', sales: 40 },
    ])
    const [all] = await run((session) =>
      withBooks(session)
        .orderBy((author) => author.id.asc())
        .aggregate((author, book) => ({
          rows: count(),
          books: count(book.id),
          last: max(author.name),
        })),
    )
    expect(all).toEqual({ rows: 4, books: 3, last: 'cid' })
    const one = await run((session) =>
      withBooks(session)
        .select(() => ({ rows: count() }))
        .one(),
    )
    expect(one).toEqual({ rows: 4 })
  })

  it('of plain rows joins them behind their page', async () => {
    const rows = run((session) =>
      session
        .find(Book)
        .orderBy((book) => book.sales.desc())
        .select((book) => ({ title: book.title, authorId: book.authorId }))
        .limit(2)
        .leftJoin(session.find(Author), (book, author) => author.id.eq(book.authorId))
        .select((book, author) => ({ title: book.title, name: author.name }))
        .toList(),
    )
    expect(await rows).toEqual([
      { title: 'b7', name: null },
      { title: 'b6', name: 'bob' },
    ])
  })

  it('has conditions with sub-queries that see the rows of all', async () => {
    const rows = run((session) =>
      session
        .find(Author)
        .join(session.find(Book), (author, book) =>
          and(
            book.authorId.eq(author.id),
            exists(
              session
                .find(Review)
                .filter((review) => and(review.bookId.eq(book.id), review.stars.gt(author.id))),
            ),
          ),
        )
        .filter((author, book) =>
          exists(
            session
              .find(Book)
              .filter((other) => and(other.authorId.eq(author.id), other.sales.gt(book.sales))),
          ),
        )
        .orderBy((_, book) => book.id.asc())
        .select((_, book) => ({ title: book.title }))
        .toList(),
    )
    expect(await rows).toEqual([{ title: 'b3' }, { title: 'b4' }, { title: 'b5' }])
  })

  it('sends one statement, with the parameters in the order of the text', async () => {
    await using wire = recordWire(url)
    await wire.database.run((session) =>
      session
        .find(Author)
        .filter((author) => author.name.ne('x'))
        .leftJoin(session.find(Book).filter({ sales: 10 }), (author, book) =>
          and(book.authorId.eq(author.id), book.title.ne('y')),
        )
        .filter((author) => author.id.gt(0))
        .select((author, book) => ({
          name: author.name,
          more: sql<number>`${book.sales} + ${7}::int`,
        }))
        .limit(5)
        .toList(),
    )
    expect(wire.queries).toHaveLength(1)
    const [sent] = wire.queries
    expect(sent?.values.map(String)).toEqual(['7', '10', 'y', 'x', '0', '5'])
    expect(sent?.text).toBe(
      'select "t0"."name", "t0j0"."sales" + $1::int from "authors" as "t0" ' +
        'left join (select "t0"."id", "t0"."title", "t0"."sales", "t0"."author_id" from "books" as "t0" where "t0"."sales" = $2) as "t0j0" ' +
        'on ("t0j0"."author_id" = "t0"."id" and "t0j0"."title" <> $3) where ("t0"."name" <> $4 and "t0"."id" > $5) limit $6',
    )
  })

  it('has what the session has changed in the joined table', async () => {
    await using session = database.session()
    session.add(new Book({ title: 'new', sales: 99, authorId: 3 }))
    const rows = await withBooks(session)
      .filter((_, book) => book.sales.eq(99))
      .select((author) => ({ name: author.name }))
      .toList()
    expect(rows).toEqual([{ name: 'cid' }])
    await session.rollback()
  })

  it('has one shape, also with conditions on relations of what is joined', async () => {
    await using wire = recordWire(url, { max: 1 })
    for (const stars of [1, 2, 3]) {
      await wire.database.run((session) =>
        withBooks(session)
          .filter((_, book) => book.reviews.any((review) => review.stars.gte(stars)))
          .filter((_, book) => book.author.has((author) => author.mentorId.isNull()))
          .select((_, book) => ({ title: book.title }))
          .toList(),
      )
    }
    expect(new Set(wire.texts).size).toBe(1)
    expect(wire.queries.map(({ name }) => name !== undefined)).toEqual([false, true, true])
  })

  it('reads deferred columns too', async () => {
    const other = await testDatabase(press)
    await other.query(pressRows)
    const rows = await other.database.run((session) =>
      session
        .find(Article)
        .filter({ id: 1 })
        .join(session.find(Article), (one, same) => one.id.eq(same.id))
        .select((one, same) => ({ body: one.body, again: same.body }))
        .toList(),
    )
    expect(rows).toEqual([{ body: 'body 1', again: 'body 1' }])
  })
})
