import { beforeEach, describe, expect, it } from 'vitest'
import {
  belongsTo,
  hasMany,
  integer,
  manyToMany,
  selectinload,
  type Session,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { failure } from '../../support/failure.ts'
import { recordSession, recordWire } from '../../support/recorder.ts'

class Author extends table('authors', {
  id: integer().primaryKey(),
  name: text().unique(),
  bossId: integer()
    .nullable()
    .references(() => Author, { onDelete: 'set null' }),
  books: () => hasMany(Book, 'authorId'),
  boss: () => belongsTo(Author, 'bossId'),
  fans: () => manyToMany(Author, { through: Fan, from: 'ofId', to: 'fanId' }),
}) {}

class Book extends table('books', {
  id: integer().primaryKey(),
  title: text().default('T'),
  authorId: integer().references(() => Author, { onDelete: 'cascade' }),
  author: () => belongsTo(Author, 'authorId'),
  pages: () => hasMany(Page, 'bookId'),
}) {}

class Page extends table('pages', {
  id: integer().primaryKey(),
  bookId: integer().references(() => Book, { onDelete: 'cascade' }),
  editorId: integer()
    .nullable()
    .references(() => Author, { onDelete: 'set null' }),
  book: () => belongsTo(Book, 'bookId'),
}) {}

class Fan extends table('fans', {
  ofId: integer()
    .primaryKey()
    .references(() => Author, { onDelete: 'cascade' }),
  fanId: integer()
    .primaryKey()
    .references(() => Author, { onDelete: 'cascade' }),
}) {}

class Prize extends table('prizes', {
  id: integer().primaryKey(),
  authorId: integer().references(() => Author),
}) {}

const tables = [Author, Book, Page, Fan, Prize] as const
const { database, query, truncate, url } = await testDatabase([...tables])

beforeEach(async () => {
  await truncate()
  await database.run((session) => {
    session.add(
      [1, 2, 3].map((id) => new Author({ id, name: `a${id}`, bossId: id === 1 ? null : 1 })),
      [1, 2, 3].map((id) => new Book({ id, authorId: id })),
      [1, 2, 3].map((id) => new Page({ id, bookId: id, editorId: 4 - id })),
      [2, 3].map((fanId) => new Fan({ ofId: 1, fanId })),
      new Prize({ id: 1, authorId: 3 }),
    )
  })
})

const authors = (session: Session, ...ids: number[]) => session.find(Author).filter({ id: ids })

describe('delete()', () => {
  it('deletes the rows of a filter with one statement, and gives their number', async () => {
    await using wire = recordWire(url, { tables: [...tables] })
    await wire.database.run(async (session) => {
      expect(await authors(session, 1, 2, 9).delete()).toBe(2)
      expect(
        await session
          .find(Book)
          .filter((book) => book.author.name.eq('a3'))
          .delete(),
      ).toBe(1)
    })
    expect(wire.texts).toEqual([
      'begin',
      'delete from "authors" as "t0" where "t0"."id" = any($1)',
      'with "#chosen" ("#0") as materialized (select "t0"."id" from "books" as "t0" left join "authors" as "t0_0" ' +
        'on "t0_0"."id" = "t0"."author_id" where "t0_0"."name" = $1 for update of "t0") ' +
        'delete from "books" as "t0" using "#chosen" where "t0"."id" = "#chosen"."#0"',
      'commit',
    ])
    expect(await query('select id from authors')).toEqual([{ id: 3 }])
    expect(await query('select id from pages')).toEqual([])
  })

  it('gives the deleted rows, in the order of the query', async () => {
    await using session = database.session()
    const first = session
      .find(Page)
      .all()
      .orderBy((page) => page.id.desc())
      .limit(2)
    const rows = await first.delete({
      returning: (page) => ({ id: page.id, author: page.book.author.name }),
    })
    expect(rows).toEqual([
      { id: 3, author: 'a3' },
      { id: 2, author: 'a2' },
    ])
    await session.commit()
    expect(await query('select id from pages')).toEqual([{ id: 1 }])
  })

  it('leaves a row that is still referred to, with the usual error', async () => {
    await using session = database.session()
    const error = await failure('DATA_BRIDGE_ERR_FOREIGN_KEY', authors(session, 3).delete())
    expect(error.statusCode).toBe(409)
    expect(error.message).not.toContain('3')
  })
})

describe('entities of deleted rows', () => {
  it('are detached, leave loaded relations, and are not found any more', async () => {
    await using session = database.session()
    const list = await session
      .find(Author)
      .orderBy((row) => row.id.asc())
      .options(selectinload(Author.books), selectinload(Author.fans))
      .toList()
    const [one, two] = list as [Author, Author]
    const [book] = two.books.value as [Book]
    book.title = 'unsaved'
    await session.flush()
    book.title = 'lost'
    const before = session.stats.queryCount
    expect(await session.find(Book).filter({ id: 2 }).delete()).toBe(1)
    expect(session.stats.queryCount).toBe(before + 2) // what has changed is flushed before
    expect(two.books.value).toEqual([])
    expect(await authors(session, 2).delete({ returning: (row) => ({ id: row.id }) })).toEqual([
      { id: 2 },
    ])
    expect(one.fans.value.map(({ id }) => id)).toEqual([3])
    expect(await session.get(Author, 2)).toBe(null)
    expect(await session.get(Book, 2)).toBe(null)
    await failure('DATA_BRIDGE_ERR_DETACHED', session.refresh(two))
    expect(two.name).toBe('a2')
    await session.commit()
    session.add(two)
    await session.commit()
    expect(await query('select id, name from authors where id = 2')).toEqual([
      { id: 2, name: 'a2' },
    ])
  })

  it('take those with them whose rows cascade, held or behind rows that are not held', async () => {
    await using session = database.session()
    const [one, two, three] = await session
      .find(Page)
      .orderBy((page) => page.id.asc())
      .toList()
    const book = await session.getOrThrow(Book, 2)
    expect(await authors(session, 1, 2).delete()).toBe(2)
    expect(await session.get(Book, 2)).toBe(null)
    expect(await session.get(Page, 1)).toBe(null)
    expect(await session.get(Page, 2)).toBe(null)
    expect(await session.get(Page, 3)).toBe(three)
    expect(three?.editorId).toBe(null)
    expect(session.hasUnsaved).toBe(true)
    for (const gone of [one, two, book])
      await failure('DATA_BRIDGE_ERR_DETACHED', session.refresh(gone as Page))
    await session.commit()
    expect(await query('select id, editor_id from pages')).toEqual([{ id: 3, editor_id: null }])
  })

  it('give foreign keys that follow them their new value, of rows of the same table too', async () => {
    await using session = database.session()
    const three = await session.getOrThrow(Author, 3)
    await session.find(Prize).all().delete()
    expect(await authors(session, 1).delete()).toBe(1)
    expect(three.bossId).toBe(null)
    await session.commit()
    expect(session.hasUnsaved).toBe(false)
  })

  it('need no rows back that the session does not know', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    await session.getOrThrow(Book, 3)
    await session.find(Prize).all().delete()
    expect(await session.find(Author).all().delete()).toBe(3)
    const [prizes, all] = recorder.statements.filter(({ kind }) => kind === 'write')
    expect([prizes, all]).toMatchObject([
      { summary: 'DELETE prizes', rows: 1 },
      { summary: 'DELETE authors', rows: 1 },
    ])
    expect(await session.get(Book, 3)).toBe(null)
  })

  it('come back with a rollback to a savepoint, detached', async () => {
    await database.run(async (session) => {
      const book = await session.getOrThrow(Book, 2)
      const page = await session.getOrThrow(Page, 2)
      const nested = session.transaction(async () => {
        await authors(session, 2).delete()
        expect(await session.get(Page, 2)).toBe(null)
        throw new TypeError('undo')
      })
      await expect(nested).rejects.toThrow('undo')
      const again = await session.getOrThrow(Page, 2)
      expect([again === page, again.bookId]).toEqual([false, 2])
      await failure('DATA_BRIDGE_ERR_DETACHED', session.refresh(book))
    })
  })

  it('are detached even if the program has marked them for deletion meanwhile', async () => {
    await using session = database.session()
    const book = await session.getOrThrow(Book, 1)
    const deleting = session.find(Book).filter({ id: 1 }).delete()
    session.delete(book)
    expect(await deleting).toBe(1)
    await session.commit()
    expect(await query('select id from books order by id')).toEqual([{ id: 2 }, { id: 3 }])
  })
})
