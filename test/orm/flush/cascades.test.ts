import pg from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, Database, hasMany, integer, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Shelf extends table('shelves', {
  id: integer().primaryKey().generated(),
  name: text(),
  books: () => hasMany(Book, 'shelfId'),
}) {}
class Book extends table('books', {
  id: integer().primaryKey().generated(),
  title: text(),
  shelfId: integer()
    .nullable()
    .references(() => Shelf, { onDelete: 'cascade' }),
  shelf: () => belongsTo(Shelf, 'shelfId'),
}) {}
class Page extends table('pages', {
  id: integer().primaryKey().generated(),
  no: integer(),
  bookId: integer().references(() => Book, { onDelete: 'cascade' }),
  book: () => belongsTo(Book, 'bookId'),
}) {}
class Note extends table('notes', {
  id: integer().primaryKey().generated(),
  body: text(),
  pageId: integer()
    .nullable()
    .references(() => Page, { onDelete: 'set null' }),
  page: () => belongsTo(Page, 'pageId'),
}) {}
// What the database does with it is not declared.
class Sticker extends table('stickers', {
  id: integer().primaryKey(),
  shelfId: integer().default(1),
  color: text().default('red'),
}) {}
class Tag extends table('tags', { id: integer().primaryKey(), bookId: integer().nullable() }) {}
// A composite key, of which only one column is set to NULL.
class Box extends table('boxes', { room: integer().primaryKey(), no: integer().primaryKey() }) {}
class Thing extends table('things', {
  id: integer().primaryKey(),
  room: integer(),
  boxNo: integer().nullable(),
}) {}
// A tree whose branches go with their parents.
class Branch extends table('branches', {
  id: integer().primaryKey(),
  name: text().default(''),
  aboveId: integer()
    .nullable()
    .references(() => Branch, { onDelete: 'cascade' }),
}) {}

const { database, query, truncate, url } = await testDatabase([Shelf, Book, Page, Note, Branch])
await query(`
  create table stickers (id int primary key, color text not null default 'red',
    shelf_id int not null default 1 references shelves on delete set default);
  create table tags (id int primary key, book_id int references books on delete cascade);
  create table boxes (room int, no int, primary key (room, no));
  create table things (id int primary key, room int not null, box_no int,
    foreign key (room, box_no) references boxes on delete set null (box_no))`)

beforeEach(async () => {
  await truncate()
  await query(`
    insert into shelves (name) values ('first'), ('second');
    insert into books (title, shelf_id) values ('a', 2), ('b', 2), ('c', 1);
    insert into pages (no, book_id) values (1, 1), (2, 1), (1, 3);
    insert into notes (body, page_id) values ('on a1', 1), ('on c1', 3), ('loose', null);
    insert into stickers (id, shelf_id) values (1, 2), (2, 1);
    insert into tags values (1, 1), (2, 3);
    insert into boxes values (1, 1), (1, 2);
    insert into things values (1, 1, 1), (2, 1, 2);
    insert into branches (id, above_id) values (1, null), (2, 1), (3, 2), (4, 3), (5, null)`)
})

