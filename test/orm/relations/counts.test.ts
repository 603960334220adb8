import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { countload, selectinload, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { forest, Tree } from './forest.ts'
import { Author, Book, BookGenre, fillLibrary, Genre, library } from './library.ts'

const created = await testDatabase(library)
const { database, query, url } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'
const DETACHED = 'DATA_BRIDGE_ERR_DETACHED'

beforeAll(async () => {
  // A link table may link two rows several times.
  await query('alter table book_genres drop constraint book_genres_pkey')
  await query(`
    create function more() returns trigger language plpgsql as $$
      begin
        insert into books (title, author_id) values ('new', 1);
        return new;
      end $$`)
  await query(`
    create trigger more after insert on genres for each row when (new.name = 'more') execute function more()`)
})

beforeEach(async () => {
  await created.truncate()
  await fillLibrary(created)
  await query('insert into book_genres values (3, 1)')
})

const named = (session: Pick<Session, 'find'>, name: string) =>
  session.find(Author).filter({ name }).one()

describe('count() and exists()', () => {
  it('ask PostgreSQL with one statement each, and load nothing', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const [ann, cid] = [await named(session, 'ann'), await named(session, 'cid')]
    const before = statements.length
    expect([await ann.books.count(), await ann.books.exists()]).toEqual([4, true])
    expect([await cid.books.count(), await cid.books.exists()]).toEqual([0, false])
    expect(ann.books.isLoaded).toBe(false)
    expect(statements.slice(before).map(({ summary }) => summary)).toEqual(
      Array.from({ length: 4 }, () => 'SELECT books'),
    )
  })

  it('count a row behind a table between once', async () => {
    await using session = database.session()
    const genres = await session
      .find(Genre)
      .orderBy((genre) => genre.id.asc())
      .toList()
    const counts = []
    for (const genre of genres) counts.push([await genre.books.count(), await genre.books.exists()])
    expect(counts).toEqual([
      [4, true],
      [3, true],
      [0, false],
    ])
  })

  it('are operations that say whose relation it is, and where that came from', async () => {
    await using recorder = recordSession(url)
    const authors = await recorder.session.find(Author).toList()
    for (const author of authors) await author.books.count()
    await authors[0]?.books.exists()
    const seen = recorder.operations.flatMap(({ operation, outcome }) => {
      if (operation.kind !== 'query' || operation.counted === undefined) return []
      const { relation, owner, provenance } = operation.counted
      expect(provenance?.list?.size).toBe(3)
      expect(authors).toContain(owner)
      return [`${operation.name} ${relation.name} ${operation.table?.name} ${outcome?.rows}`]
    })
    expect(seen.toSorted()).toEqual([
      'count books books 0',
      'count books books 2',
      'count books books 4',
      'exists books books 1',
    ])
  })

  it('send nothing where the relation is loaded', async () => {
    await using session = database.session()
    const [ann, cid] = await session
      .find(Author)
      .filter({ name: ['ann', 'cid'] })
      .orderBy((author) => author.name.asc())
      .options(selectinload(Author.books))
      .toList()
    expect([await ann?.books.count(), await ann?.books.exists()]).toEqual([4, true])
    expect([await cid?.books.count(), await cid?.books.exists()]).toEqual([0, false])
    expect(session.stats.queryCount).toBe(2)
  })

  it('do not take the part that a loader chose for the whole', async () => {
    await using session = database.session()
    const part = selectinload(Author.books).filter((book) => book.sales.gt(20))
    const ann = await session.find(Author).filter({ name: 'ann' }).options(part.limit(1)).one()
    expect([ann.books.value.length, await ann.books.exists(), await ann.books.count()]).toEqual([
      1,
      true,
      4,
    ])
    expect(session.stats.queryCount).toBe(3)
    const bob = await session
      .find(Author)
      .filter({ name: 'bob' })
      .options(part.filter({ id: 0 }))
      .one()
    expect([bob.books.value.length, await bob.books.exists()]).toEqual([0, true])
  })

  it('see what the program added, moved and deleted', async () => {
    await using session = database.session()
    const ann = await named(session, 'ann')
    session.add(new Book({ title: 'new', authorId: ann.id }))
    expect(await ann.books.count()).toBe(5)
    const [moved, gone] = await session
      .find(Book)
      .filter({ title: ['b1', 'b2'] })
      .toList()
    ;(moved as Book).authorId = 2
    expect(await ann.books.count()).toBe(4)
    await session.execute(sql`delete from book_genres where book_id = ${gone?.id ?? 0}`)
    await session.execute(sql`delete from reviews where book_id = ${gone?.id ?? 0}`)
    session.delete(gone as Book)
    expect([await ann.books.count(), await ann.books.exists()]).toEqual([3, true])
    await session.rollback()
  })

  it('refuse an entity that is new, or whose session has ended, as a load does', async () => {
    const session = database.session()
    const ann = await named(session, 'ann')
    const fresh = new Author({ name: 'new' })
    for (const ask of [() => fresh.books.count(), () => fresh.books.exists()])
      await expect(ask()).rejects.toThrow(coded(DETACHED, 'not stored yet'))
    session.add(fresh)
    await expect(fresh.books.count()).rejects.toThrow(
      coded(
        DETACHED,
        'Author.books cannot be counted: the entity is not stored yet; flush it first',
      ),
    )
    await session.rollback()
    await expect(ann.books.exists()).rejects.toThrow(
      coded(DETACHED, 'session has ended or was rolled back'),
    )
    await session.close()
    await expect(ann.books.count()).rejects.toThrow(coded(DETACHED))
  })

  it('are refused for a relation to one row', async () => {
    await using session = database.session()
    const book = await session.find(Book).filter({ title: 'b1' }).one()
    const author = book.author as unknown as {
      count(): Promise<number>
      exists(): Promise<boolean>
    }
    const message = 'expected a relation to many rows; this one leads to one row'
    await expect(author.count()).rejects.toThrow(coded(QUERY, `Book.author.count() ${message}`))
    await expect(author.exists()).rejects.toThrow(coded(QUERY, `Book.author.exists() ${message}`))
  })
})

