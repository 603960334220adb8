import { beforeAll, describe, expect, it } from 'vitest'
import {
  countload,
  joinedload,
  raiseload,
  selectinload,
  type Session,
  sql,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, Genre, library } from '../relations/library.ts'

const created = await testDatabase(library)
const { database, query, url } = created
const DETACHED = 'DATA_BRIDGE_ERR_DETACHED'
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

async function authorsOf(session: Session): Promise<Author[]> {
  return session
    .find(Author)
    .orderBy((author) => author.id.asc())
    .toList()
}

describe('session.load()', () => {
  it('loads relations of entities in hand, nested ones too, with a statement for each loader', async () => {
    await using session = database.session()
    const authors = await authorsOf(session)
    const books = selectinload(Author.books).options(selectinload(Book.reviews))
    expect(await session.load(authors, books, countload(Author.students))).toBeUndefined()
    expect(session.stats.queryCount).toBe(4)
    const stars = authors.map(({ books: list }) => list.value.map((b) => b.reviews.value.length))
    expect(stars).toEqual([[0, 1, 2, 3], [4, 5], []])
    expect(await authors[1]?.students.count()).toBe(2)
    expect(session.stats.queryCount).toBe(4)
  })

  it('takes one entity, or one several times, or none', async () => {
    await using session = database.session()
    const [ann, bob] = (await authorsOf(session)) as [Author, Author]
    await session.load(ann, selectinload(Author.books))
    expect(ann.books.value).toHaveLength(4)
    await session.load([bob, bob], selectinload(Author.books))
    expect(bob.books.value).toHaveLength(2)
    expect(session.stats.queryCount).toBe(3)
    await session.load([], selectinload(Author.books))
    await session.load(Object.freeze([ann]))
    expect(session.stats.queryCount).toBe(3)
  })

  it('loads what joinedload names as selectinload does', async () => {
    await using session = database.session()
    const authors = await authorsOf(session)
    await session.load(authors, joinedload(Author.books).options(joinedload(Book.reviews)))
    expect(session.stats.queryCount).toBe(3)
    expect(authors[1]?.books.value.map(({ reviews }) => reviews.value.length)).toEqual([4, 5])
  })

  it('leaves what is loaded as it is, and loads below it', async () => {
    await using session = database.session()
    const [ann, bob] = (await authorsOf(session)) as [Author, Author]
    const before = await ann.books
    await query(`insert into books (id, title, author_id) values (80, 'late', 1), (81, 'late', 2)`)
    await session.load([ann, bob], selectinload(Author.books).options(selectinload(Book.reviews)))
    expect(ann.books.value).toBe(before)
    expect([ann.books.value.length, bob.books.value.length]).toEqual([4, 3])
    expect(before.every(({ reviews }) => reviews.isLoaded)).toBe(true)
    const statements = session.stats.queryCount
    await session.load([ann, bob], selectinload(Author.books))
    expect(session.stats.queryCount).toBe(statements)
    await query('delete from books where id in (80, 81)')
  })

  it('loads again where the loader chooses rows, or where one did before', async () => {
    await using session = database.session()
    const [ann] = (await authorsOf(session)) as [Author]
    const titles = () => ann.books.value.map(({ title }) => title)
    await session.load(ann, selectinload(Author.books))
    await session.load(ann, selectinload(Author.books).filter({ title: ['b2', 'b3'] }))
    expect(titles()).toEqual(['b2', 'b3'])
    await session.load(ann, selectinload(Author.books))
    expect(titles()).toEqual(['b1', 'b2', 'b3', 'b4'])
    await session.load(
      ann,
      selectinload(Author.books).orderBy((book) => book.id.desc()),
    )
    expect(titles()).toEqual(['b4', 'b3', 'b2', 'b1'])
    await session.load(ann, selectinload(Author.books).limit(1))
    expect(titles()).toEqual(['b1'])
  })

  it('shows what it loaded in the JSON, as an await does', async () => {
    await using session = database.session()
    const books = await session
      .find(Book)
      .filter({ id: [1, 5] })
      .orderBy((book) => book.id.asc())
      .toList()
    const other = await session.find(Author).filter({ name: 'cid' }).one()
    await session.load(
      books[0] as Book,
      selectinload(Book.author).options(selectinload(Author.students)),
    )
    await session.load(other, selectinload(Author.books))
    const [first, second] = JSON.parse(JSON.stringify(books)) as Record<string, unknown>[]
    expect(first?.['author']).toMatchObject({ name: 'ann', students: [] })
    expect(second).not.toHaveProperty('author')
    expect(JSON.parse(JSON.stringify(other))).toMatchObject({ name: 'cid', books: [] })
  })

  it('sees changes that are not flushed', async () => {
    await using session = database.session()
    const [ann] = (await authorsOf(session)) as [Author]
    session.add(new Book({ title: 'new', authorId: ann.id }))
    const [book] = await session.find(Book).filter({ title: 'b1' }).toList()
    ;(book as Book).authorId = 2
    await session.load(ann, selectinload(Author.books))
    expect(ann.books.value.map(({ title }) => title)).toEqual(['b2', 'b3', 'b4', 'new'])
    await session.rollback()
  })

  it('is no N+1 pattern, and makes none', async () => {
    await using session = database.session({ nPlusOne: 'detect' })
    const authors = await authorsOf(session)
    await session.load(authors, selectinload(Author.books))
    for (const author of authors) await author.books
    expect(session.stats.findings).toEqual([])
  })

  it('is an operation for each loader, with no other around it', async () => {
    await using recorder = recordSession(url)
    const [ann] = await recorder.session.find(Author).toList()
    await recorder.session.load(
      ann as Author,
      selectinload(Author.books),
      selectinload(Author.students),
    )
    const seen = recorder.operations.flatMap(({ operation }) =>
      operation.kind === 'relationship' ? [[operation.relation.name, operation.parent]] : [],
    )
    expect(seen).toEqual([
      ['books', undefined],
      ['students', undefined],
    ])
  })

  it('works in a read-only session', async () => {
    await using session = database.session({ readOnly: true })
    const authors = await authorsOf(session)
    await session.load(authors, selectinload(Author.books), countload(Author.books))
    expect(authors.map(({ books }) => books.value.length)).toEqual([4, 2, 0])
  })
})