describe('what the database deletes with a row', () => {
  it('leaves the session, down to the last that it holds', async () => {
    await using session = database.session()
    const shelf = await session.getOrThrow(Shelf, 2)
    const books = await session.find(Book).toList()
    const pages = await session.find(Page).toList()
    const tags = await session.find(Tag).toList()
    session.delete(shelf)
    await session.flush()
    for (const gone of [...books.slice(0, 2), ...pages.slice(0, 2), tags[0]!])
      expect(() => session.delete(gone)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
    expect(await session.get(Book, 1)).toBeNull()
    expect(await session.get(Page, 2)).toBeNull()
    expect(await session.get(Book, 3)).toBe(books[2])
    expect(await session.get(Page, 3)).toBe(pages[2])
    expect(await session.get(Tag, 2)).toBe(tags[1])
    await session.commit()
  })

  it('takes unsaved changes along, and writes them no more', async () => {
    await using session = database.session()
    const shelf = await session.getOrThrow(Shelf, 2)
    const [book, other] = await session.find(Book).toList()
    book!.title = 'changed before the flush'
    session.delete(shelf)
    const flush = session.flush()
    other!.title = 'changed while it runs'
    await flush
    book!.title = 'changed after it'
    expect(session.hasUnsaved).toBe(true)
    const { queryCount } = session.stats
    await session.commit()
    expect(session.stats.queryCount).toBe(queryCount)
    expect(await query('select title from books')).toEqual([{ title: 'c' }])
  })

  it('may be deleted in the same flush, in whatever order', async () => {
    await using session = database.session()
    const shelf = await session.getOrThrow(Shelf, 2)
    const books = await session.find(Book).filter({ shelfId: 2 }).toList()
    const [tag] = await session.find(Tag).toList()
    session.delete(shelf, tag!, books)
    await session.commit()
    expect(await query('select id from books')).toEqual([{ id: 3 }])
    expect(await query('select id from tags')).toEqual([{ id: 2 }])
  })

  it('stays where an update of the same flush moves it away', async () => {
    await using session = database.session()
    const shelf = await session.getOrThrow(Shelf, 2)
    const [book] = await session.find(Book).toList()
    book!.shelfId = 1
    session.delete(shelf)
    await session.flush()
    expect(await session.get(Book, 1)).toBe(book)
    book!.title = 'moved'
    await session.commit()
    expect(await query('select title from books order by id')).toEqual([
      { title: 'moved' },
      { title: 'c' },
    ])
  })

  it('goes down a table that refers to itself', async () => {
    await using session = database.session()
    const branches = await session.find(Branch).toList()
    branches[3]!.name = 'lost with the others'
    session.delete(branches[0]!)
    await session.commit()
    expect(await query('select id from branches')).toEqual([{ id: 5 }])
    for (const gone of branches.slice(1, 4))
      expect(() => session.delete(gone)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
    expect(await session.get(Branch, 5)).toBe(branches[4])
  })

  it('can be added again, as what was deleted', async () => {
    await using session = database.session()
    const shelf = await session.getOrThrow(Shelf, 2)
    const book = await session.getOrThrow(Book, 1)
    session.delete(shelf)
    await session.flush()
    book.shelfId = 1
    session.add(book)
    await session.commit()
    expect(await query('select title, shelf_id from books where id = 1')).toEqual([
      { title: 'a', shelf_id: 1 },
    ])
    expect(await session.get(Book, 1)).toBe(book)
  })

  it('comes back detached where a savepoint is rolled back, and is tracked again by add', async () => {
    await using session = database.session()
    const shelf = await session.getOrThrow(Shelf, 2)
    const [book, , kept] = await session.find(Book).toList()
    const note = await session.getOrThrow(Note, 1)
    await session.getOrThrow(Page, 1)
    await session.transaction(async () => {
      const work = session.transaction(async () => {
        session.delete(shelf)
        await session.flush()
        expect(note.pageId).toBeNull()
        throw new Error('changed my mind')
      })
      await expect(work).rejects.toThrow('changed my mind')
      for (const undone of [shelf, book!, note])
        expect(() => session.delete(undone)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
      expect(await session.get(Book, 3)).toBe(kept)
      session.add(book!)
      book!.title = 'tracked'
    })
    expect(await query('select title, shelf_id from books where id = 1')).toEqual([
      { title: 'tracked', shelf_id: 2 },
    ])
    expect(await query('select page_id from notes where id = 1')).toEqual([{ page_id: 1 }])
  })

  it('is stored again with a new entity that refers to it', async () => {
    await using session = database.session()
    const shelf = await session.getOrThrow(Shelf, 2)
    session.delete(shelf)
    await session.flush()
    session.add(new Book({ title: 'late', shelf }))
    await session.commit()
    expect(await session.get(Shelf, 2)).toBe(shelf)
    expect(await query('select title from books where shelf_id = 2')).toEqual([{ title: 'late' }])
  })

  it('includes what the same flush has inserted', async () => {
    await using session = database.session()
    const shelf = await session.getOrThrow(Shelf, 2)
    const book = new Book({ title: 'late', shelf })
    session.add(book)
    session.delete(shelf)
    await session.commit()
    expect(() => session.delete(book)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
    expect(await query('select title from books')).toEqual([{ title: 'c' }])
  })
})

describe('what the database sets where a row is deleted', () => {
  it('is NULL, in the entity and for its relations, and writes nothing', async () => {
    await using session = database.session()
    const page = await session.getOrThrow(Page, 1)
    const notes = await session.find(Note).toList()
    await notes[0]!.page
    session.delete(page)
    await session.flush()
    expect(notes.map(({ pageId }) => pageId)).toEqual([null, 3, null])
    expect(await notes[0]!.page).toBeNull()
    const { queryCount } = session.stats
    await session.commit()
    expect(session.stats.queryCount).toBe(queryCount)
  })

  it('stays what the program has set meanwhile', async () => {
    await using session = database.session()
    const page = await session.getOrThrow(Page, 1)
    const [note] = await session.find(Note).toList()
    session.delete(page)
    const flush = session.flush()
    note!.pageId = 3
    await flush
    expect(note!.pageId).toBe(3)
    await session.commit()
    expect(await query('select page_id from notes where id = 1')).toEqual([{ page_id: 3 }])
  })

  it('follows what goes with the row', async () => {
    await using session = database.session()
    await session.find(Book).toList()
    await session.find(Page).toList()
    const notes = await session.find(Note).toList()
    session.delete(await session.getOrThrow(Shelf, 2))
    await session.flush()
    expect(notes.map(({ pageId }) => pageId)).toEqual([null, 3, null])
    await session.commit()
  })

  it('is the default of the column, as the database has it', async () => {
    await using session = database.session()
    const [sticker] = await session.find(Sticker).toList()
    sticker!.color = 'blue'
    session.delete(await session.getOrThrow(Shelf, 2))
    await session.commit()
    expect(sticker).toMatchObject({ shelfId: 1, color: 'blue' })
    expect(await query('select shelf_id, color from stickers where id = 1')).toEqual([
      { shelf_id: 1, color: 'blue' },
    ])
    expect(session.hasUnsaved).toBe(false)
  })

  it('may be one column of a composite key', async () => {
    await using session = database.session()
    const things = await session.find(Thing).toList()
    session.delete(await session.getOrThrow(Box, { room: 1, no: 1 }))
    await session.commit()
    expect(things.map(({ room, boxNo }) => [room, boxNo])).toEqual([
      [1, null],
      [1, 2],
    ])
    expect(session.hasUnsaved).toBe(false)
  })

  it('detaches an entity that is frozen, and so cannot take it', async () => {
    await using session = database.session()
    const note = Object.freeze(await session.getOrThrow(Note, 1))
    session.delete(await session.getOrThrow(Page, 1))
    await session.commit()
    expect(note.pageId).toBe(1)
    expect(await session.get(Note, 1)).toMatchObject({ body: 'on a1', pageId: null })
  })
})

describe('where the catalogue cannot be read', () => {
  it('the declaration says what the database does', async () => {
    await query(`
      create role blind_deleter; grant all on all tables in schema public to blind_deleter;
      revoke select on pg_catalog.pg_inherits from public`)
    const pool = new pg.Pool({ connectionString: url, options: '-c role=blind_deleter' })
    const blind = new Database({ pool })
    await blind.run(async (session) => {
      const shelf = await session.getOrThrow(Shelf, 2)
      const [book] = await session.find(Book).toList()
      const page = await session.getOrThrow(Page, 3)
      const [, note] = await session.find(Note).toList()
      session.delete(shelf, page)
      await session.flush()
      expect(() => session.delete(book!)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
      expect(note!.pageId).toBeNull()
    })
    await blind.close()
    await pool.end()
    await query(
      'grant select on pg_catalog.pg_inherits to public; drop owned by blind_deleter; drop role blind_deleter',
    )
    expect(await query('select page_id from notes where id = 2')).toEqual([{ page_id: null }])
  })
})
