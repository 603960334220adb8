import { beforeAll, describe, expect, it } from 'vitest'
import { and, type Loader, or, selectinload, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Book, BookGenre, fillLibrary, Genre, library, Review } from './library.ts'

const created = await testDatabase(library)
const { database, query, url } = created
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

beforeAll(() => fillLibrary(created))

const books = selectinload(Author.books)
const bySales = books.orderBy((book) => book.sales.desc())

type Books = Loader<'authors', Book>

/** The titles of the books that a loader gives to ann, bob and cid. */
async function titles(loader: Books, statements = 2): Promise<string[]> {
  await using session = database.session()
  const authors = session.find(Author).orderBy((author) => author.id.asc())
  const found = await authors.options(loader).toList()
  expect(session.stats.queryCount).toBe(statements)
  return found.map((author) => author.books.value.map(({ title }) => title).join(' '))
}

describe('a loader', () => {
  it('gives the rows of each owner in an order, up to a limit', async () => {
    expect(await titles(bySales)).toEqual(['b2 b3 b4 b1', 'b6 b5', ''])
    expect(await titles(bySales.limit(2))).toEqual(['b2 b3', 'b6 b5', ''])
    expect(await titles(bySales.limit(1))).toEqual(['b2', 'b6', ''])
    expect(await titles(books.limit(3))).toEqual(['b1 b2 b3', 'b5 b6', ''])
  })

  it('gives the rows that match, of those the first', async () => {
    const popular = bySales.filter((book) => book.sales.gte(20), {
      title: ['b2', 'b3', 'b4', 'b5'],
    })
    expect(await titles(popular)).toEqual(['b2 b3 b4', 'b5', ''])
    expect(await titles(popular.limit(2))).toEqual(['b2 b3', 'b5', ''])
    expect(await titles(popular.filter({ sales: 30 }).limit(2))).toEqual(['b3', '', ''])
    const either = books.filter((book) => or(book.title.eq('b1'), book.title.eq('b6')))
    expect(await titles(either)).toEqual(['b1', 'b6', ''])
    expect(await titles(either.limit(5))).toEqual(['b1', 'b6', ''])
  })

  it('gives nothing with the limit 0, without a statement', async () => {
    expect(await titles(bySales.limit(0), 1)).toEqual(['', '', ''])
  })

  it('asks relations in its filter and its order', async () => {
    const reviewed = books.filter((book) => book.reviews.any((review) => review.stars.gte(3)))
    expect(await titles(reviewed)).toEqual(['b4', 'b5 b6', ''])
    expect(await titles(reviewed.limit(1))).toEqual(['b4', 'b5', ''])
    const byMentor = books
      .filter((book) => and(book.author.mentor.name.eq('bob'), book.genres.count().gt(1)))
      .orderBy((book) => [book.author.name.desc(), book.reviews.count().desc()])
    expect(await titles(byMentor)).toEqual(['b4 b3', '', ''])
    expect(await titles(byMentor.limit(1))).toEqual(['b4', '', ''])
  })

  it('takes your own SQL, which may name columns without their tables', async () => {
    const own = books
      .filter(() => sql`sales > ${15} or title = ${'b1'}`)
      .orderBy(() => sql`abs(sales - ${25}) desc, title`)
    expect(await titles(own)).toEqual(['b1 b2 b3 b4', 'b6 b5', ''])
    expect(await titles(own.filter({ sales: [20, 30, 60] }).limit(1))).toEqual(['b3', 'b6', ''])
  })

  it('is immutable: what is built on it leaves it as it is', async () => {
    bySales.limit(1).filter({ sales: 1 })
    expect(await titles(bySales)).toEqual(['b2 b3 b4 b1', 'b6 b5', ''])
  })

  it('costs one statement for each level, and loads nested ones for what it gave only', async () => {
    await using session = database.session()
    const stars = selectinload(Book.reviews)
      .orderBy((review) => review.stars.desc())
      .limit(2)
    const nested = bySales.limit(1).options(stars, selectinload(Book.genres))
    const authors = await session.find(Author).options(nested).toList()
    expect(session.stats.queryCount).toBe(4)
    const first = (name: string) => authors.find((each) => each.name === name)?.books.value[0]
    expect(first('ann')?.reviews.value.map((review) => review.stars)).toEqual([1])
    expect(first('bob')?.reviews.value.map((review) => review.stars)).toEqual([5, 4])
    expect(first('ann')?.genres.value.map(({ name }) => name)).toEqual(['crime'])
    expect(first('bob')?.genres.value).toEqual([])
    const others = await session.find(Book).filter({ title: 'b3' }).one()
    expect(others.reviews.isLoaded).toBe(false)
  })

  it('costs one statement for a thousand owners', async () => {
    await using session = database.session()
    session.add(Array.from({ length: 1000 }, (_, index) => new Author({ name: `n${index}` })))
    await session.flush()
    const before = session.stats.queryCount
    const authors = await session.find(Author).options(bySales.limit(2)).toList()
    expect([authors.length, session.stats.queryCount - before]).toEqual([1003, 2])
    await session.rollback()
  })

  it('of a relation through a table between filters, orders and limits the rows behind it', async () => {
    await using session = database.session()
    const loader = selectinload(Genre.books)
      .filter((book) => book.sales.gt(10))
      .orderBy((book) => [book.author.name.desc(), book.sales.desc()])
    const names = async (given: typeof loader) => {
      const genres = session.find(Genre).orderBy((genre) => genre.id.asc())
      const found = await genres.options(given).toList()
      return found.map((genre) => genre.books.value.map(({ title }) => title).join(' '))
    }
    expect(await names(loader)).toEqual(['b2 b3 b4', 'b5 b3 b4', ''])
    expect(await names(loader.limit(2))).toEqual(['b2 b3', 'b5 b3', ''])
    expect(session.stats.queryCount).toBe(4)
  })

  it('sees a row of the table between that was not flushed', async () => {
    await using session = database.session()
    session.add(new BookGenre({ bookId: 7, genreId: 2 }))
    const drama = session.find(Genre).filter({ name: 'drama' })
    const loader = selectinload(Genre.books).filter((book) => book.sales.gte(50))
    const found = await drama.options(loader).one()
    expect(found.books.value.map(({ title }) => title)).toEqual(['b5', 'b7'])
    await session.rollback()
  })

  it.each<[string, typeof books]>([
    ['a condition', books.filter((book) => book.reviews.any((review) => review.stars.eq(9)))],
    [
      'SQL',
      books.filter((book) => sql`${book.id} in (select book_id from reviews where stars = 9)`),
    ],
    ['an order', books.orderBy((book) => book.reviews.count((r) => r.stars.eq(9)).desc()).limit(1)],
  ])('sees a changed row that only %s of a loader reads, nested too', async (_, loader) => {
    await using session = database.session()
    const review = await session.find(Review).filter({ bookId: 2 }).one()
    review.stars = 9
    const ann = session.find(Author).filter({ name: 'ann' })
    expect((await ann.options(loader).one()).books.value.map(({ title }) => title)).toEqual(['b2'])
    review.stars = 8
    const bob = session.find(Author).filter({ name: 'bob' })
    const nested = selectinload(Author.students).options(loader)
    const [student] = (await bob.options(nested).one()).students.value
    expect(student?.books.value[0]?.title).not.toBe('b2')
    await session.rollback()
  })
})

