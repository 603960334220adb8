import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  belongsTo,
  count,
  hasMany,
  integer,
  sql,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { parametersOf } from '../../../orm/sql/bind-sink.ts'
import { rawStatement } from '../../../orm/sql/raw-statement.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

class Author extends table('authors', {
  id: integer().primaryKey(),
  fullName: text(),
  books: () => hasMany(Book, 'authorId'),
}) {}

class Book extends table(
  'odd "books"',
  {
    id: integer().primaryKey(),
    title: text(),
    at: timestamptz({ precision: 6 }).nullable(),
    authorId: integer(),
    author: () => belongsTo(Author, 'authorId'),
  },
  { schema: 'the shelf' },
) {}

const { database, query, url } = await testDatabase([Author])

beforeAll(async () => {
  await query(`create schema "the shelf"`)
  await query(
    `create table "the shelf"."odd ""books""" (id int primary key, title text, at timestamptz, author_id int)`,
  )
  await query(`insert into authors values (1, 'ann'), (2, 'bob')`)
  await query(
    `insert into "the shelf"."odd ""books""" values (1, 'one', now(), 1), (2, 'two', null, 1), (3, 'three', null, 2)`,
  )
})

const execute = (fragment: ReturnType<typeof sql>) =>
  database.run((session) => session.execute(fragment))

describe('a template names', () => {
  it('a table, with its schema, and its columns', async () => {
    const { title, id } = Book.columns
    expect(
      await execute(sql`select ${title} from ${Book} where ${id} = any(${[1, 3]}) order by ${id}`),
    ).toEqual([{ title: 'one' }, { title: 'three' }])
    expect(rawStatement(sql`select ${Author.columns.fullName} from ${Author}`).text).toBe(
      'select "full_name" from "authors"',
    )
  })

  it('no column that there is not', () => {
    expect(() => sql`${(Author.columns as never)['nope']}`).toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'Author.columns has no nope'),
    )
  })

  it('columns and conditions of the callbacks around it', async () => {
    await using session = database.session()
    const found = await session
      .find(Author)
      .filter((author) =>
        author.books.any(
          (book) => sql`(${book.title.eq('two')} or ${book.at} > ${'2999-01-01'}) and
          ${author.fullName} = ${'ann'} and ${author.books.count(() => sql`true or false`)} = ${2}`,
        ),
      )
      .toList()
    expect(found.map(({ id }) => id)).toEqual([1])
    expect(
      await session
        .find(Book)
        .orderBy((book) => sql`${book.author.fullName} desc, ${book.id}`)
        .select((book) => ({ name: sql<string>`upper(${book.author.fullName}) || ${'!'}` }))
        .toList(),
    ).toEqual([{ name: 'BOB!' }, { name: 'ANN!' }, { name: 'ANN!' }])
  })

  it('a place for NULLs, the last that was said', async () => {
    await using session = database.session()
    const ids = async (place: 'nullsFirst' | 'nullsLast', other: 'nullsFirst' | 'nullsLast') =>
      (
        await session
          .find(Book)
          .orderBy((book) => [sql`${book.at} desc`[other]()[place](), book.id.asc()])
          .toList()
      ).map(({ id }) => id)
    expect(await ids('nullsFirst', 'nullsLast')).toEqual([2, 3, 1])
    expect(await ids('nullsLast', 'nullsFirst')).toEqual([1, 2, 3])
  })
})

describe('where it is asked for groups, an OR of its own stays together', () => {
  it('in having, alone and beside another', async () => {
    await using session = database.session()
    const groups = session.find(Book).groupBy((book) => book.authorId)
    const raw = groups.having(() => sql`count(*) = ${1} or count(*) = ${2}`)
    expect(await raw.aggregate(() => ({ n: count() }))).toHaveLength(2)
    for (const both of [
      raw.having(() => count().eq(2)),
      groups.having(() => count().eq(2)).having(() => sql`count(*) = ${1} or count(*) = ${2}`),
    ])
      expect(await both.aggregate(() => ({ n: count() }))).toEqual([{ n: 2 }])
  })

  it('in every, none and any', async () => {
    await using session = database.session()
    const idsOf = async (method: 'every' | 'none' | 'any') =>
      (
        await session
          .find(Author)
          .filter((author) => author.books[method]((book) => sql`${book.id} = 1 or ${book.id} = 2`))
          .toList()
      ).map(({ id }) => id)
    expect([await idsOf('every'), await idsOf('none'), await idsOf('any')]).toEqual([[1], [2], [1]])
  })
})

const refusedText = coded('DATA_BRIDGE_ERR_INVALID_VALUE')
const refusedValue = coded('DATA_BRIDGE_ERR_QUERY', 'parameter 1')