describe('session.load() refuses', () => {
  const books = selectinload(Author.books)

  it('entities that are new, deleted, detached or of another session', async () => {
    const session = database.session()
    const [ann, bob, cid] = (await authorsOf(session)) as [Author, Author, Author]
    const fresh = new Author({ name: 'new' })
    await expect(session.load(fresh, books)).rejects.toThrow(
      coded(
        DETACHED,
        'load() expected a Author that is stored in this session, got one that is new',
      ),
    )
    session.add(fresh)
    await expect(session.load([ann, fresh], books)).rejects.toThrow(
      coded(DETACHED, 'that is added'),
    )
    session.delete(cid)
    await expect(session.load(cid, books)).rejects.toThrow(coded(DETACHED, 'that is deleted'))
    await using other = database.session()
    await expect(other.load(bob, books)).rejects.toThrow(coded(DETACHED, 'of another session'))
    await session.rollback()
    await expect(session.load(ann, books)).rejects.toThrow(coded(DETACHED, 'that is detached'))
    await session.close()
    await expect(session.load(ann, books)).rejects.toThrow(coded('DATA_BRIDGE_ERR_SESSION_CLOSED'))
  })

  it('entities of two classes, and what is no entity', async () => {
    await using session = database.session()
    const [ann] = await authorsOf(session)
    const genre = await session.find(Genre).first()
    await expect(session.load([ann, genre] as never, books)).rejects.toThrow(
      coded(QUERY, 'load() expected entities of one class, got a Author and a Genre'),
    )
    for (const given of [null, undefined, 'ann', {}, [ann, null]])
      await expect(session.load(given as never, books)).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_ENTITY'),
      )
  })

  it('loaders of another entity, and what is no loader, before it sends anything', async () => {
    await using session = database.session()
    const [ann] = (await authorsOf(session)) as [Author]
    await expect(session.load(ann, selectinload(Book.author) as never)).rejects.toThrow(
      coded(QUERY, 'load() expected a loader of Author, got one of Book.author'),
    )
    await expect(session.load(ann, Author.books as never)).rejects.toThrow(
      coded(QUERY, 'load() expected loaders such as selectinload(…)'),
    )
    await expect(session.load(ann, books, raiseload(Author.books))).rejects.toThrow(
      coded(QUERY, 'got raiseload(Author.books), which loads nothing'),
    )
    await expect(session.load(ann, books, books.limit(1))).rejects.toThrow(
      coded(QUERY, 'load() expected one loader of Author.books'),
    )
    expect(session.stats.queryCount).toBe(1)
  })
})

it('a list of twenty thousand owners is loaded with one statement', async () => {
  await using session = database.session()
  await session.execute(
    sql`insert into authors (name) select 'many' from generate_series(1, 20000)`,
  )
  const authors = await session.find(Author).filter({ name: 'many' }).toList()
  const before = session.stats.queryCount
  await session.load(authors, selectinload(Author.books), countload(Author.students))
  expect([authors.length, session.stats.queryCount - before]).toEqual([20_000, 2])
  await session.rollback()
})