describe('a loader of a relation to one row', () => {
  it('gives null where that does not match, whether the session holds it or not', async () => {
    await using session = database.session()
    const loader = selectinload(Book.author).filter({ name: 'ann' })
    for (const isHeld of [false, true]) {
      if (isHeld) await session.find(Author).toList()
      const found = await session
        .find(Book)
        .orderBy((book) => book.id.asc())
        .options(loader)
        .toList()
      expect(found.map((book) => book.author.value?.name)).toEqual([
        ...Array.from({ length: 4 }, () => 'ann'),
        ...Array.from({ length: 3 }, () => undefined),
      ])
    }
  })

  it('has no order and no limit', () => {
    const loader = selectinload(Book.author)
    const message = 'expected a relation to many rows; this one leads to one row'
    expect(() => loader.orderBy((author) => author.name.asc())).toThrow(
      coded(QUERY, `selectinload(Book.author).orderBy() ${message}`),
    )
    expect(() => selectinload(Author.profile).limit(1)).toThrow(
      coded(QUERY, `selectinload(Author.profile).limit() ${message}`),
    )
  })
})

describe('two loaders of one relation', () => {
  const chosen = () =>
    books
      .filter((book) => book.sales.gt(10))
      .orderBy((book) => book.sales.asc())
      .limit(2)

  it('are one where they say the same, with what is nested in both', async () => {
    await using session = database.session()
    const authors = await session
      .find(Author)
      .options(chosen().options(selectinload(Book.reviews)))
      .options(chosen().options(selectinload(Book.genres), selectinload(Book.reviews)))
      .toList()
    expect(session.stats.queryCount).toBe(4)
    const [book] = authors.find(({ name }) => name === 'ann')?.books.value ?? []
    expect([book?.title, book?.reviews.isLoaded, book?.genres.isLoaded]).toEqual(['b4', true, true])
  })

  it.each([
    ['another filter', chosen().filter({ title: 'b1' })],
    [
      'another value',
      books
        .filter((book) => book.sales.gt(11))
        .orderBy((b) => b.sales.asc())
        .limit(2),
    ],
    ['another order', chosen().orderBy((book) => book.sales.desc())],
    ['another limit', chosen().limit(3)],
    ['none of it', books],
  ])('are refused where they choose other rows: %s', (_, other) => {
    const message = 'expected one loader of Author.books; got two that choose other rows of it'
    const session = database.session()
    expect(() => session.find(Author).options(chosen(), other)).toThrow(
      coded(QUERY, `find(Author).options() ${message}`),
    )
    const students = selectinload(Author.students)
    expect(() => students.options(chosen()).options(other)).toThrow(
      coded(QUERY, `selectinload(Author.students).options() ${message}`),
    )
    expect(() =>
      session.find(Author).options(students.options(chosen()), students.options(other)),
    ).toThrow(coded(QUERY, `find(Author).options() ${message}`))
  })
})

