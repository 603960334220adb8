import { beforeAll, describe, expect, it } from 'vitest'
import {
  type Condition,
  integer,
  json,
  jsonb,
  type Refs,
  type Session,
  sql,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

interface Profile {
  name: string
  age?: number | null
  tags?: string[]
  address?: { city: string; zip: string }
}

class Person extends table('people', {
  id: integer().primaryKey(),
  profile: jsonb<Profile>(),
  old: json<Profile>('old'),
  any: jsonb().nullable(),
  name: text(),
}) {}

const ann: Profile = { name: 'Ann', age: 30, tags: ['a', 'b'], address: { city: 'Oslo', zip: '1' } }
const bob: Profile = { name: 'Bob', age: null, tags: [] }
const cid: Profile = { name: 'Cid', age: 9 }

const { database, query, url } = await testDatabase([Person])

beforeAll(async () => {
  await database.run((session) =>
    session.add([
      new Person({ id: 1, profile: ann, old: ann, any: { 'a.b': { '0': 'zero' } }, name: 'Ann' }),
      new Person({ id: 2, profile: bob, old: bob, any: ['a', null, 2], name: 'Rob' }),
      new Person({ id: 3, profile: cid, old: cid, any: null, name: 'Cid' }),
      new Person({ id: 4, profile: cid, old: cid, any: 'a', name: 'Dan' }),
    ]),
  )
})

async function found(
  filter: (person: Refs<Person>) => Condition,
  given?: Session,
): Promise<number[]> {
  await using own = database.session()
  const rows = await (given ?? own)
    .find(Person)
    .filter(filter)
    .orderBy((row) => row.id.asc())
    .toList()
  return rows.map(({ id }) => id)
}

it.each<[string, readonly number[], (row: Refs<Person>) => Condition]>([
  ['contains a part', [1], ({ profile }) => profile.contains({ address: { city: 'Oslo' } })],
  ['contains items in any order', [1], ({ profile }) => profile.contains({ tags: ['b'] })],
  ['contains null', [2], ({ profile }) => profile.contains({ age: null })],
  ['contains an item of a list', [2], ({ any }) => any.contains([2])],
  ['contains the null of a list', [2], ({ any }) => any.contains([null])],
  ['contains a column', [1, 2, 3, 4], ({ profile, old }) => profile.contains(old)],
  [
    'contains your own SQL',
    [1],
    ({ profile }) => profile.contains(sql`'{"age": 1}' || '{"age": 30}'::jsonb`),
  ],
  ['is contained by', [2], ({ profile }) => profile.containedBy({ ...bob, address: ann.address! })],
  ['is contained by a column', [1, 2, 3, 4], ({ profile, old }) => old.containedBy(profile)],
  ['has a key', [1, 2], ({ profile }) => profile.hasKey('tags')],
  ['has a text in its list', [2, 4], ({ any }) => any.hasKey('a')],
  ['has one of some keys', [1, 2], ({ profile }) => profile.hasAnyKey(['tags', 'address', '?'])],
  ['has one of no keys', [], ({ profile }) => profile.hasAnyKey([])],
  ['has all of some keys', [1], ({ profile }) => profile.hasAllKeys(['tags', 'address'])],
  ['has all of no keys', [1, 2, 3, 4], ({ profile }) => profile.hasAllKeys([])],
  ['is equal at a path', [1], ({ profile }) => profile.at('address', 'city').eq('Oslo')],
  ['is equal at a place', [1], ({ profile }) => profile.at('tags', 0).eq('a')],
  ['is equal at a place from the end', [1], ({ profile }) => profile.at('tags', -1).eq('b')],
  ['is one of some at a path', [1, 3, 4], ({ profile }) => profile.at('age').in([9, 30])],
  ['is not equal at a path', [2, 3, 4], ({ profile }) => profile.at('age').ne(30)],
  ['is greater at a path', [1], ({ profile }) => profile.at('age').between(10, 30)],
  ['is at a path what is at another', [1, 2, 3, 4], (r) => r.profile.at('age').eq(r.old.at('age'))],
  [
    'has a null at a path',
    [2],
    ({ profile }) => profile.at('age').isNotNull() && profile.contains({ age: null }),
  ],
  ['has nothing at a path', [2, 3, 4], ({ profile }) => profile.at('address').isNull()],
  ['contains at a path', [1], ({ profile }) => profile.at('address').contains({ zip: '1' })],
  ['has a path below a path', [1], ({ profile }) => profile.at('address').at('city').eq('Oslo')],
  ['is the whole at no path', [1], ({ profile }) => profile.at().eq(ann)],
  ['has keys with dots', [1], ({ any }) => any.at('a.b', '0').eq('zero')],
  ['has a key that is a number', [1], ({ any }) => any.at('a.b', 0).eq('zero')],
  ['is a text at a path', [1], ({ profile }) => profile.textAt('name').like('A%')],
  ['has no text where there is null', [2], ({ profile }) => profile.textAt('age').isNull()],
  ['is a text that is compared', [1, 2], (row) => row.profile.textAt('name').lt('Cid')],
  ['is a text like a column', [1, 3], (row) => row.profile.textAt('name').eq(row.name)],
  [
    'has a text in it at a path',
    [1],
    ({ profile }) => profile.textAt('address', 'city').includes('sl'),
  ],
  ['matches a path', [1], ({ profile }) => profile.matchesPath('$.age > 10')],
  [
    'matches a filter in a path',
    [1],
    (r) => r.profile.matchesPath('exists($.tags[*] ? (@ == "a"))'),
  ],
  [
    'matches a path with a value',
    [1],
    (r) => r.profile.matchesPath('$.age >= $least', { least: 30 }),
  ],
  ['matches no path that is no predicate', [], ({ profile }) => profile.matchesPath('$.age')],
  ['the same with a value', [], ({ profile }) => profile.matchesPath('$.age', { least: 30 })],
])('a document %s', async (_, ids, filter) => {
  expect(await found(filter)).toEqual(ids)
})

it('a json column has the operators of a jsonb column', async () => {
  expect(await found(({ old }) => old.contains({ tags: ['b'] }))).toEqual([1])
  expect(await found(({ old }) => old.hasKey('address'))).toEqual([1])
  expect(await found(({ old }) => old.at('age').gt(10))).toEqual([1])
  expect(await found(({ old }) => old.textAt('name').eq('Ann'))).toEqual([1])
  expect(await found(({ old }) => old.matchesPath('$.age > 10'))).toEqual([1])
})

it('what is at a path can be selected, grouped and ordered by', async () => {
  await using session = database.session()
  const rows = await session
    .find(Person)
    .orderBy(({ profile }) => [profile.textAt('name').desc(), profile.at('age').asc()])
    .select(({ profile, any }) => ({
      city: profile.at('address', 'city'),
      age: profile.at('age'),
      tags: profile.at('tags'),
      text: profile.textAt('tags'),
      any: any.at(2),
    }))
    .toList()
  expect(rows).toEqual([
    { city: null, age: 9, tags: null, text: null, any: null },
    { city: null, age: 9, tags: null, text: null, any: null },
    { city: null, age: null, tags: [], text: '[]', any: 2 },
    { city: 'Oslo', age: 30, tags: ['a', 'b'], text: '["a", "b"]', any: null },
  ])
  const groups = await session
    .find(Person)
    .groupBy(({ profile }) => profile.at('age'))
    .orderBy(({ profile }) => profile.at('age').desc())
    .aggregate(({ profile }) => ({ age: profile.at('age') }))
  expect(groups).toEqual([{ age: 30 }, { age: 9 }, { age: null }])
})

it('paths, keys and values are parameters: their statements have one text', async () => {
  await using wire = recordWire(url)
  await using session = wire.database.session()
  for (const key of [`a' or true --`, 'b', '{"}', '\\']) {
    await found((row) => row.any.at(key, `${key}"`).eq(key), session)
    await found((row) => row.any.textAt(key).eq(key), session)
    await found((row) => row.any.hasAllKeys([key, key]), session)
    await found((row) => row.any.matchesPath('$ == $x', { x: key }), session)
  }
  expect(new Set(wire.queries.map(({ text }) => text)).size).toBe(4)
})

it('an index on the document serves contains, keys and paths', async () => {
  await query('create index on people using gin (profile)')
  await query(`create index on people ((profile #>> '{address,city}'))`)
  await using wire = recordWire(url)
  await using session = wire.database.session()
  await found((row) => row.profile.contains({ name: 'Ann' }), session)
  await found((row) => row.profile.hasKey('tags'), session)
  await found((row) => row.profile.hasAnyKey(['tags']), session)
  await found((row) => row.profile.matchesPath('$.age == 9'), session)
  await found((row) => row.profile.textAt('address', 'city').eq('Oslo'), session)
  await query('set enable_seqscan = off')
  await query('set enable_indexscan = off')
  for (const { text: statement, values } of wire.queries) {
    const plan = await query<{ 'QUERY PLAN': string }>(`explain ${statement}`, values)
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain('Index Cond')
  }
  expect(wire.queries).toHaveLength(5)
})

describe('documents refuse', () => {
  const build = (of: (row: Refs<Person>) => unknown) => (): unknown =>
    database
      .session()
      .find(Person)
      .filter(of as never)

  it.each<[string, (row: Refs<Person>) => unknown, string]>([
    [
      'other columns',
      (row) => (row.name as never as typeof row.any).hasKey('a'),
      'json() and jsonb() columns',
    ],
    ['other columns too', (row) => row.any.contains.call(row.id, row.id), 'this one is integer'],
    ['an order', (row) => row.any.contains(row.id.asc()), 'got an order or a relation'],
    ['a row', (row) => row.any.contains(row), 'got a row of Person'],
    ['no key', (row) => row.any.hasKey(1 as never), "expected a key such as 'name'"],
    ['no keys', (row) => row.any.hasAnyKey('a' as never), 'expected an array of keys'],
    ['holes among keys', (row) => row.any.hasAllKeys([, 'a'] as never), 'got undefined'], // oxlint-disable-line no-sparse-arrays -- on purpose
    ['half of a place', (row) => row.any.at(0.5), 'got the number 0.5'],
    ['no path', (row) => row.any.matchesPath('  '), "such as '$.age > 18'"],
    ['no variables', (row) => row.any.matchesPath('$', [] as never), 'such as { age: 18 }'],
    ['undefined', (row) => row.any.contains(undefined), 'got undefined'],
    ['a function', (row) => row.any.contains(() => 1), 'got a function'],
  ])('%s: a mistake of the program', (_, of, message) => {
    expect(build(of)).toThrow(expect.objectContaining({ statusCode: 500 }))
    expect(build(of)).toThrow(
      expect.objectContaining({ details: expect.stringContaining(message) }),
    )
  })

  it.each<[string, (row: Refs<Person>) => unknown]>([
    ['NUL in a document', (row) => row.any.contains({ a: 'a\0' })],
    ['half of a pair in a document', (row) => row.any.at('a').eq('\ud800')],
    ['a number that is none', (row) => row.any.at('a').eq(Number.NaN)],
    ['Infinity', (row) => row.any.at('a').contains({ a: [Infinity] })],
    ['NUL in a path', (row) => row.any.at('a\0').isNull()],
    ['half of a pair in a path', (row) => row.any.textAt('\ud800').isNull()],
    ['NUL in a key', (row) => row.any.hasAnyKey(['a', '\0'])],
    ['NUL in a variable', (row) => row.any.matchesPath('$ == $x', { x: '\0' })],
  ])('%s: a value of a client', (_, of) => {
    expect(build(of)).toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE'))
  })

  it('documents that are too deep: a value of a client', async () => {
    const deep = (levels: number): unknown =>
      JSON.parse(`${'['.repeat(levels)}null${']'.repeat(levels)}`)
    expect(await found((row) => row.any.contains(deep(3_000)))).toEqual([])
    expect(build((row) => row.any.contains(deep(100_000)))).toThrow(
      coded('DATA_BRIDGE_ERR_INVALID_VALUE', 'got an array'),
    )
  })

  it('a path that is wrong, as a mistake of the program', async () => {
    for (const path of ['$.', 'a b', '$.age > ', '$.age == $none'])
      for (const variables of [undefined, {}])
        await expect(found((row) => row.any.matchesPath(path, variables))).rejects.toThrow(
          coded('DATA_BRIDGE_ERR_STATEMENT'),
        )
  })
})

it('lists of keys and values may be large', async () => {
  const keys = Array.from({ length: 100_000 }, (_, index) => `key ${index}`)
  expect(await found((row) => row.any.hasAnyKey([...keys, 'a.b']))).toEqual([1])
  expect(await found((row) => row.any.containedBy([...keys, 'a', 2, null]))).toEqual([2, 4])
})
