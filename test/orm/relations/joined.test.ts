import { beforeAll, describe, expect, it } from 'vitest'
import { type Database, joinedload, selectinload, type Session, sql } from '../../../orm/index.ts'
import type { RelationshipOperation } from '../../../orm/observe/operation.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Book, BookGenre, fillLibrary, Genre, library, Review } from './library.ts'

const created = await testDatabase(library)
const { database, query, url } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

const books = joinedload(Author.books)
const titles = (author: Author): string[] => author.books.value.map(({ title }) => title)

/** What the work gives, with the number of its statements. */
async function counted<T>(
  work: (session: Session) => Promise<T>,
  from: Database = database,
): Promise<[T, number]> {
  await using session = from.session()
  const result = await work(session)
  return [result, session.stats.queryCount]
}

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

describe('a query with joins', () => {
  it('takes your own SQL, which may name columns without their tables', async () => {
    const [found] = await counted((session) =>
      session
        .find(Book)
        .filter(() => sql`title > ${'b5'} and id < 7`)
        .orderBy(() => sql`sales desc`)
        .options(joinedload(Book.author), joinedload(Book.reviews))
        .toList(),
    )
    expect(found.map(({ title, reviews }) => [title, reviews.value.length])).toEqual([['b6', 5]])
  })

  it('locks its own rows only', async () => {
    const one = (session: Session) =>
      session
        .find(Book)
        .filter({ title: 'b5' })
        .orderBy((book) => book.id.asc())
        .forUpdate()
        .options(joinedload(Book.author), joinedload(Book.reviews))
        .first()
    await database.transaction(async (session) => {
      const book = await one(session)
      expect([book?.author.value?.name, book?.reviews.value.length]).toEqual(['bob', 4])
      const locked = (table: string) =>
        query(`select 1 from (select * from ${table} for update skip locked) rows`)
      expect(await locked('authors')).toHaveLength(3)
      expect(await locked('reviews')).toHaveLength(21)
      expect(await locked('books')).toHaveLength(6)
    })
  })

  it('finds the row that a foreign key refers to after the wait for a lock', async () => {
    await using other = await connect(url)
    await other.query('begin')
    await other.query(`insert into authors (id, name) values (50, 'new')`)
    await other.query('update books set author_id = 50 where id = 7')
    await database.transaction(async (session) => {
      const waiting = session
        .find(Book)
        .filter({ id: 7 })
        .forUpdate()
        .options(joinedload(Book.author))
        .one()
      for (let waits = 0; waits === 0;) {
        const [row] = await query<{ waits: number }>(
          `select count(*)::int as waits from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
        )
        waits = row?.waits ?? 0
      }
      await other.query('commit')
      expect((await waiting).author.value?.name).toBe('new')
    })
    await query('update books set author_id = null where id = 7')
    await query('delete from authors where id = 50')
  })

  it('gives first(), one() and a limit of one the whole lists', async () => {
    await using session = database.session()
    const ann = session.find(Author).filter({ name: 'ann' }).options(books)
    const found = [await ann.first(), await ann.one(), ...(await ann.limit(1).toList())]
    expect(found.map((each) => each?.books.value.length)).toEqual([4, 4, 4])
    expect(session.stats.queryCount).toBe(3)
    await expect(session.find(Author).options(books).one()).rejects.toThrow('got several')
    expect(await session.find(Author).filter({ id: 0 }).options(books).first()).toBeNull()
  })

  it('counts and asks for rows without its joins, and refuses values', async () => {
    await using recorder = recordSession(url)
    const authors = recorder.session.find(Author).options(books)
    expect([await authors.count(), await authors.exists()]).toEqual([3, true])
    for (const { text } of recorder.statements) expect(text).not.toContain('join')
    const cannot = 'find(Author).options() cannot be used with'
    expect(() => authors.aggregate((author) => ({ id: author.id }))).toThrow(
      coded(QUERY, `${cannot} aggregate()`),
    )
    expect(() => authors.select((author) => ({ id: author.id }))).toThrow(
      coded(QUERY, `${cannot} select()`),
    )
  })

  it('sees changes that are not flushed, of any table that it joins', async () => {
    await using session = database.session()
    session.add(new BookGenre({ bookId: 7, genreId: 2 }))
    const review = await session.find(Review).filter({ bookId: 2 }).one()
    review.stars = 9
    const starred = joinedload(Book.reviews).filter({ stars: 9 })
    const found = await session
      .find(Book)
      .filter({ id: [2, 7] })
      .options(joinedload(Book.genres), starred)
      .toList()
    expect(found.map(({ genres, reviews }) => [genres.value.length, reviews.value.length])).toEqual(
      [
        [1, 1],
        [1, 0],
      ],
    )
    await session.rollback()
  })
})

describe('what the session holds', () => {
  it('keeps its values, and is what others refer to', async () => {
    await using session = database.session()
    const held = await session.find(Author).filter({ name: 'bob' }).one()
    await query(`update authors set name = 'robert' where id = 2`)
    const [book] = await session
      .find(Book)
      .filter({ title: 'b5' })
      .options(joinedload(Book.author))
      .toList()
    expect(book?.author.value).toBe(held)
    expect(held.name).toBe('bob')
    await query(`update authors set name = 'bob' where id = 2`)
  })

  it('has the relation of its own foreign key, though others have changed that of the row', async () => {
    await using session = database.session()
    const held = await session.find(Book).filter({ title: 'b1' }).one()
    await query('update books set author_id = 3 where id = 1')
    await session.find(Book).filter({ title: 'b1' }).options(joinedload(Book.author)).toList()
    expect([held.authorId, held.author.value?.name]).toEqual([1, 'ann'])
    await query('update books set author_id = 1 where id = 1')
  })
})

describe('who watches', () => {
  it('sees an operation without a statement for each joined relation, below the query', async () => {
    await using recorder = recordSession(url)
    const loader = books.options(joinedload(Book.reviews), selectinload(Book.author))
    await recorder.session.find(Author).options(loader).toList()
    const { operations, statements } = recorder
    const seen = operations.flatMap(({ operation, outcome }) => {
      if (operation.kind !== 'relationship') return []
      const { relation, strategy, depth, owners, parent }: RelationshipOperation = operation
      expect(parent).toBe(statements[0]?.operation)
      const sent = statements.filter((each) => each.operation === operation).length
      return [`${strategy} ${relation.name} ${depth} ${owners.length} ${outcome?.rows} ${sent}`]
    })
    expect(seen).toEqual(['joinedload books 0 3 6 0', 'joinedload reviews 1 6 15 0'])
    expect(statements).toHaveLength(1)
  })

  it('finds no N+1 pattern where relations were joined, and the loaders that lead to one below', async () => {
    await using session = database.session({ nPlusOne: 'detect' })
    const authors = await session.find(Author).options(books).toList()
    for (const author of authors) await author.books
    expect(session.stats.findings).toEqual([])
    for (const book of authors.flatMap((author) => author.books.value)) await book.reviews
    expect(session.stats.findings.map(({ fix }) => fix)).toEqual([
      'find(Author).options(selectinload(Author.books).options(selectinload(Book.reviews)))',
    ])
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