describe('refuses', () => {
  it.each([-1, 1.5, '2', null, undefined])('the limit %j', (limit) => {
    expect(() => books.limit(limit as never)).toThrow(
      coded(QUERY, 'selectinload(Author.books).limit() expected an integer from 0'),
    )
  })

  it('a filter or an order of the wrong kind', () => {
    expect(() => books.filter({ nope: 1 } as never)).toThrow(
      coded('DATA_BRIDGE_ERR_FILTER', 'selectinload(Author.books).filter({ nope })'),
    )
    expect(() => books.orderBy(() => [] as never)).toThrow(
      coded(QUERY, 'selectinload(Author.books).orderBy() expected orders'),
    )
  })
})

it('reads no more rows of an index than the limit of each owner asks for', async () => {
  await query(
    `insert into books (title, sales, author_id) select 'many', n, 3 from generate_series(1, 5000) n`,
  )
  await query('create index on books (author_id, sales)')
  await query('analyze books')
  await using recorder = recordSession(url)
  await recorder.session.find(Author).options(bySales.limit(3)).toList()
  const text = recorder.statements.at(-1)?.text ?? ''
  const literal = text.replace('$1', `'{1,2,3}'`).replace('$2', '3')
  const [row] = await query<{ 'QUERY PLAN': unknown }>(`explain (analyze, format json) ${literal}`)
  const plan = JSON.stringify(row)
  const scanned = [...plan.matchAll(/"Relation Name":"books"[^{}]*?"Actual Rows":([\d.]+)/g)]
  expect(scanned.length).toBeGreaterThan(0)
  for (const [, rows] of scanned) expect(Number(rows)).toBeLessThanOrEqual(3)
  await query(`delete from books where title = 'many'`)
})
