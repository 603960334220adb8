import { beforeAll, describe, expect, it } from 'vitest'
import {
  and,
  avg,
  count,
  exists,
  max,
  type RefsOf,
  type Condition,
  scalar,
  type Session,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded, failure } from '../../support/failure.ts'
import { Author, Book, fillLibrary, library, Review } from '../relations/library.ts'

const created = await testDatabase(library)
const { database } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

type Where<C extends typeof Author | typeof Book> = (
  session: Session,
) => (row: RefsOf<C>) => Condition

/** The titles of the books that match. */
function titles(where: Where<typeof Book>): Promise<string[]> {
  return database.run(async (session) => {
    const books = session
      .find(Book)
      .filter(where(session))
      .orderBy((book) => book.id.asc())
    return (await books.toList()).map(({ title }) => title)
  })
}

/** The names of the authors that match. */
function names(where: Where<typeof Author>): Promise<string[]> {
  return database.run(async (session) => {
    const authors = session
      .find(Author)
      .filter(where(session))
      .orderBy((author) => author.id.asc())
    return (await authors.toList()).map(({ name }) => name)
  })
}

describe('exists', () => {
  it('sees the columns of the row around it, where it begins in the callback', async () => {
    const wrote = names(
      (session) => (author) =>
        exists(session.find(Book).filter((book) => book.authorId.eq(author.id))),
    )
    expect(await wrote).toEqual(['ann', 'bob'])
  })

  it('takes plain rows, groups and pages too', async () => {
    const busy = names(
      (session) => (author) =>
        exists(
          session
            .find(Book)
            .filter((book) => book.authorId.eq(author.id))
            .groupBy((book) => book.authorId)
            .having(() => count().gt(2))
            .select((book) => ({ id: book.authorId })),
        ),
    )
    expect(await busy).toEqual(['ann'])
    const third = names(
      (session) => (author) =>
        exists(
          session
            .find(Book)
            .filter((book) => book.authorId.eq(author.id))
            .offset(2),
        ),
    )
    expect(await third).toEqual(['ann'])
  })

  it('goes three queries deep, each with the columns of all around it', async () => {
    // An author with a book that has a review of as many stars as the author has books.
    const found = names(
      (session) => (author) =>
        exists(
          session
            .find(Book)
            .filter((book) => book.authorId.eq(author.id))
            .filter((book) =>
              exists(
                session
                  .find(Review)
                  .filter((review) => and(review.bookId.eq(book.id), review.stars.eq(3)))
                  .filter((review) =>
                    exists(
                      session
                        .find(Author)
                        .filter((other) =>
                          and(
                            other.id.eq(author.id),
                            other.books.count((its) => its.id.eq(book.id)).eq(1),
                            review.stars.gt(other.id),
                          ),
                        ),
                    ),
                  ),
              ),
            ),
        ),
    )
    expect(await found).toEqual(['ann', 'bob'])
  })

  it('stands in a relation, and has relations in it', async () => {
    const found = names(
      (session) => (author) =>
        author.books.any((book) =>
          exists(
            session.find(Book).filter((other) =>
              and(
                other.author.name.ne(author.name),
                other.sales.lt(book.sales),
                other.reviews.any((review) => review.stars.gte(book.reviews.count())),
              ),
            ),
          ),
        ),
    )
    // b6 (60) has 5 reviews, none of ann's books has so many stars; b4 (20) has 3.
    expect(await found).toEqual([])
    const other = names(
      (session) => (author) =>
        author.books.any((book) =>
          exists(
            session.find(Book).filter((its) =>
              and(
                its.author.name.ne(author.name),
                its.reviews.any((review) => review.stars.eq(book.reviews.count())),
              ),
            ),
          ),
        ),
    )
    expect(await other).toEqual(['ann'])
  })
})