describe('a template refuses', () => {
  it.each([
    ['in ${…}', () => sql`id in ${[1, 2]}`],
    ['in (${…})', () => sql`id in (${[1, 2]})`],
    ['NOT IN', () => sql`id NOT IN\n  ( ${[]})`],
  ])('an array behind %s, with what to write in its place', (_, build) => {
    expect(build).toThrow(coded('DATA_BRIDGE_ERR_QUERY', '= any('))
  })

  it('no array behind a function whose name ends so', () => {
    expect(() => sql`select min(${[1]}::int[]), login ${[1]}`).not.toThrow()
  })

  it.each([
    ['U+0000', 'a\0b'],
    ['half of a surrogate pair', 'a\ud83d'],
    ['U+0000 in a list', ['a', '\0']],
    ['U+0000 in an object', { a: ['\0'] }],
    ['half of a surrogate pair as a key', { '\udc00': 1 }],
    ['a number that JSON does not have', { a: Number.NaN }],
    ['an infinite number in an object', { a: Infinity }],
  ])('%s', (_, value) => {
    expect(() => sql`select ${value}`).toThrow(refusedText)
  })

  it.each<[string, unknown]>([
    ['an entity', new Author({ id: 1, fullName: 'x' })],
    ['entities in a list', [new Author({ id: 1, fullName: 'x' })]],
    ['a class that is no entity', class Other {}],
    ['all columns of an entity', Author.columns],
    ['SQL in an array', [sql`1`]],
    ['a column in an array', [Author.columns.id]],
    ['a Map, which would be {}', new Map([[1, 2]])],
    ['a Set, which would be {}', new Set([1])],
    ['a promise that was not awaited', Promise.resolve(1)],
    ['what can be awaited', { then: () => 1 }], // oxlint-disable-line unicorn/no-thenable -- that is the case
    ['an error', new Error('x')],
    ['a pattern', /x/],
    ['numbers of a typed array', new Float64Array(2)],
    ['an object with a bigint in it', { a: 1n }],
    [
      'an object that holds itself',
      Object.assign([{}] as object[]).map((o: object) => Object.assign(o, { o }))[0],
    ],
  ])('%s', (_, value) => {
    expect(() => sql`select ${value}`).toThrow(refusedValue)
  })

  it('a row and a relation of a callback', async () => {
    await using session = database.session()
    const authors = session.find(Author)
    for (const pick of [
      (row: never) => row,
      (row: never) => row['books'],
      (row: never) => [row],
    ] as const)
      expect(() => authors.filter((row) => sql`${pick(row as never)} is null`)).toThrow(
        refusedValue,
      )
    expect(() => session.find(Book).filter((row) => sql`${row.author} is null`)).toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'a row of Author'),
    )
  })
})

it('an object of a class is sent as JSON sees it', async () => {
  class Point {
    readonly x = 1
  }
  const dated = { toJSON: () => ({ day: 'monday' }) }
  expect(
    await execute(sql`select ${new Point()}::jsonb as point, ${dated}::jsonb as dated`),
  ).toEqual([{ point: { x: 1 }, dated: { day: 'monday' } }])
})

it('what a client sends is a parameter, and never text', async () => {
  await using wire = recordWire(url)
  await using session = wire.database.session()
  await fc.assert(
    fc.asyncProperty(
      fc.jsonValue({ maxDepth: 3 }),
      fc.string({ unit: 'binary' }),
      async (value, given) => {
        fc.pre(given.isWellFormed() && !given.includes('\0'))
        fc.pre(!/\\u(0000|d[89a-f])/.test(JSON.stringify(value)))
        const json = JSON.stringify(value)
        wire.clear()
        const [row] = await session.execute(
          sql`select ${{ value }}::jsonb ->> 'value' as value, ${given}::text as given, ${[given]}::text[] as list`,
        )
        expect(row).toMatchObject({ given, list: [given] })
        const sent = wire.queries.find(({ text }) => text.startsWith('select'))
        expect(sent?.text).toBe(
          `select $1::jsonb ->> 'value' as value, $2::text as given, $3::text[] as list`,
        )
        expect(sent?.values[0]).toBe(`{"value":${json}}`)
      },
    ),
    { numRuns: 60 },
  )
})

it('a template is a condition of one text, however it is made of others', () => {
  const flat = sql`a = ${1} and b = ${2} or c`
  const nested = sql`${sql`a = ${1} and ${sql`b = ${2}`}`} or ${sql`c`}`
  expect(nested.shape).toBe(flat.shape)
  expect(parametersOf(nested)).toEqual(['1', '2'])
  expect(rawStatement(nested).text).toBe('a = $1 and b = $2 or c')
})

it('an expression with parameters is grouped and ordered by as it is selected', async () => {
  await using session = database.session()
  const parity = (id: unknown, by: number) => sql<number>`${id} % ${by}::int`
  const groups = (by: number) =>
    session
      .find(Book)
      .groupBy((book) => [parity(book.id, by), book.authorId])
      .orderBy((book) => [parity(book.id, by).nullsFirst(), book.authorId.desc()])
      .aggregate((book) => ({ author: book.authorId, is: parity(book.id, by), n: count() }))
  for (let time = 0; time < 3; time += 1) {
    expect(await groups(2)).toEqual([
      { author: 1, is: 0, n: 1 },
      { author: 2, is: 1, n: 1 },
      { author: 1, is: 1, n: 1 },
    ])
    expect(await groups(1)).toEqual([
      { author: 2, is: 0, n: 1 },
      { author: 1, is: 0, n: 2 },
    ])
  }
  const other = session.find(Book).groupBy((book) => parity(book.id, 3))
  await expect(other.aggregate((book) => ({ is: parity(book.id, 2) }))).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_STATEMENT', 'GROUP BY'),
  )
})
