import { beforeAll, describe, expect, it } from 'vitest'
import {
  array,
  belongsTo,
  bytea,
  char,
  count,
  custom,
  enumeration,
  hasMany,
  inet,
  integer,
  jsonb,
  numeric,
  type Refs,
  sql,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, library } from '../relations/library.ts'

class Sheet extends table('sheets', {
  id: integer().primaryKey(),
  cells: () => hasMany(Cell, 'sheetId'),
}) {}

class Cell extends table('cells', {
  id: integer().primaryKey(),
  sheetId: integer().references(() => Sheet),
  sheet: () => belongsTo(Sheet, 'sheetId'),
  text: text().nullable(),
  at: timestamptz({ precision: 6 }),
  price: numeric(),
  mood: enumeration('mood', ['ok', 'sad']).nullable(),
  data: jsonb<{ a: string }>().nullable(),
  padded: char(3),
  tags: array(text().nullable()),
  bytes: bytea(),
  address: inet(),
  place: custom({ sql: 'point', decode: (value) => value, encode: (value: string) => value }),
}) {}

const created = await testDatabase([...library, Sheet, Cell])
const { database, query, url } = created

beforeAll(async () => {
  await fillLibrary(created)
  await query('insert into sheets values (1), (2)')
  await query(
    `insert into cells values
    (2, 1, null, '2024-02-29 12:00:00.123456+00', 'NaN', null, null, 'xyz', '{}', '', '10.0.0.0/8', '(0,0)'),
    (1, 1, $1, '1969-12-31 23:59:59.9995+00', 1.50, 'sad', '{"a": "\\"{}"}', 'x', '{a,NULL,"b,c"}', '\\x00ff', '::1', '(1,2)')`,
    [`NULL "{},'\\`],
  )
})