describe('in and notIn', () => {
  const authorIds = (session: Session) =>
    session.find(Book).select((book) => ({ author: book.authorId }))

  it('take the values of a query, of which NULL is none', async () => {
    const wrote = (session: Session) => (author: RefsOf<typeof Author>) =>
      author.id.in(authorIds(session))
    const not = (session: Session) => (author: RefsOf<typeof Author>) =>
      author.id.notIn(authorIds(session))
    expect(await names(wrote)).toEqual(['ann', 'bob'])
    expect(await names(not)).toEqual(['cid'])
  })

  it('of a page take the rows that the order puts there', async () => {
    const best = titles(
      (session) => (book) =>
        book.id.in(
          session
            .find(Book)
            .orderBy((other) => other.sales.desc())
            .limit(2)
            .select((other) => ({ id: other.id })),
        ),
    )
    expect(await best).toEqual(['b6', 'b7'])
  })

  it('of no rows match none and all', async () => {
    const none = (session: Session) =>
      session
        .find(Book)
        .filter({ id: 99 })
        .select((book) => ({ id: book.authorId }))
    expect(await names((session) => (author) => author.mentorId.in(none(session)))).toEqual([])
    expect(await names((session) => (author) => author.mentorId.notIn(none(session)))).toEqual([
      'ann',
      'bob',
      'cid',
    ])
  })

  it.each<[string, (session: Session) => unknown, string]>([
    [
      'two values',
      (session) => session.find(Book).select((book) => ({ id: book.id, author: book.authorId })),
      'Author.id.in() expected a query of one value, such as find(User).select((user) => ({ id: user.id })), got find(Book).select() with 2 values',
    ],
    ['entities', (session) => session.find(Book), 'got find(Book) with entities'],
    [
      'no query',
      () => 1,
      'Author.id.in() expected an array or a query of one value, got the number 1',
    ],
  ])('refuse %s', async (_, given, message) => {
    await using session = database.session()
    const authors = session.find(Author)
    expect(() => authors.filter((author) => author.id.in(given(session) as never))).toThrow(
      expect.objectContaining({ details: expect.stringContaining(message) }),
    )
  })
})

describe('scalar', () => {
  it('is a value to compare with, to select, and to order by', async () => {
    const aboveAverage = titles(
      (session) => (book) =>
        book.sales.gt(scalar(session.find(Book).select((all) => ({ sales: avg(all.sales) })))),
    )
    expect(await aboveAverage).toEqual(['b5', 'b6', 'b7'])
    const rows = await database.run((session) =>
      session
        .find(Author)
        .orderBy((author) => [author.books.count().desc(), author.id.asc()])
        .select((author) => ({
          name: author.name,
          best: scalar(
            session
              .find(Book)
              .filter((book) => book.authorId.eq(author.id))
              .select((book) => ({ best: max(book.sales) })),
          ),
        }))
        .orderBy((row) => [row.best.desc().nullsLast()])
        .toList(),
    )
    expect(rows).toEqual([
      { name: 'bob', best: 60 },
      { name: 'ann', best: 40 },
      { name: 'cid', best: null },
    ])
  })

  it('is NULL without a row, and an error of the statement with several', async () => {
    const sales = (session: Session, ids: number[]) =>
      scalar(
        session
          .find(Book)
          .filter({ id: ids })
          .select((book) => ({ sales: book.sales })),
      )
    expect(await titles((session) => () => sales(session, [99]).isNull())).toHaveLength(7)
    await failure(
      'DATA_BRIDGE_ERR_STATEMENT',
      titles((session) => (book) => book.sales.eq(sales(session, [1, 2]))),
    )
  })

  it.each<[string, (session: Session) => unknown, string]>([
    ['entities', (session) => session.find(Book), 'scalar() expected a query of one value'],
    ['no query', () => null, 'scalar() expected a query such as session.find'],
    [
      'a joined query',
      (session) =>
        session
          .find(Book)
          .join(session.find(Author), (book, author) => book.authorId.eq(author.id)),
      'scalar() expected a query such as',
    ],
  ])('refuses %s', async (_, given, message) => {
    await using session = database.session()
    expect(() => scalar(given(session) as never)).toThrow(coded(QUERY, message))
  })
})
