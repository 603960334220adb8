import { expect, it } from 'vitest'
import { and, not, or, type Query, sql } from '../../../orm/index.ts'
import { render } from '../../../orm/sql/statement.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

const { database } = await testDatabase(blog)

const select = (fragment: ReturnType<typeof sql>) =>
  database.run(async (session) => (await session.execute(fragment))[0])

it('binds each kind of value', async () => {
  const at = new Date('2020-02-29T12:00:00.123Z')
  expect(
    await select(sql`select
      ${'text'}::text as text, ${null}::text as nothing, ${1.5}::float8 as number, ${10n ** 20n}::text as big,
      ${true}::boolean as yes, ${at}::timestamptz as at, ${new Date('-000099-01-01T00:00:00Z')}::text as early,
      ${new Uint8Array([0, 255, 92])}::bytea as bytes, ${{ a: [1, null] }}::jsonb as json`),
  ).toEqual({
    text: 'text',
    nothing: null,
    number: 1.5,
    big: '100000000000000000000',
    yes: true,
    at,
    early: '0100-01-01T00:00:00.000Z BC',
    bytes: Buffer.from([0, 255, 92]),
    json: { a: [1, null] },
  })
})

it('binds an array as one parameter', async () => {
  const at = new Date('2020-02-29T12:00:00Z')
  expect(
    await select(sql`select ${[1, 2, null]}::int[] as numbers, ${['a,b', 'NULL', '']}::text[] as texts,
      ${[]}::int[] as none, ${[at]}::timestamptz[] as dates, ${[{ a: 1 }]}::jsonb[] as objects,
      3 = any(${[1, 2, 3]}::int[]) as found, ${[
        ['a,b', null],
        ['{}', ''],
      ]}::text[] as matrix`),
  ).toEqual({
    numbers: [1, 2, null],
    texts: ['a,b', 'NULL', ''],
    none: [],
    dates: [at],
    objects: [{ a: 1 }],
    found: true,
    matrix: [
      ['a,b', null],
      ['{}', ''],
    ],
  })
})

it('nests: parameters are numbered in their order', async () => {
  const inner = sql`${'b'}::text || ${'c'}::text`
  const middle = sql`(${inner}) || ${'d'}::text`
  const outer = sql`select ${'a'}::text || ${middle} || ${'e'}::text as letters, ${inner} as again`
  expect(render(outer).text).toBe(
    'select $1::text || ($2::text || $3::text) || $4::text || $5::text as letters, $6::text || $7::text as again',
  )
  expect(await select(outer)).toEqual({ letters: 'abcde', again: 'bc' })
})

it.each([
  ['undefined', undefined],
  ['a function', () => 1],
  ['a symbol', Symbol('x')],
  ['an invalid date', new Date(Number.NaN)],
  ['undefined in a list', [1, undefined]],
  ['bytes in a list', [new Uint8Array(1)]],
  ['undefined in a list of lists', [[1], [undefined]]],
])('refuses %s', (_, value) => {
  expect(() => sql`select ${1}, ${value}`).toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'parameter 2'))
})

it('gives the rows with the values that pg makes of them, and none of a statement without rows', async () => {
  await using session = database.session()
  await session.execute(sql`create temporary table things (id int)`)
  expect(await session.execute(sql`insert into things values (${1}), (${2})`)).toEqual([])
  expect(
    await session.execute<{ id: number }>(sql`update things set id = id + ${10} returning id`),
  ).toEqual([{ id: 11 }, { id: 12 }])
})

it('gives the rows of the last of several statements', async () => {
  expect(await select(sql`select 1 as a; select 2 as b`)).toEqual({ b: 2 })
})

it('stands for a condition, an expression and an order in a query', async () => {
  await database.run(async (session) => {
    session.add(user('ann', { age: 20 }), user('bob', { age: 30 }))
    const found = await session
      .find(User)
      .filter(() => sql`age + ${1} > ${21}`)
      .filter((row) => row.name.eq(sql<string>`lower(${'BOB'})`))
      .orderBy((row) => sql`length(${row.name}) desc`)
      .toList()
    expect(found.map(({ name }) => name)).toEqual(['bob'])
    expect(
      await session
        .find(User)
        .filter(sql`age = ${20}` as never)
        .count(),
    ).toBe(1)
    await session.rollback()
  })
})

it.each<[string, (query: Query<typeof User>) => Query<typeof User>, string[]]>([
  [
    'filters of several calls',
    (query) => query.filter({ name: 'ann' }).filter(() => sql`false or true`),
    ['ann'],
  ],
  [
    'filters of one call',
    (query) => query.filter(() => sql`true or false`, { name: 'ann' }),
    ['ann'],
  ],
  ['and', (query) => query.filter((row) => and(row.name.eq('ann'), sql`false or true`)), ['ann']],
  [
    'and, as the value of a comparison',
    (query) =>
      query.filter((row) =>
        and(row.name.eq('ann'), row.age.eq(sql<number>`0 or ${true}::boolean`)),
      ),
    ['ann'],
  ],
  ['not', (query) => query.filter(() => not(sql`false or true`)), []],
  [
    'or, alone in it',
    (query) => query.filter({ name: 'ann' }, () => or(sql`false or true`)),
    ['ann'],
  ],
])('keeps an OR of its own to itself: in %s', async (_, build, expected) => {
  await using session = database.session()
  session.add(user('ann', { age: 20 }), user('bob', { age: 30 }))
  const found = await build(session.find(User)).toList()
  expect(found.map(({ name }) => name)).toEqual(expected)
  await session.rollback()
})

it('sees what was added before, and begins a transaction that can be rolled back', async () => {
  await using session = database.session()
  session.add(user('cid'))
  expect(await session.execute(sql`update users set age = 5 returning name`)).toEqual([
    { name: 'cid' },
  ])
  await session.rollback()
  expect(await session.find(User).count()).toBe(0)
})

it('is made of as many others as a loop makes', async () => {
  const numbers = Array.from({ length: 100 }, (_, index) => index)
  const [first, ...rest] = numbers.map((number) => sql`${number}::integer`)
  const list = rest.reduce((all, one) => sql`${all}, ${one}`, first ?? sql`0`)
  expect(await select(sql`select array[${list}] as numbers`)).toEqual({ numbers })
})