describe('a list of related rows', () => {
  it('has a value of each row, in the order of the key, or of none', async () => {
    await using session = database.session()
    const rows = await session
      .find(Sheet)
      .orderBy((sheet) => sheet.id.asc())
      .select((sheet) => ({
        ids: sheet.cells.list((cell) => cell.id),
        texts: sheet.cells.list((cell) => cell.text),
        moments: sheet.cells.list((cell) => cell.at),
        prices: sheet.cells.list((cell) => cell.price),
        moods: sheet.cells.list((cell) => cell.mood),
        data: sheet.cells.list((cell) => cell.data),
        padded: sheet.cells.list((cell) => cell.padded),
        tags: sheet.cells.list((cell) => cell.tags),
        bytes: sheet.cells.list((cell) => cell.bytes),
        addresses: sheet.cells.list((cell) => cell.address),
        places: sheet.cells.list((cell) => cell.place),
        sad: sheet.cells.list((cell) => cell.mood.eq('sad')),
        keys: sheet.cells.list((cell) => cell.data.textAt('a')),
        own: sheet.cells.list((cell) => sql<number>`${cell.id} + ${10}::int`),
        lists: sheet.cells.list((cell) => sql<string[]>`array[${cell.id}::text, 'b']`),
      }))
      .toList()
    expect(rows[0]).toEqual({
      ids: [1, 2],
      texts: [`NULL "{},'\\`, null],
      moments: [new Date('1969-12-31T23:59:59.999Z'), new Date('2024-02-29T12:00:00.123Z')],
      prices: ['1.50', 'NaN'],
      moods: ['sad', null],
      data: [{ a: '"{}' }, null],
      padded: ['x  ', 'xyz'],
      tags: [['a', null, 'b,c'], []],
      bytes: [Buffer.from([0, 255]), Buffer.alloc(0)],
      addresses: ['::1', '10.0.0.0/8'],
      places: ['(1,2)', '(0,0)'],
      sad: [true, false],
      keys: ['"{}', null],
      own: [11, 12],
      lists: [
        ['1', 'b'],
        ['2', 'b'],
      ],
    })
    const lists = Object.values(rows[1] ?? {})
    expect(lists).toEqual(lists.map(() => []))
    expect(lists).toHaveLength(15)
  })

  it('takes a filter and an order', async () => {
    await using session = database.session()
    const [row] = await session
      .find(Author)
      .filter({ name: 'ann' })
      .select((author) => ({
        best: author.books.list((book) => book.title, {
          filter: (book) => book.sales.gt(10),
          orderBy: (book) => [book.sales.gt(35).desc(), book.title.desc()],
        }),
      }))
      .toList()
    expect(row).toEqual({ best: ['b2', 'b4', 'b3'] })
  })

  it('reads through link tables, to-one relations and lists in lists', async () => {
    await using session = database.session()
    const books = await session
      .find(Book)
      .filter((book) => book.id.gt(2))
      .orderBy((book) => book.id.asc())
      .select((book) => ({
        genres: book.genres.list((genre) => genre.name, { orderBy: (genre) => genre.name.desc() }),
        mentors: book.reviews.list((review) => review.book.author.mentor.name),
      }))
      .limit(3)
      .toList()
    expect(books).toEqual([
      { genres: ['drama', 'crime'], mentors: ['bob', 'bob'] },
      { genres: ['drama', 'crime'], mentors: ['bob', 'bob', 'bob'] },
      { genres: ['drama'], mentors: [null, null, null, null] },
    ])
    const authors = await session
      .find(Author)
      .orderBy((author) => author.id.asc())
      .select((author) => ({
        stars: author.books.list((book) => book.reviews.list((review) => review.stars)),
        same: author.books.list((book) => book.author.name, {
          filter: (book) => book.authorId.eq(author.id),
        }),
      }))
      .toList()
    expect(authors).toEqual([
      { stars: [[], [1], [1, 2], [1, 2, 3]], same: ['ann', 'ann', 'ann', 'ann'] },
      {
        stars: [
          [1, 2, 3, 4],
          [1, 2, 3, 4, 5],
        ],
        same: ['bob', 'bob'],
      },
      { stars: [], same: [] },
    ])
    expect(session.stats.queryCount).toBe(2)
  })

  it('sees what the session has changed in the tables that it reads', async () => {
    await using session = database.session()
    session.add(new Book({ title: 'b8', authorId: 3 }))
    const row = await session
      .find(Author)
      .filter({ id: 3 })
      .select((author) => ({ titles: author.books.list((book) => book.title) }))
      .one()
    expect(row).toEqual({ titles: ['b8'] })
    await session.rollback()
  })

  it('has one text for all parameters, and another for each order', async () => {
    await using wire = recordWire(url)
    await using session = wire.database.session()
    const find = (
      least: number,
      orderBy?: (book: Refs<Book>) => ReturnType<Refs<Book>['id']['asc']>,
    ) =>
      session
        .find(Author)
        .select((author) => ({
          ids: author.books.list((book) => book.id, {
            filter: (book) => book.id.gt(least),
            orderBy,
          }),
        }))
        .toList()
    for (const least of [1, 2, 3]) await find(least)
    await find(1, (book) => book.id.desc())
    await find(1, (book) => book.id.asc())
    expect(new Set(wire.queries.map(({ text: statement }) => statement)).size).toBe(3)
  })

  it.each<[string, (author: Refs<Author>) => unknown, string]>([
    ['no callback', ({ books }) => books.list(1 as never), 'such as (row) =>'],
    ['no value', ({ books }) => books.list(() => 1 as never), 'expected a value of each row'],
    ['an order', ({ books }) => books.list((book) => book.id.asc() as never), 'value of each row'],
    ['an aggregate', ({ books }) => books.list(() => count()), 'got an aggregate'],
    [
      'no condition',
      ({ books }) => books.list((b) => b.id, { filter: (b) => b.id as never }),
      'expected conditions',
    ],
    [
      'no order',
      ({ books }) => books.list((b) => b.id, { orderBy: (b) => b.id as never }),
      'without asc()',
    ],
    [
      'an unknown option',
      ({ books }) => books.list((b) => b.id, { where: 1 } as never),
      'has no option where',
    ],
    ['no options', ({ books }) => books.list((b) => b.id, 1 as never), 'expected options'],
  ])('refuses %s', (_, of, message) => {
    const select = (): unknown =>
      database
        .session()
        .find(Author)
        .select((author) => ({ list: of(author) as never }))
    expect(select).toThrow(expect.objectContaining({ statusCode: 500 }))
    expect(select).toThrow(expect.objectContaining({ details: expect.stringContaining(message) }))
  })

  it('is named where a relation is asked for what it does not have', () => {
    const filter = (): unknown =>
      database
        .session()
        .find(Author)
        .filter(({ books }) => (books as never as Refs<Author>).name.eq('a'))
    expect(filter).toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'none, every, count and list'))
  })
})
