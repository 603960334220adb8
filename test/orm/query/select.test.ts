import { beforeAll, describe, expect, it } from 'vitest'
import {
  array,
  belongsTo,
  bigint,
  type Condition,
  count,
  enumeration,
  hasMany,
  integer,
  jsonb,
  max,
  numeric,
  type Query,
  type RefsOf,
  selectinload,
  type Selection,
  sql,
  sum,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Book, fillLibrary, library } from '../relations/library.ts'

class Sample extends table('samples', {
  id: integer().primaryKey().generated(),
  at: timestamptz(),
  big: bigint({ mode: 'bigint' }),
  digits: bigint(),
  price: numeric(),
  data: jsonb<{ a: number[] }>().nullable(),
  mood: enumeration('mood', ['ok', 'sad']),
  list: array(text()),
  parentId: integer()
    .nullable()
    .references(() => Sample),
  parent: () => belongsTo(Sample, 'parentId'),
  children: () => hasMany(Sample, 'parentId'),
}) {}

const created = await testDatabase()
const { database, query, url } = created

const values = {
  at: new Date('2024-02-29T09:30:00.123Z'),
  big: 9_007_199_254_740_993n,
  digits: '9007199254740993',
  price: '1.50',
  data: { a: [1, 2] },
  mood: 'ok' as const,
  list: ['a', 'b,c'],
}

beforeAll(async () => {
  await query(`create type mood as enum ('ok', 'sad')`)
  await database.createSchema([...library, Sample])
  await fillLibrary(created)
  await database.run(async (session) => {
    const parent = new Sample(values)
    session.add(parent)
    await session.flush()
    session.add(new Sample({ ...values, data: null, mood: 'sad', parentId: parent.id }))
  })
})

type BookRefs = RefsOf<typeof Book>

/** The rows of all books, in the order of their keys. */
async function ofBooks<R>(select: (book: BookRefs) => Selection<R>): Promise<R[]> {
  return database.run((session) =>
    session
      .find(Book)
      .orderBy((book) => book.id.asc())
      .select(select)
      .toList(),
  )
}

