import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, selectinload, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { Author, Book, fillLibrary, Genre, library } from './library.ts'

const created = await testDatabase(library)
const { database, truncate } = created

beforeEach(async () => {
  await truncate()
  await fillLibrary(created)
})

class Undone extends Error {}

/** Does some work in a savepoint, and rolls it back. */
async function undone(session: Session, work: () => Promise<unknown>): Promise<void> {
  const failing = session.transaction(async () => {
    await work()
    throw new Undone()
  })
  await expect(failing).rejects.toThrow(Undone)
}

const inTransaction = (work: (session: Session) => Promise<void>): Promise<void> =>
  database.transaction(work)

describe('what was loaded in a savepoint that is rolled back is loaded again', () => {
  it('after a row was deleted, or got another owner', () =>
    inTransaction(async (session) => {
      const [ann, bob] = (await session.getMany(Author, [1, 2])) as [Author, Author]
      const [b5, b6] = (await session.getMany(Book, [5, 6])) as [Book, Book]
      await undone(session, async () => {
        b5.authorId = ann.id
        await session.execute(sql`delete from reviews where book_id = 6`)
        session.delete(b6)
        await session.load([ann, bob], selectinload(Author.books))
        expect([ann.books.value.length, bob.books.value.length]).toEqual([5, 0])
      })
      expect([(await ann.books).length, (await bob.books).length]).toEqual([4, 2])
    }))

  it('after links were added and removed', () =>
    inTransaction(async (session) => {
      const b5 = await session.getOrThrow(Book, 5)
      const [crime, drama] = (await session.getMany(Genre, [1, 2])) as [Genre, Genre]
      await undone(session, async () => {
        b5.genres.add(crime)
        b5.genres.remove(drama)
        expect(await b5.genres).toEqual([crime])
        expect([(await crime.books).length, (await drama.books).length]).toEqual([5, 2])
      })
      expect(await b5.genres).toEqual([drama])
      expect([(await crime.books).length, (await drama.books).length]).toEqual([4, 3])
    }))

  it('after your own SQL', () =>
    inTransaction(async (session) => {
      const ann = await session.getOrThrow(Author, 1)
      await undone(session, async () => {
        await session.execute(sql`update books set author_id = null`)
        expect(await ann.books).toEqual([])
      })
      expect(await ann.books).toHaveLength(4)
    }))

  it('also after an inner savepoint that has written, or that has only read', () =>
    inTransaction(async (session) => {
      const [ann, bob] = (await session.getMany(Author, [1, 2])) as [Author, Author]
      const [b1] = (await session.getMany(Book, [1])) as [Book]
      await undone(session, async () => {
        await session.transaction(async () => {
          b1.authorId = bob.id
          await session.flush()
        })
        await undone(session, () => ann.books.load())
        expect(ann.books.isLoaded).toBe(true)
        expect([(await ann.books).length, (await bob.books).length]).toEqual([3, 3])
      })
      expect([(await ann.books).length, (await bob.books).length]).toEqual([4, 2])
    }))
})

it('what was loaded in a savepoint that has written nothing stays', () =>
  inTransaction(async (session) => {
    const ann = await session.getOrThrow(Author, 1)
    await undone(session, () => ann.books.load())
    expect(ann.books.isLoaded).toBe(true)
  }))
