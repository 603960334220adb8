import { beforeAll, describe, expect, it } from 'vitest'
import {
  and,
  avg,
  type Condition,
  count,
  countDistinct,
  integer,
  max,
  min,
  not,
  or,
  type Refs,
  sql,
  sum,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { Author, Book, fillLibrary, library } from '../relations/library.ts'

class Score extends table('scores', {
  id: integer().primaryKey(),
  points: integer().nullable(),
  name: text(),
  at: timestamptz().nullable(),
}) {}

const created = await testDatabase([...library, Score])
const { database } = created

beforeAll(async () => {
  await fillLibrary(created)
  await database.run((session) =>
    session.add([
      new Score({ id: 1, points: 10, name: 'a', at: new Date(0) }),
      new Score({ id: 2, points: null, name: 'b' }),
      new Score({ id: 3, points: 30, name: 'c' }),
    ]),
  )
})

describe('a condition as a value', () => {
  it('says whether it holds, and is never NULL', async () => {
    await using session = database.session()
    const rows = await session
      .find(Score)
      .orderBy((score) => score.id.asc())
      .select((score) => ({
        compared: score.points.gt(20),
        denied: not(score.points.gt(20)),
        joined: and(score.points.gt(5), or(score.name.eq('a'), score.points.in([30]))),
        unknown: score.points.isNull(),
        always: and(),
        own: and(sql`${score.points} > 20`),
        either: or(sql`${score.points} > 20`),
        twice: not(not(sql`${score.points} > 20`)),
        moment: score.at.eq(new Date(0)),
      }))
      .toList()
    const no = {
      compared: false,
      denied: false,
      joined: false,
      moment: false,
      always: true,
      own: false,
      either: false,
      twice: false,
    }
    expect(rows).toEqual([
      { ...no, denied: true, joined: true, unknown: false, moment: true },
      { ...no, unknown: true },
      { ...no, compared: true, joined: true, unknown: false, own: true, either: true, twice: true },
    ])
  })

  it('asks for related rows', async () => {
    await using session = database.session()
    const rows = await session
      .find(Book)
      .orderBy((book) => book.id.asc())
      .select((book) => ({
        reviewed: book.reviews.any((review) => review.stars.gte(3)),
        silent: book.reviews.none(),
        taught: book.author.has((author) => author.mentor.has()),
      }))
      .toList()
    expect(rows.map(({ reviewed }) => reviewed)).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
      true,
    ])
    expect(rows.map(({ silent }) => silent)).toEqual([
      true,
      ...Array.from({ length: 6 }, () => false),
    ])
    expect(rows.map(({ taught }) => taught)).toEqual([true, true, true, true, false, false, false])
    expect(session.stats.queryCount).toBe(1)
  })

  it('is a group, without a third one of NULL', async () => {
    await using session = database.session()
    const groups = await session
      .find(Score)
      .groupBy((score) => score.points.gt(20))
      .orderBy((score) => score.points.gt(20).desc())
      .aggregate((score) => ({ high: score.points.gt(20), rows: count() }))
    expect(groups).toEqual([
      { high: true, rows: 1 },
      { high: false, rows: 2 },
    ])
  })

  it('orders rows, whether they match or not', async () => {
    await using session = database.session()
    const ids = async (by: Parameters<typeof query.orderBy>[0]): Promise<number[]> =>
      (await query.orderBy(by).toList()).map(({ id }) => id)
    const query = session.find(Score)
    expect(await ids((score) => [score.points.gt(20).desc(), score.id.asc()])).toEqual([3, 1, 2])
    expect(await ids((score) => [score.points.gt(20).asc(), score.id.desc()])).toEqual([2, 1, 3])
    expect(await ids((score) => [score.name.eq('b').desc().nullsLast(), score.id.asc()])).toEqual([
      2, 1, 3,
    ])
  })

  it('is compared with other conditions and values', async () => {
    await using session = database.session()
    const rows = await session
      .find(Score)
      .filter((score) => sql<boolean>`${score.id} < 3`.eq(score.points.gt(5)))
      .select(({ id }) => ({ id }))
      .toList()
    expect(rows).toEqual([{ id: 1 }])
  })

  it('counts the rows that match, with filter()', async () => {
    await using session = database.session()
    const [row] = await session.find(Score).aggregate((score) => ({
      all: count(),
      high: count().filter(score.points.gt(20)),
      named: count(score.points).filter(score.name.in(['a', 'b'])),
      names: countDistinct(score.name).filter(score.name.ne('a')),
      mean: avg(score.points).filter(score.id.lt(3)),
      most: max(score.points).filter(score.id.lt(3)),
      least: min(score.points).filter(score.id.gt(1)),
      total: sum(score.points).filter(score.id.gt(1)).filter(score.id.lt(3)),
    }))
    expect(row).toEqual({
      all: 3,
      high: 1,
      named: 1,
      names: 2,
      mean: 10,
      most: 10,
      least: 30,
      total: null,
    })
    const groups = await session
      .find(Book)
      .groupBy((book) => book.authorId)
      .having((book) => count().filter(book.reviews.any()).gte(2))
      .orderBy((book) => count().filter(book.sales.gt(10)).desc())
      .aggregate((book) => ({ author: book.authorId, high: count().filter(book.sales.gt(10)) }))
    expect(groups).toEqual([
      { author: 1, high: 3 },
      { author: 2, high: 2 },
    ])
  })

  it('is no value of an aggregate', () => {
    const aggregate = (of: (score: Refs<Score>) => unknown) => (): unknown =>
      database
        .session()
        .find(Score)
        .aggregate(of as never)
    const calls = [count, countDistinct, avg, sum, min, max] as ((of: Condition) => unknown)[]
    for (const call of calls)
      expect(aggregate((score) => ({ n: call(score.id.gt(1)) }))).toThrow(
        coded('DATA_BRIDGE_ERR_QUERY', 'count().filter(condition) counts the rows that match'),
      )
    expect(aggregate((score) => ({ n: count().filter(score.id as never) }))).toThrow(
      coded('DATA_BRIDGE_ERR_FILTER', 'count().filter() expected conditions'),
    )
  })

  it('is no order by itself', () => {
    const query = (): unknown =>
      database
        .session()
        .find(Score)
        .orderBy((score) => score.id.gt(1) as never)
    expect(query).toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'got a condition without asc() or desc()'))
  })
})

