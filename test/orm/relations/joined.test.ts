import { beforeAll, describe, expect, it } from 'vitest'
import { joinedload, selectinload, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Book, countedOn, fillLibrary, Genre, library } from './library.ts'

const created = await testDatabase(library)
const { database, query, url } = created
const counted = countedOn(database)
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

const books = joinedload(Author.books)
const titles = (author: Author): string[] => author.books.value.map(({ title }) => title)

describe('a joined relation', () => {
  it('to one row comes with the statement of the query, and is null where there is none', async () => {
    const [found, statements] = await counted((session) =>
      session
        .find(Book)
        .orderBy((book) => book.id.desc())
        .limit(3)
        .options(joinedload(Book.author).options(joinedload(Author.mentor)))
        .toList(),
    )
    expect(found.map(({ title, author }) => [title, author.value?.name ?? null])).toEqual([
      ['b7', null],
      ['b6', 'bob'],
      ['b5', 'bob'],
    ])
    expect(found[1]?.author.value).toBe(found[2]?.author.value)
    expect(found[1]?.author.value?.mentor.value).toBeNull()
    expect(statements).toBe(1)
  })

  it('to many rows leaves the limit and the order of the query to its own rows', async () => {
    const [found, statements] = await counted((session) =>
      session
        .find(Author)
        .orderBy((author) => author.name.desc())
        .limit(2)
        .offset(1)
        .options(books)
        .toList(),
    )
    expect(found.map((author) => [author.name, ...titles(author)])).toEqual([
      ['bob', 'b5', 'b6'],
      ['ann', 'b1', 'b2', 'b3', 'b4'],
    ])
    expect(statements).toBe(1)
  })

  it('has its own filter, order and limit for each owner', async () => {
    const bySales = books.orderBy((book) => book.sales.desc())
    const chosen = [
      [bySales, 'b2 b3 b4 b1', 'b6 b5', ''],
      [bySales.limit(2), 'b2 b3', 'b6 b5', ''],
      [bySales.filter((book) => book.sales.lt(40)).limit(1), 'b3', '', ''],
      [books.filter({ sales: [10, 60] }), 'b1', 'b6', ''],
      [books.limit(0), '', '', ''],
      [books.orderBy((book) => book.author.name.desc()).limit(1), 'b1', 'b5', ''],
      [
        books.orderBy((book) => [book.reviews.count().desc(), book.id.asc()]),
        'b4 b3 b2 b1',
        'b6 b5',
        '',
      ],
      [
        books
          .filter(() => sql`sales > ${15} or title = ${'b1'}`)
          .orderBy(() => sql`abs(sales - ${25}) desc, title`),
        'b1 b2 b3 b4',
        'b6 b5',
        '',
      ],
    ] as const
    for (const [loader, ...expected] of chosen) {
      const [found, statements] = await counted((session) =>
        session
          .find(Author)
          .orderBy((author) => author.id.asc())
          .options(loader)
          .toList(),
      )
      expect(found.map((author) => titles(author).join(' '))).toEqual(expected)
      expect(statements).toBe(1)
    }
  })

  it('leaves the order of a query without one as it is', async () => {
    const ids = async (loader?: typeof books) => {
      const authors = database.session().find(Author)
      const found = await (loader === undefined ? authors : authors.options(loader)).toList()
      return found.map(({ id }) => id)
    }
    await query(`update authors set name = name where id = 1`)
    expect(await ids(books)).toEqual(await ids())
  })

  it('comes with others beside it, whose rows it does not repeat', async () => {
    await using recorder = recordSession(url)
    const found = await recorder.session
      .find(Book)
      .filter({ title: 'b4' })
      .options(joinedload(Book.reviews), joinedload(Book.genres), joinedload(Book.author))
      .one()
    expect(found.reviews.value.map(({ stars }) => stars)).toEqual([1, 2, 3])
    expect(found.genres.value.map(({ name }) => name)).toEqual(['crime', 'drama'])
    expect(recorder.statements.map(({ rows }) => rows)).toEqual([5])
  })

  it('through a table between has a row once, however often it is linked', async () => {
    await query('alter table book_genres drop constraint book_genres_pkey')
    await query('insert into book_genres values (3, 1), (3, 1)')
    for (const loader of [joinedload(Book.genres), joinedload(Book.genres).limit(5)]) {
      const [book] = await counted((session) =>
        session
          .find(Book)
          .filter({ title: 'b3' })
          .options(loader.options(joinedload(Genre.books)))
          .one(),
      )
      expect(book.genres.value.map(({ name }) => name)).toEqual(['crime', 'drama'])
      const crime = book.genres.value[0]?.books.value.map(({ title }) => title)
      expect(crime).toEqual(['b1', 'b2', 'b3', 'b4'])
    }
    await query('delete from book_genres where book_id = 3 and genre_id = 1')
    await query('insert into book_genres values (3, 1)')
  })

  it('of an owner without rows is an empty list, or null', async () => {
    const [cid] = await counted((session) =>
      session
        .find(Author)
        .filter({ name: 'cid' })
        .options(books.options(joinedload(Book.author)), joinedload(Author.profile))
        .one(),
    )
    expect([cid.books.value, cid.profile.value]).toEqual([[], null])
  })

  it('mixes with selectinload above and below it', async () => {
    const below = joinedload(Author.books).options(selectinload(Book.reviews))
    const [authors, two] = await counted((session) => session.find(Author).options(below).toList())
    const stars = (author: Author | undefined) =>
      author?.books.value.map(({ reviews }) => reviews.value.length)
    expect(stars(authors.find(({ name }) => name === 'bob'))).toEqual([4, 5])
    const above = selectinload(Author.books)
      .limit(3)
      .options(joinedload(Book.reviews).limit(2), joinedload(Book.genres))
    const [others, three] = await counted((session) => session.find(Author).options(above).toList())
    const ann = others.find(({ name }) => name === 'ann')
    expect(stars(ann)).toEqual([0, 1, 2])
    expect(ann?.books.value.map(({ genres }) => genres.value.length)).toEqual([1, 1, 2])
    expect([two, three]).toEqual([2, 2])
  })

  it('is loaded for entities that the session held, and below those that needed no statement', async () => {
    await using session = database.session()
    const bob = await session.find(Author).filter({ name: 'bob' }).one()
    const loader = selectinload(Book.author).options(joinedload(Author.students))
    const found = await session
      .find(Book)
      .filter({ title: ['b5', 'b1'] })
      .options(loader)
      .toList()
    expect(found.map(({ author }) => author.value?.students.isLoaded)).toEqual([true, true])
    expect(bob.students.value.map(({ name }) => name)).toEqual(['ann', 'cid'])
  })
})

it('is merged with a selectinload of the same rows: the last one says how', async () => {
  const both = (session: Session, ...loaders: (typeof books)[]) =>
    session
      .find(Author)
      .options(...loaders)
      .toList()
  const other = selectinload(Author.books)
  const [, one] = await counted((session) => both(session, other, books))
  const [, two] = await counted((session) => both(session, books, other))
  expect([one, two]).toEqual([1, 2])
  expect(() => database.session().find(Author).options(other, books.limit(1))).toThrow(
    coded(QUERY, 'expected one loader of Author.books'),
  )
})

it('names itself in messages', () => {
  expect(() => joinedload(Book.author).limit(1)).toThrow(
    coded(QUERY, 'joinedload(Book.author).limit() expected a relation to many rows'),
  )
  expect(() => joinedload('books' as never)).toThrow(
    coded(QUERY, 'joinedload() expected a relation such as User.posts'),
  )
})
