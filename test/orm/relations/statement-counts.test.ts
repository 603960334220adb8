import { beforeAll, describe, expect, it } from 'vitest'
import { integer, manyToMany, selectinload, type Session, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { hasServerLog, type LogSource, statementLog } from '../../support/statement-log.ts'
import { Author, Book, library } from './library.ts'

class Reader extends table('readers', {
  id: integer().primaryKey().generated(),
  name: text(),
  books: () => manyToMany(Book, { through: 'reader_books' }),
}) {}

const { query, url } = await testDatabase([...library, Reader])

// Where the log of the server cannot be read, its answers are counted alone.
const sources: readonly LogSource[] = (await hasServerLog(url)) ? ['log', 'answers'] : ['answers']

/** Author and reader n have the books n, n + 50 and n + 100. These have two reviews and two genres each. */
beforeAll(async () => {
  await query(`insert into authors (name) select 'author ' || n from generate_series(1, 50) n`)
  await query(`insert into readers (name) select 'reader ' || n from generate_series(1, 50) n`)
  await query(`insert into books (title, sales, author_id)
    select 'book ' || n, n, 1 + (n - 1) % 50 from generate_series(1, 150) n`)
  await query('insert into reader_books (reader_id, book_id) select author_id, id from books')
  await query(`insert into reviews (stars, book_id) select generate_series(1, 2), id from books`)
  await query(`insert into genres (name) values ('crime'), ('drama')`)
  await query(
    `insert into book_genres (genre_id, book_id) select generate_series(1, 2), id from books`,
  )
})

/** The tables whose rows each of the statements reads. */
const tablesOf = (texts: readonly string[]): string[] =>
  texts.map((each) =>
    Array.from(each.matchAll(/\b(?:from|join) "(\w+)" as "t0/g), ([, name]) => name).join(' & '),
  )

const ids = (entities: readonly { id: number }[]): number[] => entities.map(({ id }) => id)

/** Loops that load a relation of 50 entities, one after the other. */
const loops = [
  {
    kind: 'to one',
    tables: ['books', 'authors'],
    async loop(session: Session) {
      const books = session.find(Book).filter((book) => book.id.lte(50))
      for (const book of await books.toList()) expect((await book.author)?.id).toBe(book.id)
    },
  },
  {
    kind: 'to many',
    tables: ['authors', 'books'],
    async loop(session: Session) {
      for (const { id, books } of await session.find(Author).toList())
        expect(ids(await books)).toEqual([id, id + 50, id + 100])
    },
  },
  {
    kind: 'many to many',
    tables: ['readers', 'books & reader_books'],
    async loop(session: Session) {
      for (const { id, books } of await session.find(Reader).toList())
        expect(ids(await books)).toEqual([id, id + 50, id + 100])
    },
  },
]

describe.each(sources)('as PostgreSQL counts its statements, by its %s,', (source) => {
  it('selectinload of three levels is three', async () => {
    await using log = await statementLog(url, {}, source)
    const told = await log.statementsOf(() =>
      log.database.run(async (session) => {
        const loader = selectinload(Author.books).options(selectinload(Book.reviews))
        const authors = await session.find(Author).options(loader).toList()
        const books = authors.flatMap((author) => author.books.value)
        const reviews = books.flatMap((book) => book.reviews.value)
        expect([authors.length, books.length, reviews.length]).toEqual([50, 150, 300])
      }),
    )
    expect(tablesOf(told)).toEqual(['authors', 'books', 'reviews'])
  })

  it('selectinload of many to many is two, through an entity', async () => {
    await using log = await statementLog(url, {}, source)
    const told = await log.statementsOf(() =>
      log.database.run(async (session) => {
        const books = await session.find(Book).options(selectinload(Book.genres)).toList()
        expect(books.flatMap((book) => book.genres.value)).toHaveLength(300)
      }),
    )
    expect(tablesOf(told)).toEqual(['books', 'genres & book_genres'])
  })

  it('selectinload of many to many is two, through a table without an entity', async () => {
    await using log = await statementLog(url, {}, source)
    const told = await log.statementsOf(() =>
      log.database.run(async (session) => {
        const readers = await session.find(Reader).options(selectinload(Reader.books)).toList()
        expect(readers.flatMap((reader) => reader.books.value)).toHaveLength(150)
      }),
    )
    expect(tablesOf(told)).toEqual(['readers', 'books & reader_books'])
  })

  it('a limit for each parent is one, besides that of the parents', async () => {
    await using log = await statementLog(url, {}, source)
    const bySales = selectinload(Author.books).orderBy((book) => book.sales.desc())
    const told = await log.statementsOf(() =>
      log.database.run(async (session) => {
        const authors = await session.find(Author).options(bySales.limit(2)).toList()
        expect(authors).toHaveLength(50)
        for (const { id, books } of authors) expect(ids(books.value)).toEqual([id + 100, id + 50])
      }),
    )
    expect(tablesOf(told)).toEqual(['authors', 'books'])
    expect(told[1]).toMatch(
      /cross join lateral \(select .* order by "t0"."sales" desc.* limit \$2\)/,
    )
  })

  it.each(loops)('a loop in the mode peers is two: $kind', async ({ loop, tables }) => {
    await using log = await statementLog(url, {}, source)
    const told = await log.statementsOf(() => log.database.run(loop, { lazy: 'peers' }))
    expect(tablesOf(told)).toEqual(tables)
  })

  it.each(loops)('a loop in the mode select is 51: $kind', async ({ loop, tables }) => {
    await using log = await statementLog(url, {}, source)
    const told = await log.statementsOf(() => log.database.run(loop, { lazy: 'select' }))
    expect(tablesOf(told)).toEqual([tables[0], ...Array.from({ length: 50 }, () => tables[1])])
  })
})
