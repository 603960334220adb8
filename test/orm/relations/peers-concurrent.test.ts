import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeEach, describe, expect, it } from 'vitest'
import { type BaseSession } from '../../../orm/session/session.ts'
import { belongsTo, integer, keyOf, selectinload, table, text } from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession, type RecordedStatement } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, Genre, library } from './library.ts'

class Country extends table('countries', {
  id: integer().primaryKey(),
  code: text().unique(),
}) {}

// Refers to its country by another column than the primary key.
class City extends table(
  'cities',
  {
    id: integer().primaryKey(),
    countryCode: text(),
    country: () => belongsTo(Country, 'countryCode'),
  },
  { foreignKeys: [{ columns: ['countryCode'], references: () => keyOf(Country, ['code']) }] },
) {}

const created = await testDatabase([...library, Country, City])
const { database, query, truncate, url } = created

beforeEach(async () => {
  await truncate()
  await fillLibrary(created)
})

/** Books in hand, in a session in the mode `peers`, whose statements on a table wait until they are let go. */
async function blocked(
  locked: string,
  run: (
    session: BaseSession,
    books: readonly Book[],
    statements: readonly RecordedStatement[],
    letGo: () => Promise<unknown>,
  ) => Promise<void>,
): Promise<void> {
  await using other = await connect(url)
  await using recorder = recordSession(url, { lazy: 'peers' })
  const { session, statements } = recorder
  const books = await session
    .find(Book)
    .orderBy((book) => book.id.asc())
    .toList()
  await other.query('begin')
  await other.query(`lock table ${locked} in access exclusive mode`)
  await run(session, books, statements, () => other.query('commit'))
  await session.rollback()
}

const names = (authors: readonly (Author | null | undefined)[]) => authors.map((each) => each?.name)