describe('select', () => {
  it('gives columns, and those of to-one relations as far as they lead, null where there is none', async () => {
    const rows = await ofBooks((book) => ({
      title: book.title,
      author: book.author.name,
      mentor: book.author.mentor.name,
      mentorOfMentor: book.author.mentor.mentor.name,
      bio: book.author.profile.bio,
    }))
    expect(rows).toHaveLength(7)
    const nobody = { mentorOfMentor: null, mentor: null }
    expect(rows[0]).toEqual({ ...nobody, title: 'b1', author: 'ann', mentor: 'bob', bio: 'writes' })
    expect(rows[4]).toEqual({ ...nobody, title: 'b5', author: 'bob', bio: null })
    expect(rows[6]).toEqual({ ...nobody, title: 'b7', author: null, bio: null })
  })

  it('counts rows of relations, all and those that match', async () => {
    const rows = await ofBooks((book) => ({
      reviews: book.reviews.count(),
      good: book.reviews.count((review) => review.stars.gte(3)),
      genres: book.genres.count(),
      byMentor: book.author.students.count((student) => student.name.ne('ann')),
    }))
    expect(rows[4]).toEqual({ reviews: 4, good: 2, genres: 1, byMentor: 1 })
    expect(rows[6]).toEqual({ reviews: 6, good: 4, genres: 0, byMentor: 0 })
  })

  it('gives your own SQL, and keeps the order of parameters', async () => {
    const rows = await database.run((session) =>
      session
        .find(Book)
        .filter((book) => book.author.name.eq('ann'))
        .orderBy((book) => sql`abs(${book.sales} - ${29})`)
        .select((book) => ({
          text: sql<string>`${book.title} || ${'-'} || ${book.author.name}`,
          good: book.reviews.count((review) => review.stars.gt(1)),
          isPopular: sql<boolean>`${book.sales} > ${25}`,
        }))
        .limit(2)
        .offset(1)
        .toList(),
    )
    expect(rows).toEqual([
      { text: 'b4-ann', good: 2, isPopular: false },
      { text: 'b2-ann', good: 0, isPopular: true },
    ])
  })

  it('gives values of the types that entities have, those of relations too', async () => {
    const rows = await database.run((session) =>
      session
        .find(Sample)
        .orderBy((sample) => sample.id.asc())
        .select(({ at, big, digits, price, data, mood, list, parent }) => ({
          own: at,
          big,
          digits,
          price,
          data,
          mood,
          list,
          parentAt: parent.at,
          parentBig: parent.big,
          parentList: parent.list,
          parentData: parent.data,
        }))
        .toList(),
    )
    const { at, ...others } = values
    const nothing = { parentAt: null, parentBig: null, parentList: null, parentData: null }
    expect(rows).toEqual([
      { own: at, ...others, ...nothing },
      {
        own: at,
        ...others,
        data: null,
        mood: 'sad',
        parentAt: at,
        parentBig: values.big,
        parentList: values.list,
        parentData: values.data,
      },
    ])
  })

  it('gives plain objects, which the session does not hold', async () => {
    await using session = database.session()
    const [row] = await session
      .find(Author)
      .select(({ id, name }) => ({ id, name }))
      .toList()
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
    expect(session.stats.queryCount).toBe(1)
    await session.get(Author, 1)
    expect(session.stats.queryCount).toBe(2)
    if (row !== undefined) row.name = 'changed'
    await session.commit()
    expect((await session.find(Author).filter({ id: 1 }).one()).name).toBe('ann')
  })

  it('takes many properties, and names that mean something to JavaScript', async () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`p${index}`, index]))
    const [row] = await ofBooks((book) =>
      Object.fromEntries(Object.keys(many).map((name) => [name, book.id])),
    )
    expect(Object.keys(row ?? {})).toEqual(Object.keys(many))
    const names = ['2', 'then', 'toJSON', 'constructor', 'hasOwnProperty']
    const special = await database.run((session) =>
      session
        .find(Book)
        .filter({ id: 1 })
        .select(({ id }) => Object.fromEntries(names.map((name) => [name, id])))
        .first(),
    )
    expect(Object.entries(special ?? {})).toEqual(names.map((name) => [name, 1]))
    expect(JSON.stringify(special)).toContain('"toJSON":1')
  })

  it('sees what was added, changed and deleted before, in relations too', async () => {
    await using session = database.session()
    const ann = await session.find(Author).filter({ name: 'ann' }).one()
    const rows = session
      .find(Book)
      .filter({ id: [1, 2] })
      .orderBy((book) => book.id.asc())
      .select((book) => ({ author: book.author.name, reviews: book.reviews.count() }))
    ann.name = 'Ann'
    expect(await rows.toList()).toEqual([
      { author: 'Ann', reviews: 0 },
      { author: 'Ann', reviews: 1 },
    ])
    const [second] = await session.find(Book).filter({ id: 2 }).toList()
    for (const review of (await second?.reviews) ?? []) session.delete(review)
    expect((await rows.toList())[1]).toEqual({ author: 'Ann', reviews: 0 })
    await session.rollback()
  })
})

