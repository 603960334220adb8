import { beforeAll, describe, expect, it } from 'vitest'
import { and, count, exists, type Query, selectinload, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, library, Review } from '../relations/library.ts'

const created = await testDatabase(library)
const { database, url } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

describe('a query that was built before', () => {
  it('stands in a callback with its own rows, cold and warm', async () => {
    for (let time = 0; time < 3; time += 1) {
      await using session = database.session()
      const popular = session.find(Book).filter((book) => book.sales.gt(45))
      const found = await session
        .find(Author)
        .filter((author) => author.id.in(popular.select((book) => ({ id: book.authorId }))))
        .toList()
      expect(found.map(({ name }) => name)).toEqual(['bob'])
    }
  })

  it('is refused where it takes columns of the row around it, cold and warm', async () => {
    await using session = database.session()
    const books = session.find(Book)
    const kept = () =>
      session
        .find(Author)
        .filter((author) => exists(books.filter((book) => book.authorId.eq(author.id))))
        .toList()
    for (let time = 0; time < 3; time += 1) {
      await expect(kept()).rejects.toThrow(
        coded(
          QUERY,
          'a query of Book expected its own columns, got id of Author in the query around it: begin the inner query with find() in the callback',
        ),
      )
    }
  })

  it('of the same rows is refused at once, since one column would stand for both', async () => {
    await using session = database.session()
    const books = session.find(Book)
    const rows = books.select((book) => ({ id: book.id })).limit(5)
    const message = 'was called in a callback of another query of the same rows'
    expect(() =>
      books.filter((book) => exists(books.filter((other) => other.id.eq(book.id)))),
    ).toThrow(coded(QUERY, `find(Book).filter() ${message}`))
    expect(() => rows.filter((row) => exists(rows.filter((other) => other.id.gt(row.id))))).toThrow(
      coded(QUERY, message),
    )
  })
})

describe('a query that cannot stand in another one', () => {
  it.each<[string, (books: Query<typeof Book>) => Query<typeof Book>, string]>([
    ['with loaders', (books) => books.options(selectinload(Book.author)), 'options'],
    ['with a mode', (books) => books.lazy('peers'), 'lazy'],
    ['with a lock', (books) => books.forUpdate(), 'forUpdate'],
    ['of groups as entities', (books) => books.groupBy((book) => book.authorId), 'groupBy'],
    ['with having alone', (books) => books.having(() => count().gt(1)), 'having'],
  ])('%s is refused', async (_, build, method) => {
    await using session = database.session()
    const message = coded(QUERY, `find(Book).${method}() cannot be used in another query`)
    const query = build(session.find(Book))
    expect(() => exists(query)).toThrow(message)
    expect(() => session.find(Author).join(query, (author, book) => book.id.eq(author.id))).toThrow(
      message,
    )
    expect(() => sql`select ${query}`).toThrow(message)
  })

  it('of locked values is refused', async () => {
    await using session = database.session()
    const locked = session
      .find(Book)
      .forUpdate()
      .select((book) => ({ id: book.id }))
    const message = coded(QUERY, 'find(Book).forUpdate() cannot be used in another query')
    expect(() => exists(locked)).toThrow(message)
    expect(() => locked.limit(1).filter((row) => row.id.gt(1))).toThrow(message)
    expect(() => locked.union(locked)).toThrow(message)
  })
})

it('a template takes a query, whose columns have the names of the values', async () => {
  const rows = await database.run((session) => {
    const perAuthor = session
      .find(Book)
      .groupBy((book) => book.authorId)
      .select((book) => ({ authorId: book.authorId, total: count() }))
    return session.execute<{ total: string }>(
      sql`select per."total" from ${perAuthor} as per where per."authorId" = ${2}`,
    )
  })
  expect([...rows]).toEqual([{ total: '2' }])
  const inOrder = await database.run((session) =>
    session
      .find(Author)
      .filter({ id: 1 })
      .select(() => ({
        titles: sql<string[]>`array(${session
          .find(Book)
          .orderBy((book) => book.sales.desc())
          .select((book) => ({ title: book.title }))})`,
      }))
      .one(),
  )
  expect(inOrder.titles).toEqual(['b7', 'b6', 'b5', 'b2', 'b3', 'b4', 'b1'])
})

it('the parameters come in the order of the text', async () => {
  await using wire = recordWire(url)
  await using session = wire.database.session()
  const found = await session
    .find(Book)
    .filter((book) => book.sales.gt(5))
    .filter((book) =>
      exists(
        session
          .find(Review)
          .filter((review) => and(review.bookId.eq(book.id), review.stars.eq(2)))
          .limit(7),
      ),
    )
    .filter((book) =>
      book.id.notIn(
        session
          .find(Book)
          .filter({ title: 'b4' })
          .select((its) => ({ id: its.id })),
      ),
    )
    .orderBy((book) => book.id.asc())
    .limit(3)
    .toList()
  expect(found.map(({ title }) => title)).toEqual(['b3', 'b5', 'b6'])
  const [sent] = wire.queries
  expect(sent?.values.map(String)).toEqual(['5', '2', '7', 'b4', '3'])
  expect([...(sent?.text ?? '').matchAll(/\$\d/g)].map(String)).toEqual([
    '$1',
    '$2',
    '$3',
    '$4',
    '$5',
  ])
})

it('one shape is compiled once, and prepared from its second use on', async () => {
  await using wire = recordWire(url, { max: 1 })
  for (const stars of [4, 5, 6]) {
    await wire.database.run((session) =>
      session
        .find(Book)
        .filter((book) =>
          book.id.in(
            session
              .find(Review)
              .filter((review) => and(review.stars.eq(stars), review.bookId.ne(book.authorId)))
              .select((review) => ({ id: review.bookId })),
          ),
        )
        .count(),
    )
  }
  expect(new Set(wire.texts).size).toBe(1)
  expect(wire.queries.map(({ name }) => name !== undefined)).toEqual([false, true, true])
})

it('what the session has changed is written before a query inside another one reads it', async () => {
  await using session = database.session()
  const author = await session.find(Author).filter({ name: 'cid' }).one()
  session.add(new Book({ title: 'b8', sales: 99, authorId: author.id }))
  const found = await session
    .find(Author)
    .filter((row) =>
      row.id.in(
        session
          .find(Book)
          .filter({ sales: 99 })
          .select((book) => ({ id: book.authorId })),
      ),
    )
    .toList()
  expect(found).toEqual([author])
  await session.rollback()
})
