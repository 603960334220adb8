import { beforeAll, describe, expect, it } from 'vitest'
import { selectinload, type Session } from '../../../orm/index.ts'
import type { RelationshipOperation } from '../../../orm/observe/operation.ts'
import { testDatabase } from '../../support/database.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, Genre, library } from './library.ts'

const created = await testDatabase(library)
const { database, url } = created

beforeAll(() => fillLibrary(created))

describe('an observer', () => {
  /** What was loaded with a query: the relation, its depth, how many owners and how many rows. */
  async function loads(work: (session: Pick<Session, 'find'>) => Promise<unknown>) {
    await using recorder = recordSession(url)
    await work(recorder.session)
    const { operations, statements } = recorder
    const find = operations.find(({ operation }) => operation.kind === 'query')?.operation
    const found = operations.flatMap(({ operation, outcome }) => {
      if (operation.kind !== 'relationship') return []
      const { relation, strategy, depth, owners, parent }: RelationshipOperation = operation
      expect([strategy, parent]).toEqual(['selectinload', find])
      expect(statements.filter((each) => each.operation === operation)).toHaveLength(1)
      return [`${relation.name} ${depth} ${owners.length} ${outcome?.rows}`]
    })
    expect(statements).toHaveLength(found.length + 1)
    return found
  }

  it('sees one operation with one statement for each loader, below the query', async () => {
    const reviews = selectinload(Book.reviews).filter({ stars: 1 })
    const books = selectinload(Genre.books)
      .orderBy((book) => book.sales.desc())
      .limit(2)
      .options(reviews, selectinload(Book.author))
    expect(await loads((session) => session.find(Genre).options(books).toList())).toEqual([
      'books 0 3 4',
      'reviews 1 3 3',
      'author 1 3 2',
    ])
  })

  it('sees no operation where no statement is needed', async () => {
    const none = selectinload(Author.books).limit(0).options(selectinload(Book.reviews))
    expect(await loads((session) => session.find(Author).options(none).toList())).toEqual([])
    const orphans = (session: Pick<Session, 'find'>) =>
      session.find(Book).filter({ authorId: null }).options(selectinload(Book.author)).toList()
    expect(await loads(orphans)).toEqual([])
  })
})

describe('what is loaded one by one', () => {
  async function findings(work: (session: Session) => Promise<unknown>) {
    await using session = database.session({ nPlusOne: 'detect' })
    await work(session)
    return session.stats.findings
  }

  it('for rows that a loader gave through a table between is found, with the loaders that lead there', async () => {
    const loader = selectinload(Genre.books)
      .orderBy((book) => book.sales.desc())
      .limit(2)
    const found = await findings(async (session) => {
      const genres = await session.find(Genre).options(loader).toList()
      for (const genre of genres) for (const book of genre.books.value) await book.reviews
    })
    expect(found).toMatchObject([
      {
        target: 'Book.reviews',
        count: 3,
        parent: { target: 'Genre', rows: 3 },
        fix: 'find(Genre).options(selectinload(Genre.books).options(selectinload(Book.reviews)))',
      },
    ])
  })

  it('through a table between is found', async () => {
    const found = await findings(async (session) => {
      for (const book of await session.find(Book).toList()) await book.genres
    })
    expect(found).toMatchObject([
      { target: 'Book.genres', count: 7, fix: 'find(Book).options(selectinload(Book.genres))' },
    ])
  })

  it('is nothing where a loader with a filter has loaded it', async () => {
    const found = await findings(async (session) => {
      const loader = selectinload(Book.genres).filter({ name: 'crime' })
      for (const book of await session.find(Book).options(loader).toList()) await book.genres
    })
    expect(found).toEqual([])
  })
})
