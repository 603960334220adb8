import { beforeAll, describe, expect, it } from 'vitest'
import { and, count, type Query, selectinload, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { Author, Book, fillLibrary, library, Review } from '../relations/library.ts'

const created = await testDatabase(library)
const { database } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

const withBooks = (session: Session) =>
  session
    .find(Author)
    .leftJoin(session.find(Book), (author, book) =>
      and(book.authorId.eq(author.id), book.sales.gt(35)),
    )

describe('a join refuses', () => {
  it.each<[string, (authors: Query<typeof Author>, session: Session) => unknown, string]>([
    [
      'no query',
      (authors) => authors.join([] as never, () => sql`true`),
      'find(Author).join() expected a query such as session.find(Post).select(…), got',
    ],
    [
      'no callback',
      (authors, session) => authors.join(session.find(Book), undefined as never),
      'find(Author).join() expected a callback',
    ],
    [
      'no condition',
      (authors, session) => authors.leftJoin(session.find(Book), () => true as never),
      'find(Author).leftJoin() expected',
    ],
    [
      'a page',
      (authors, session) => authors.limit(1).join(session.find(Book), () => sql`true`),
      'find(Author).limit() cannot be used with join(); use it behind the join, or select() the rows before',
    ],
    [
      'an offset',
      (authors, session) => authors.offset(1).join(session.find(Book), () => sql`true`),
      'find(Author).offset() cannot be used with join()',
    ],
    [
      'distinct',
      (authors, session) => authors.distinct().leftJoin(session.find(Book), () => sql`true`),
      'find(Author).distinct() cannot be used with leftJoin()',
    ],
    [
      'groups',
      (authors, session) =>
        authors.groupBy((author) => author.id).join(session.find(Book), () => sql`true`),
      'find(Author).groupBy() cannot be used with join()',
    ],
    [
      'loaders',
      (authors, session) =>
        authors.options(selectinload(Author.books)).join(session.find(Book), () => sql`true`),
      'find(Author).options() cannot be used with join()',
    ],
    [
      'having without groups',
      (_, session) =>
        withBooks(session)
          .having(() => count().gt(1))
          .select((author) => ({ id: author.id })),
      'find(Author).having() cannot be used with select()',
    ],
    [
      'to be written as JSON',
      (_, session) => JSON.stringify(withBooks(session)),
      'find(Author).join() was to be written as JSON',
    ],
    [
      'a filter that is no callback',
      (_, session) => withBooks(session).filter({ id: 1 } as never),
      'find(Author).filter() expected a callback',
    ],
  ])('%s', async (_, call, message) => {
    await using session = database.session()
    expect(() => call(session.find(Author), session)).toThrow(
      expect.objectContaining({ details: expect.stringContaining(message) }),
    )
  })

  it('a lock', async () => {
    await using session = database.session()
    const rows = session
      .find(Author)
      .forUpdate()
      .join(session.find(Book), (author, book) => book.authorId.eq(author.id))
      .select((author) => ({ id: author.id }))
    await expect(rows.toList()).rejects.toThrow(
      coded(QUERY, 'find(Author).forUpdate() cannot be used with join()'),
    )
  })

  it('a condition behind a relation of the joined rows, which is joined later', async () => {
    await using session = database.session()
    const rows = session
      .find(Author)
      .join(session.find(Book), (author, book) => book.author.name.eq(author.name))
      .select((author) => ({ id: author.id }))
    await expect(rows.toList()).rejects.toThrow(
      coded(
        QUERY,
        'the condition of a join expected columns of the joined Book, got one behind a relation: filter by it',
      ),
    )
  })

  it('columns of rows that are not joined, cold and warm', async () => {
    await using session = database.session()
    let kept: { eq(value: number): never } | undefined
    const books = session.find(Book).filter({ sales: 40 })
    const joined = session
      .find(Author)
      .join(books, (author, book) => ((kept = book.id as never), book.authorId.eq(author.id)))
    await joined
      .filter(() => kept?.eq(2) as never)
      .select((author) => ({ id: author.id }))
      .toList()
    for (let time = 0; time < 2; time += 1) {
      const message = coded(QUERY, 'kept from the callback of another query')
      await expect(
        session
          .find(Author)
          .filter(() => kept?.eq(2) as never)
          .toList(),
      ).rejects.toThrow(message)
      // It would be the column of that name of other joined rows.
      await expect(
        session
          .find(Author)
          .join(session.find(Review), (author, review) => review.id.eq(author.id))
          .filter(() => kept?.eq(2) as never)
          .select((author) => ({ id: author.id }))
          .toList(),
      ).rejects.toThrow(message)
    }
  })
})