describe('countload', () => {
  const authors = (session: Session) => session.find(Author).orderBy((author) => author.id.asc())

  it('counts for all entities with one statement: then count() and exists() send none', async () => {
    await using session = database.session()
    const found = await authors(session)
      .options(countload(Author.books), countload(Author.students))
      .toList()
    const counts = []
    for (const { books, students } of found)
      counts.push([await books.count(), await books.exists(), await students.count()])
    expect(counts).toEqual([
      [4, true, 0],
      [2, true, 2],
      [0, false, 0],
    ])
    expect(session.stats.queryCount).toBe(3)
    expect(found[0]?.books.isLoaded).toBe(false)
    expect(JSON.stringify(found[0])).not.toContain('books')
  })

  it('counts a row behind a table between once, and below other loaders', async () => {
    await using session = database.session()
    const loader = selectinload(Author.books).options(
      countload(Book.genres),
      countload(Book.reviews),
    )
    const [ann] = await authors(session).options(loader).toList()
    const counts = []
    for (const book of ann?.books.value ?? [])
      counts.push([await book.genres.count(), await book.reviews.count()])
    expect(counts).toEqual([
      [1, 0],
      [1, 1],
      [2, 2],
      [2, 3],
    ])
    expect(session.stats.queryCount).toBe(4)
  })

  it('is beside a loader of some rows the number of all', async () => {
    await using session = database.session()
    const [ann] = await authors(session)
      .options(
        selectinload(Author.books).limit(1),
        countload(Author.books),
        countload(Author.books),
      )
      .toList()
    expect([ann?.books.value.length, await ann?.books.count()]).toEqual([1, 4])
    expect(session.stats.queryCount).toBe(3)
  })

  it.each<[string, (session: Session, ann: Author) => unknown]>([
    ['a flush', (session, ann) => session.add(new Book({ title: 'new', authorId: ann.id }))],
    [
      'your own SQL',
      (session) => session.execute(sql`insert into books (title, author_id) values ('new', 1)`),
    ],
    [
      'another write, which may have changed more than its own table',
      async (session) => {
        session.add(new Genre({ name: 'more' }))
        await session.flush()
      },
    ],
    [
      'refresh()',
      async (session, ann) => {
        await query(`insert into books (title, author_id) values ('new', 1)`)
        await session.refresh(ann)
      },
    ],
  ])('is forgotten after %s', async (_, change) => {
    await using session = database.session()
    const [ann] = (await authors(session).options(countload(Author.books)).toList()) as [Author]
    await change(session, ann)
    expect(await ann.books.count()).toBe(5)
    await session.rollback()
  })

  it('is forgotten when a savepoint is rolled back, but not by reads', async () => {
    await using session = database.session()
    await session.transaction(async () => {
      const ann = await named(session, 'ann')
      const counted = session.transaction(async () => {
        session.add(new Book({ title: 'new', authorId: ann.id }))
        await session.flush()
        await session.load(ann, countload(Author.books))
        const before = session.stats.queryCount
        await session.find(Genre).toList()
        expect(await ann.books.count()).toBe(5)
        expect(session.stats.queryCount).toBe(before + 1)
        throw new Error('undone')
      })
      await expect(counted).rejects.toThrow('undone')
      expect(await ann.books.count()).toBe(4)
    })
  })

  it('does not outlive its session', async () => {
    const first = database.session()
    const [ann] = (await authors(first).options(countload(Author.books)).toList()) as [Author]
    await first.rollback()
    await first.close()
    await query(`insert into books (title, author_id) values ('new', 1)`)
    await using second = database.session()
    second.add(ann)
    expect(await ann.books.count()).toBe(5)
  })

  it('sees a row of the table between that was not flushed', async () => {
    await using session = database.session()
    session.add(new BookGenre({ bookId: 7, genreId: 2 }))
    const drama = await session
      .find(Genre)
      .filter({ name: 'drama' })
      .options(countload(Genre.books))
      .one()
    expect(await drama.books.count()).toBe(4)
    await session.rollback()
  })

  it('is refused for a relation to one row, and for a value that is not a relation', () => {
    expect(() => countload(Book.author)).toThrow(
      coded(
        QUERY,
        'countload(Book.author) expected a relation to many rows; this one leads to one row',
      ),
    )
    expect(() => countload('books' as never)).toThrow(
      coded(QUERY, 'countload() expected a relation such as User.posts'),
    )
    expect(() =>
      database
        .session()
        .find(Book)
        .options(countload(Author.books) as never),
    ).toThrow(coded(QUERY, 'expected a loader of Book, got one of Author.books'))
  })
})

describe('with a composite key', async () => {
  const other = await testDatabase(forest)

  it('counts are by all of its columns', async () => {
    await other.query(
      `insert into trees values ('a', 1, null, null, null), ('a', 2, null, 'a', 1), ('a,b', 1, null, 'a', 1)`,
    )
    await other.query(
      `insert into notes (id, area, tree_no) values (1, 'a', 1), (2, 'a,b', 1), (3, 'a', null)`,
    )
    await other.query(`insert into labels values ('x', 1)`)
    await other.query(
      `insert into links values (1, 'a', 1, 'x'), (2, 'a', 1, 'x'), (3, 'a', 2, 'x')`,
    )
    await using session = other.database.session()
    const trees = await session
      .find(Tree)
      .orderBy((tree) => [tree.area.asc(), tree.no.asc()])
      .options(countload(Tree.children), countload(Tree.notes))
      .toList()
    const counts = []
    for (const { children, notes, labels } of trees)
      counts.push([await children.count(), await notes.count(), await labels.count()])
    expect(counts).toEqual([
      [2, 1, 1],
      [0, 0, 1],
      [0, 1, 0],
    ])
    expect(session.stats.queryCount).toBe(6)
  })
})