describe('your own SQL as an operand', () => {
  const ids = async (filter: (score: Refs<Score>) => Condition): Promise<number[]> =>
    (
      await find()
        .filter(filter)
        .orderBy(({ id }) => id.asc())
        .toList()
    ).map(({ id }) => id)
  const find = () => database.session().find(Score)
  const tens = (score: Refs<Score>) => sql<number | null>`${score.points} / ${10}::int`

  it('compares with values, lists, columns and NULL', async () => {
    expect(await ids((score) => tens(score).eq(1))).toEqual([1])
    expect(await ids((score) => tens(score).ne(1))).toEqual([3])
    expect(await ids((score) => tens(score).gt(1))).toEqual([3])
    expect(await ids((score) => tens(score).gte(1))).toEqual([1, 3])
    expect(await ids((score) => tens(score).lt(3))).toEqual([1])
    expect(await ids((score) => tens(score).lte(3))).toEqual([1, 3])
    expect(await ids((score) => tens(score).in([1, 2]))).toEqual([1])
    expect(await ids((score) => tens(score).notIn([1, 2]))).toEqual([3])
    expect(await ids((score) => tens(score).between(2, 3))).toEqual([3])
    expect(await ids((score) => tens(score).eq(score.id))).toEqual([1, 3])
    expect(await ids((score) => tens(score).eq(null))).toEqual([2])
    expect(await ids((score) => tens(score).isNotNull())).toEqual([1, 3])
    expect(
      await ids((score) => sql<Date | null>`${score.at} + interval '1 s'`.eq(new Date(1000))),
    ).toEqual([1])
    expect(await ids((score) => sql<string>`lower(${score.name})`.in(['a', 'C']))).toEqual([1])
    expect(await ids(() => sql<Uint8Array>`'\\x00ff'::bytea`.eq(new Uint8Array([0, 255])))).toEqual(
      [1, 2, 3],
    )
  })

  it('keeps together what is in it', async () => {
    const either = (score: Refs<Score>) => sql<boolean>`${score.id} = 1 or ${score.id} = 2`
    expect(await ids((score) => either(score).eq(false))).toEqual([3])
    expect(await ids((score) => either(score).in([false]))).toEqual([3])
    expect(await ids((score) => either(score).isNull())).toEqual([])
    expect(await ids((score) => sql<number>`${score.id} - 1`.between(sql`2 - 1`, 2))).toEqual([
      2, 3,
    ])
    const rows = await find()
      .orderBy((score) => [either(score).desc(), score.id.desc()])
      .toList()
    expect(rows.map(({ id }) => id)).toEqual([2, 1, 3])
  })

  it('encodes values as parameters of a template, and refuses others', () => {
    const refused = (value: unknown) => (): unknown =>
      find().filter((score) => sql`${score.name}`.eq(value))
    expect(refused('\0')).toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'for a comparison'))
    expect(refused(() => 1)).toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'expected a value for a comparison'),
    )
    expect(refused(undefined)).toThrow(coded('DATA_BRIDGE_ERR_FILTER', 'got undefined'))
    expect(() =>
      find().filter((score) => (tens(score) as never as { has: (of: number) => never }).has(1)),
    ).toThrow(coded('DATA_BRIDGE_ERR_FILTER', 'this one is your own SQL'))
  })
})

it('between takes columns and other expressions', async () => {
  await using session = database.session()
  const scores = (filter: (score: Refs<Score>) => Condition) =>
    session
      .find(Score)
      .filter(filter)
      .select(({ id }) => ({ id }))
      .toList()
  expect(await scores((score) => score.id.between(score.id, score.points))).toEqual([
    { id: 1 },
    { id: 3 },
  ])
  expect(await scores((score) => score.id.between(2, sql<number>`1 + 1`))).toEqual([{ id: 2 }])
  expect(await scores((score) => score.at.between(new Date(0), score.at))).toEqual([{ id: 1 }])
  expect(await scores((score) => score.at.between(score.at, score.at))).toEqual([{ id: 1 }])
  const authors = await session
    .find(Author)
    .filter((author) => author.books.count().between(1, author.id))
    .select(({ name }) => ({ name }))
    .toList()
  expect(authors).toEqual([{ name: 'bob' }])
})