describe('at the same time', () => {
  it('all accesses share one statement', async () => {
    await using session = database.session({ lazy: 'peers' })
    const books = await session
      .find(Book)
      .orderBy((book) => book.id.asc())
      .toList()
    const authors = await Promise.all(books.map(async (book) => book.author))
    expect(names(authors)).toEqual(['ann', 'ann', 'ann', 'ann', 'bob', 'bob', undefined])
    const reviews = await Promise.all(books.map((book) => book.reviews.load()))
    expect(reviews.map((list) => list.length)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(session.stats.queryCount).toBe(3)
    expect(await books[3]?.reviews).toBe(reviews[3])
  })

  it('and with changes to flush, they share one statement too', async () => {
    await using session = database.session({ lazy: 'peers' })
    const authors = await session
      .find(Author)
      .orderBy((author) => author.id.asc())
      .toList()
    session.add(new Book({ title: 'new', author: authors[2] }))
    const lists = await Promise.all(authors.map((author) => author.books.load()))
    expect(lists.map((list) => list.length)).toEqual([4, 2, 1])
    expect(session.stats.queryCount).toBe(3)
    await session.rollback()
  })

  it('an access joins the load that is under way, and gives its list', async () => {
    await blocked('reviews', async (session, books, statements, letGo) => {
      const first = books[0]?.reviews.load()
      await expect.poll(() => statements.length).toBe(2)
      const second = books[1]?.reviews.load()
      const others = books.slice(2).map((book) => book.reviews.load())
      await letGo()
      expect((await first)?.length).toBe(0)
      expect(await second).toBe(books[1]?.reviews.value)
      expect((await Promise.all(others)).map((list) => list.length)).toEqual([2, 3, 4, 5, 6])
      expect(session.stats.queryCount).toBe(2)
    })
  })

  it('a load for another list leaves out the entities whose load is under way', async () => {
    await using recorder = recordSession(url, { lazy: 'peers' })
    const { session, statements } = recorder
    const all = session.find(Book).orderBy((book) => book.id.asc())
    const books = await all.toList()
    await all.filter({ id: [5, 6, 7] }).toList()
    await Promise.all([books[4]?.reviews.load(), books[0]?.reviews.load()])
    expect(statements.slice(2).map(({ operation }) => operation)).toMatchObject([
      { strategy: 'peers', owners: books.slice(4) },
      { strategy: 'peers', owners: books.slice(0, 4) },
    ])
  })

  it('get() and a relation of somebody else join it for the same row', async () => {
    await using other = await connect(url)
    await using session = database.session({ lazy: 'peers' })
    const books = await session
      .find(Book)
      .filter({ id: [1, 5] })
      .toList()
    const alone = (await session.get(Book, 2)) as Book
    await other.query('begin')
    await other.query('lock table authors in access exclusive mode')
    const loading = books[0]?.author.load()
    const loads = [session.get(Author, 1), session.get(Author, 2), alone.author.load()]
    const missing = session.get(Author, 99)
    await other.query('commit')
    const [ann, bob, again] = await Promise.all(loads)
    expect([await loading, again]).toEqual([ann, ann])
    expect(bob?.name).toBe('bob')
    expect(await missing).toBeNull()
    expect(alone.author.value).toBe(ann)
    expect(session.stats.queryCount).toBe(4)
  })

  it('a row that get() is reading is not read again', async () => {
    await blocked('authors', async (session, books, statements, letGo) => {
      const getting = session.get(Author, 1)
      await expect.poll(() => statements.length).toBe(2)
      const ofAnn = books[0]?.author.load()
      const ofBob = books[4]?.author.load()
      await letGo()
      expect(names(await Promise.all([getting, ofAnn, ofBob]))).toEqual(['ann', 'ann', 'bob'])
      const operation = statements[2]?.operation
      expect(operation).toMatchObject({ strategy: 'peers', owners: [books[4], books[5]] })
      for (const book of books.slice(0, 6)) await book.author
      expect(session.stats.queryCount).toBe(3)
    })
  })

  it('lazy loads of one target by another column than the primary key share one statement', async () => {
    await query(`insert into countries values (1, 'it'), (2, 'fr')`)
    await query(`insert into cities values (1, 'it'), (2, 'it'), (3, 'fr')`)
    await using session = database.session({ nPlusOne: 'off' })
    const cities = await session
      .find(City)
      .orderBy((city) => city.id.asc())
      .toList()
    const countries = await Promise.all(cities.map((city) => city.country.load()))
    expect(countries.map(({ code }) => code)).toEqual(['it', 'it', 'fr'])
    expect(countries[0]).toBe(countries[1])
    expect(session.stats.queryCount).toBe(3)
  })
})

describe('a peer whose foreign key changes while its load is under way', () => {
  it('loads its own, and an access before the change gives what it asked for', async () => {
    await blocked('authors', async (session, [one, two, three, , five], statements, letGo) => {
      const first = one?.author.load()
      await expect.poll(() => statements.length).toBe(2)
      const before = two?.author.load()
      if (two !== undefined) two.authorId = 3
      if (five !== undefined) five.authorId = 3
      const after = five?.author.load()
      await letGo()
      expect(names(await Promise.all([first, before, after]))).toEqual(['ann', 'ann', 'cid'])
      expect([two, three, five].map((book) => book?.author.isLoaded)).toEqual([false, true, true])
      expect((await two?.author)?.name).toBe('cid')
      expect(session.stats.queryCount).toBe(3)
    })
  })

  it('fails alone, if that is no value of its column', async () => {
    await blocked('authors', async (session, [one, two, three, four], statements, letGo) => {
      const wrong = { authorId: 'nobody' } as unknown as Partial<Book>
      Object.assign(two as Book, wrong)
      const first = one?.author.load()
      await expect.poll(() => statements.length).toBe(2)
      Object.assign(three as Book, wrong)
      await letGo()
      expect((await first)?.name).toBe('ann')
      expect(four?.author.isLoaded).toBe(true)
      for (const book of [two, three])
        await expect(book?.author.load()).rejects.toEqual(coded('DATA_BRIDGE_ERR_INVALID_VALUE'))
      expect(session.stats.queryCount).toBe(4)
    })
  })

  it('keeps what was set meanwhile', async () => {
    await blocked('authors', async (session, [one, two], statements, letGo) => {
      const first = one?.author.load()
      await expect.poll(() => statements.length).toBe(2)
      if (two !== undefined) two.authorId = null
      expect(await two?.author).toBeNull()
      await letGo()
      await first
      expect(await two?.author).toBeNull()
      expect(session.stats.queryCount).toBe(2)
    })
  })
})

describe('a load for peers that fails', () => {
  it('fails for those who waited, for nobody else, and can be tried again', async () => {
    await using session = database.session({ lazy: 'peers' })
    const books = await session.find(Book).toList()
    await query('alter table reviews rename to hidden')
    try {
      const results = await Promise.allSettled(books.slice(0, 3).map((book) => book.reviews.load()))
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
      await expect(books[4]?.reviews.load()).rejects.toEqual(coded('DATA_BRIDGE_ERR_STATEMENT'))
    } finally {
      await query('alter table hidden rename to reviews')
    }
    expect(books.map((book) => book.reviews.isLoaded)).toEqual(books.map(() => false))
    const before = session.stats.queryCount
    for (const book of books) await book.reviews
    expect(session.stats.queryCount).toBe(before + 1)
  })

  it('because the session was ended from outside ends no process, awaited or not', async () => {
    const rejections: unknown[] = []
    const count = (reason: unknown): void => void rejections.push(reason)
    process.on('unhandledRejection', count)
    try {
      await using other = await connect(url)
      const abort = new AbortController()
      const session = database.session({ lazy: 'peers', signal: abort.signal })
      const books = await session.find(Book).toList()
      await other.query('begin')
      await other.query('lock table authors in access exclusive mode')
      const loads = [books[0]?.author.load(), books[1]?.author.load(), books[4]?.author.load()]
      const getting = session.get(Author, 2)
      abort.abort()
      await session.close()
      await other.query('commit')
      await expect(loads[2]).rejects.toEqual(coded('DATA_BRIDGE_ERR_ABORTED'))
      await expect(getting).rejects.toEqual(coded('DATA_BRIDGE_ERR_ABORTED'))
      await new Promise(setImmediate)
      expect(rejections).toEqual([])
    } finally {
      process.off('unhandledRejection', count)
    }
  })
})

describe('the end of a session', () => {
  it('ends the peers: what was not loaded cannot be loaded', async () => {
    for (const end of ['rollback', 'close'] as const) {
      const session = database.session({ lazy: 'peers' })
      const books = await session
        .find(Book)
        .orderBy((book) => book.id.asc())
        .toList()
      await books[0]?.author
      await session[end]()
      expect((await books[4]?.author)?.name).toBe('bob')
      await expect(books[1]?.reviews.load()).rejects.toEqual(coded('DATA_BRIDGE_ERR_DETACHED'))
      await session.close()
    }
  })

  it('while a load is under way loses nothing of what was asked for', async () => {
    await using session = database.session({ lazy: 'peers' })
    const books = await session
      .find(Book)
      .orderBy((book) => book.id.asc())
      .toList()
    const loading = books[0]?.author.load()
    await session.rollback()
    expect((await loading)?.name).toBe('ann')
    await expect(books[1]?.reviews.load()).rejects.toEqual(coded('DATA_BRIDGE_ERR_DETACHED'))
  })

  it('of a savepoint leaves out the peers that it detached', async () => {
    await using session = database.session({ lazy: 'peers' })
    const books = await session
      .find(Book)
      .orderBy((book) => book.id.asc())
      .toList()
    await session.transaction(async () => {
      const undo = session.transaction(async () => {
        ;(books[1] as Book).title = 'changed'
        await session.flush()
        throw new Error('undo')
      })
      await expect(undo).rejects.toThrow('undo')
      await books[0]?.reviews
    })
    expect(books.map((book) => book.reviews.isLoaded)).toEqual([
      true,
      false,
      true,
      true,
      true,
      true,
      true,
    ])
    await expect(books[1]?.reviews.load()).rejects.toEqual(coded('DATA_BRIDGE_ERR_DETACHED'))
  })

  it.each(['close', 'rollback', 'commit and close', 'delete'] as const)(
    '%s: an entity does not keep its peers alive',
    async (end) => {
      const session = database.session({ lazy: 'peers', nPlusOne: 'detect' })
      const { stats } = session
      const kept = await oneOf(session)
      if (end === 'rollback') await session.rollback()
      if (end === 'commit and close') await session.commit()
      if (end === 'delete') {
        session.delete(kept.genre)
        await session.flush()
      }
      if (end !== 'delete') await session.close()
      else await session.rollback()
      await expect.poll(() => (collect(), kept.peer.deref() === undefined)).toBe(true)
      expect([kept.genre.name, stats.findings]).toEqual(['crime', []])
      await session.close()
    },
  )

  /** One of several genres, and a peer of it that nobody else holds. */
  async function oneOf(session: ReturnType<typeof database.session>) {
    const genres = await session
      .find(Genre)
      .options(selectinload(Genre.books))
      .orderBy((genre) => genre.id.asc())
      .toList()
    const [genre, , empty] = genres as [Genre, Genre, Genre]
    for (const each of genres) for (const book of each.books.value) await book.reviews
    await query('delete from book_genres')
    return { genre, peer: new WeakRef(empty) }
  }
})

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