describe('rows', () => {
  const titles = (query: Query<typeof Book>) =>
    query.orderBy((book) => book.sales.desc()).select(({ title }) => ({ title }))

  it('are a page, the first, the only one, or a number', async () => {
    await using session = database.session()
    const rows = titles(session.find(Book))
    expect(await rows.limit(2).toList()).toEqual([{ title: 'b7' }, { title: 'b6' }])
    expect(await rows.offset(5).toList()).toEqual([{ title: 'b4' }, { title: 'b1' }])
    expect(await rows.limit(0).toList()).toEqual([])
    expect(await rows.first()).toEqual({ title: 'b7' })
    expect(await rows.offset(1).first()).toEqual({ title: 'b6' })
    expect(await rows.limit(0).first()).toBeNull()
    expect([await rows.count(), await rows.offset(5).count(), await rows.limit(3).count()]).toEqual(
      [7, 2, 3],
    )
    expect(await titles(session.find(Book).filter({ id: 3 })).one()).toEqual({ title: 'b3' })
    expect(await titles(session.find(Book).filter({ id: 99 })).first()).toBeNull()
  })

  it('are not one where there are none or several', async () => {
    await using session = database.session()
    const rows = titles(session.find(Book))
    await expect(rows.one()).rejects.toThrow(coded('DATA_BRIDGE_ERR_MULTIPLE_ROWS'))
    await expect(rows.offset(99).one()).rejects.toThrow(coded('DATA_BRIDGE_ERR_NOT_FOUND'))
    expect(await rows.offset(6).one()).toEqual({ title: 'b1' })
  })

  it('are immutable: what is built on them leaves them as they are', async () => {
    await using session = database.session()
    const rows = titles(session.find(Book))
    rows.limit(1).offset(1)
    expect(await rows.toList()).toHaveLength(7)
  })

  it('are operations like those of entities, each with one statement', async () => {
    await using recorder = recordSession(url)
    const { session, operations, statements } = recorder
    const rows = titles(session.find(Book).filter((book) => book.sales.gt(10), { authorId: 1 }))
    await rows.toList()
    await rows.first()
    await rows.offset(2).one()
    await rows.limit(2).count()
    expect(session.stats.queryCount).toBe(4)
    expect(statements.map(({ summary }) => summary)).toEqual(
      Array.from({ length: 4 }, () => 'SELECT books'),
    )
    expect(
      operations.slice(1).map(({ operation, outcome }) => ({ ...operation, ...outcome })),
    ).toMatchObject([
      { name: 'find', filters: 2, limit: undefined, rows: 3 },
      { name: 'first', filters: 2, limit: 1, rows: 1 },
      { name: 'one', filters: 2, limit: 2, rows: 1 },
      { name: 'count', filters: 2, limit: 2, rows: 2 },
    ])
  })

  it('cannot be written as JSON before they are asked for', () => {
    const rows = titles(database.session().find(Book))
    expect(() => JSON.stringify({ rows })).toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'find(Book).select() was to be written as JSON'),
    )
  })
})

describe('select refuses', () => {
  it.each<[string, (book: BookRefs) => unknown, string]>([
    ['nothing', () => ({}), 'expected columns or sql templates, got none'],
    ['no object', () => undefined, 'expected an object of expressions'],
    ['a column', (book) => book.title, 'such as { id: row.id }, got one expression'],
    ['a row', (book) => book, 'got a row of Book in a callback'],
    ['an array', (book) => [book.title], 'expected an object of expressions'],
    ['a value of JavaScript', (book) => ({ id: book.id, one: 1 }), 'got the number 1'],
    [
      'a relation to many rows',
      (book) => ({ reviews: book.reviews }),
      'got the relation Book.reviews',
    ],
    [
      'a relation to one row',
      (book) => ({ author: book.author }),
      'got a row of Author in a callback',
    ],
    ['an order', (book) => ({ by: book.id.asc() }), 'expected columns'],
    ['another prototype', (book) => ({ id: book.id, __proto__: book.title }), 'expected an object'],
    ['the name __proto__', (book) => ({ ['__proto__']: book.title }), 'expected an object'],
    [
      'one among columns',
      (book) => ({ id: book.id, n: max(book.sales) }),
      'aggregates of all, got both',
    ],
  ])('%s', (_, given, message) => {
    const select = () =>
      database
        .session()
        .find(Book)
        .select(given as never)
    expect(select).toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'find(Book).select() expected'))
    expect(select).toThrow(coded('DATA_BRIDGE_ERR_QUERY', message))
  })

  it('loaders, and having without groups, which it would not heed', () => {
    const books = database.session().find(Book)
    const having = (): Condition => count().gt(1)
    const refused = (query: Query<typeof Book>, message: string) =>
      expect(() => query.select(({ id }) => ({ id }))).toThrow(
        coded('DATA_BRIDGE_ERR_QUERY', message),
      )
    const unused = (method: string) => `find(Book).${method}() cannot be used with select()`
    refused(books.options(selectinload(Book.author)), unused('options'))
    refused(books.having(having), unused('having'))
  })

  it('an order by an aggregate', async () => {
    await using session = database.session()
    const ordered = session.find(Book).orderBy((book) => sum(book.sales).desc())
    const message = (method: string) =>
      coded(
        'DATA_BRIDGE_ERR_QUERY',
        `find(Book).orderBy() expected columns for ${method}(), got an aggregate`,
      )
    await expect(ordered.select(({ id }) => ({ id })).toList()).rejects.toThrow(message('toList'))
    await expect(ordered.first()).rejects.toThrow(message('first'))
    expect(session.stats.queryCount).toBe(0)
  })
})
