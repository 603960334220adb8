import { beforeEach, describe, expect, it } from 'vitest'
import { selectinload } from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Book, BookGenre, fillLibrary, Genre, library } from './library.ts'

const created = await testDatabase(library)
const { database, truncate, url } = created

beforeEach(async () => {
  await truncate()
  await fillLibrary(created)
})

/** A session with books in hand, whose statements on authors wait until they are let go. */
async function blocked(
  run: (
    recorder: ReturnType<typeof recordSession>,
    books: readonly Book[],
    letGo: () => Promise<unknown>,
  ) => Promise<void>,
) {
  await using other = await connect(url)
  await using recorder = recordSession(url)
  const { session } = recorder
  const books = await session
    .find(Book)
    .orderBy((book) => book.id.asc())
    .toList()
  await other.query('begin')
  await other.query('lock table authors in access exclusive mode')
  await run(recorder, books, () => other.query('commit'))
  await session.rollback()
}

describe('lazy loads of one target at the same time', () => {
  it('share one statement, though an owner was given its key while that was under way', async () => {
    await blocked(async ({ session, statements }, [first, , , , , sixth], letGo) => {
      const loading = first?.author.load()
      await expect.poll(() => statements.length).toBe(2)
      if (sixth !== undefined) sixth.authorId = 1
      const shared = sixth?.author.load()
      await letGo()
      const [ann, same] = await Promise.all([loading, shared])
      expect(ann?.name).toBe('ann')
      expect(same).toBe(ann)
      expect(session.stats.queryCount).toBe(2)
      expect(sixth?.author.value).toBe(ann)
    })
  })

  it('give what was asked for, and not what the owner refers to by then', async () => {
    await blocked(async ({ session, statements }, [first, second], letGo) => {
      const loading = first?.author.load()
      const other = second?.author.load()
      await expect.poll(() => statements.length).toBe(2)
      if (first !== undefined) first.authorId = 2
      await letGo()
      expect([(await loading)?.name, (await other)?.name]).toEqual(['ann', 'ann'])
      expect([first?.author.isLoaded, second?.author.isLoaded]).toEqual([false, true])
      expect((await first?.author)?.name).toBe('bob')
      expect(session.stats.queryCount).toBe(3)
    })
  })

  it('and an eager load of it give one entity', async () => {
    await using session = database.session()
    const [first] = await session.find(Book).filter({ id: 1 }).toList()
    const eager = session
      .find(Book)
      .filter({ id: [1, 2] })
      .options(selectinload(Book.author))
    const [lazy, books] = await Promise.all([first?.author.load(), eager.toList()])
    expect(books.map(({ author }) => author.value === lazy)).toEqual([true, true])
  })

  it('of many rows are a statement each, and give the same entities', async () => {
    await using session = database.session()
    const [crime, drama] = await session
      .find(Genre)
      .orderBy((genre) => genre.id.asc())
      .toList()
    const [one, other] = await Promise.all([crime?.books.load(), drama?.books.load()])
    expect(session.stats.queryCount).toBe(3)
    const shared = one?.filter((book) => other?.includes(book)).map(({ title }) => title)
    expect(shared).toEqual(['b3', 'b4'])
  })
})

describe('a lazy load through a table between', () => {
  it('sees a row of it that was added, and one that was deleted, before', async () => {
    await using session = database.session()
    const drama = (await session.get(Genre, 2)) as Genre
    session.add(new BookGenre({ bookId: 1, genreId: 2 }))
    const link = await session.get(BookGenre, { bookId: 3, genreId: 2 })
    if (link !== null) session.delete(link)
    expect((await drama.books).map(({ title }) => title)).toEqual(['b1', 'b4', 'b5'])
    await session.rollback()
  })

  it('sees a new row on its far side', async () => {
    await using session = database.session()
    const drama = (await session.get(Genre, 2)) as Genre
    const book = new Book({ title: 'new' })
    session.add(book)
    await session.flush()
    session.add(new BookGenre({ bookId: book.id, genreId: 2 }))
    const books = await drama.books
    expect(books.at(-1)).toBe(book)
    await session.rollback()
  })
})

describe('a lazy load', () => {
  it('does not give what was deleted before', async () => {
    await using session = database.session()
    const cid = new Author({ name: 'eve' })
    const book = new Book({ title: 'by eve', author: cid })
    session.add(book)
    await session.flush()
    const again = await session.find(Author).filter({ name: 'eve' }).one()
    expect(again).toBe(cid)
    expect((await cid.books).map(({ title }) => title)).toEqual(['by eve'])
    session.delete(book)
    await session.refresh(cid)
    expect(await cid.books).toEqual([])
    await session.rollback()
  })

  it('of students sees who was given to another mentor, and who was taken away', async () => {
    await using session = database.session()
    const authors = session.find(Author).orderBy((author) => author.id.asc())
    const [ann, bob, cid] = (await authors.toList()) as [Author, Author, Author]
    cid.mentorId = ann.id
    expect((await bob.students).map(({ name }) => name)).toEqual(['ann'])
    expect((await ann.students).map(({ name }) => name)).toEqual(['cid'])
    await session.rollback()
  })
})
