import { beforeAll, describe, expect, it } from 'vitest'
import { joinedload, selectinload, type Session, sql } from '../../../orm/index.ts'
import type { RelationshipOperation } from '../../../orm/observe/operation.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Book, BookGenre, countedOn, fillLibrary, library, Review } from './library.ts'

const created = await testDatabase(library)
const { database, query, url } = created
const counted = countedOn(database)
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

const books = joinedload(Author.books)

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

  it('loads by the foreign key that the entity has, though others have changed the row', async () => {
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
