import { beforeEach, describe, expect, it } from 'vitest'
import { integer, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class Shelf extends table('shelves', {
  id: integer().primaryKey(),
  code: text().unique(),
  name: text().default(''),
}) {}

class Book extends table('books', {
  id: integer().primaryKey(),
  shelfCode: text().nullable(),
}) {}

class Watched extends table('watched', {
  id: integer().primaryKey(),
  note: text().default(''),
}) {}

const { database, query, truncate } = await testDatabase([Shelf, Book, Watched])
await query(`create function empty_shelves() returns trigger language plpgsql as $$
  begin update books set shelf_code = null; return null; end $$`)
await query(`create trigger watch after insert or update on watched
  for each row execute function empty_shelves()`)
await query(`alter table books add foreign key (shelf_code) references shelves (code)
  on delete set null on update cascade`)

beforeEach(async () => {
  await truncate()
  await query(`insert into watched values (1, '')`)
  await query(`insert into shelves values (1, 'a', ''), (2, 'b', '')`)
  await query(`insert into books values (1, 'a')`)
})

class Undone extends Error {}

/** What changes the book unseen, and what its shelf is then. */
const writes = [
  {
    kind: 'a foreign key follows a deleted row',
    now: null,
    write: async (session) => session.delete(await session.getOrThrow(Shelf, 1)),
  },
  {
    kind: 'a foreign key follows a changed row',
    now: 'c',
    write: async (session) => void ((await session.getOrThrow(Shelf, 1)).code = 'c'),
  },
  {
    kind: 'a trigger follows an inserted row',
    now: null,
    write: (session) => session.add(new Watched({ id: 2 })),
  },
  {
    kind: 'a trigger follows an updated row',
    now: null,
    write: async (session) => void ((await session.getOrThrow(Watched, 1)).note = 'changed'),
  },
] as const satisfies readonly {
  readonly kind: string
  readonly now: string | null
  readonly write: (session: ReturnType<typeof database.session>) => unknown
}[]

describe.each(writes)('what is read in a savepoint after $kind', ({ write, now }) => {
  it('is read again when the savepoint is rolled back', async () => {
    await database.transaction(async (session) => {
      const undone = session.transaction(async () => {
        await write(session)
        await session.flush()
        expect((await session.getOrThrow(Book, 1)).shelfCode).toBe(now)
        throw new Undone()
      })
      await expect(undone).rejects.toThrow(Undone)
      expect((await session.getOrThrow(Book, 1)).shelfCode).toBe('a')
    })
  })

  it('stays when the savepoint is released', async () => {
    await database.transaction(async (session) => {
      const book = await session.transaction(async () => {
        await write(session)
        await session.flush()
        return session.getOrThrow(Book, 1)
      })
      expect(await session.getOrThrow(Book, 1)).toBe(book)
      expect(book.shelfCode).toBe(now)
    })
  })
})

it('what is read after a row was only changed stays when the savepoint is rolled back', async () => {
  await database.transaction(async (session) => {
    let book: Book | undefined
    const undone = session.transaction(async () => {
      const shelf = await session.getOrThrow(Shelf, 2)
      shelf.name = 'changed'
      await session.flush()
      book = await session.getOrThrow(Book, 1)
      throw new Undone()
    })
    await expect(undone).rejects.toThrow(Undone)
    expect(await session.getOrThrow(Book, 1)).toBe(book)
  })
})
