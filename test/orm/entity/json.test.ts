import { beforeEach, describe, expect, it } from 'vitest'
import {
  belongsTo,
  bigint,
  double,
  hasMany,
  integer,
  jsonb,
  type Session,
  selectinload,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

const reference = () =>
  integer()
    .nullable()
    .references(() => Person)

class Person extends table('people', {
  id: integer().primaryKey().generated(),
  name: text(),
  managerId: reference(),
  mentorId: reference(),
  manager: () => belongsTo(Person, 'managerId'),
  mentor: () => belongsTo(Person, 'mentorId'),
  reports: () => hasMany(Person, 'managerId'),
  mentees: () => hasMany(Person, 'mentorId'),
}) {}

const { database, query, truncate } = await testDatabase([...blog, Person])

beforeEach(truncate)

type Json = { readonly [key: string]: unknown }
const written = <T = Json>(value: unknown): T => JSON.parse(JSON.stringify(value)) as T
const keys = (value: unknown): string[] => Object.keys(value as object)

const columns = ['id', 'name', 'managerId', 'mentorId']
const relations = ['manager', 'mentor', 'reports', 'mentees'] as const
const everyRelation = relations.map((relation) => selectinload(Person[relation]))

/** A hierarchy, and mentors across it: nobody is without a relation. */
async function insertPeople(count: number): Promise<void> {
  await query(
    `insert into people (id, name, manager_id, mentor_id) overriding system value
     select n, 'person ' || n, 1 + n / 3, 1 + (n * 7) % $1::int from generate_series(1, $1::int) n`,
    [count],
  )
}

const inOrder = (session: Session) => session.find(Person).orderBy((row) => row.id.asc())

async function awaitAll(people: readonly Person[]): Promise<void> {
  for (const person of people) for (const relation of relations) await person[relation]
}

/** How many people stand in the JSON; 0 where it is refused. */
function appearancesIn(people: readonly Person[]): number {
  try {
    return JSON.stringify(people).match(/"name"/g)?.length ?? 0
  } catch (error) {
    if ((error as { code?: string }).code === 'DATA_BRIDGE_ERR_ENTITY') return 0
    throw error
  }
}

describe('a table that refers to itself, with all of its relations loaded', () => {
  it.each([100, 300])('has JSON that is linear in its %i rows, by loaders', async (count) => {
    await insertPeople(count)
    await using session = database.session()
    const people = await inOrder(session)
      .options(...everyRelation)
      .toList()
    const text = JSON.stringify(people)
    // Each person by itself, and once in each of the four relations at most.
    expect(text.match(/"name"/g)?.length).toBeLessThanOrEqual(5 * count)
    expect(text.length).toBeLessThan(5 * 80 * count)
    // Each of them alone, as in a list that the program made of it.
    expect(written(people.map((each) => each))).toEqual(JSON.parse(text))
  })

  it.each([100, 300])('has the same JSON for %i rows where each was awaited', async (count) => {
    await insertPeople(count)
    const [byLoaders, byAwait] = await Promise.all(
      [true, false].map((isEager) =>
        database.run(async (session) => {
          const people = await inOrder(session)
            .options(...(isEager ? everyRelation : []))
            .toList()
          if (!isEager) await awaitAll(people)
          return JSON.stringify(people)
        }),
      ),
    )
    expect(byAwait).toBe(byLoaders)
  })

  it.each([100, 300])('is bounded where %i were read and awaited one by one', async (count) => {
    await insertPeople(count)
    const bound = 10_000 + 10 * 6 * count
    const ways: ((session: Session, id: number) => Promise<Person | null>)[] = [
      (session, id) => session.get(Person, id),
      (session, id) => session.find(Person).filter({ id }).one(),
    ]
    for (const way of ways) {
      await using session = database.session()
      const people: Person[] = []
      for (let id = 1; id <= count; id += 1) people.push((await way(session, id)) as Person)
      await awaitAll(people)
      expect(appearancesIn(people)).toBeLessThanOrEqual(bound)
    }
  })

  it('gives equal siblings equal shapes', async () => {
    await insertPeople(100)
    await using session = database.session()
    const people = await inOrder(session)
      .options(...everyRelation)
      .toList()
    const json = written<Record<(typeof relations)[number], unknown>[]>(people)
    for (const person of json) {
      expect(keys(person)).toEqual([...columns, ...relations])
      for (const relation of relations)
        for (const each of [person[relation]].flat().filter((other) => other !== null))
          expect(keys(each)).toEqual(columns)
    }
  })

  it('shows as many levels as the loaders load', async () => {
    await insertPeople(100)
    await using session = database.session()
    const upwards = selectinload(Person.manager).options(
      selectinload(Person.manager).options(selectinload(Person.manager)),
    )
    const person = await session.find(Person).filter({ id: 100 }).options(upwards).one()
    const ids: unknown[] = []
    let at: Json | undefined = written(person)
    for (; at !== undefined; at = at['manager'] as Json | undefined) ids.push(at['id'])
    expect(ids).toEqual([100, 34, 12, 5])
  })
})

describe('a document out of all proportion', () => {
  const circle = selectinload(Post.author).options(selectinload(User.posts))

  beforeEach(async () => {
    await query(`insert into users (name, email) values ('ann', 'ann')`)
    await query(`insert into posts (title, author_id) select n, 1 from generate_series(1, 400) n`)
  })

  const refusal = (): unknown =>
    coded(
      'DATA_BRIDGE_ERR_ENTITY',
      'entities, the same ones again and again, along Post.author and User.posts',
    )

  it('is refused, and names the relations', async () => {
    await using session = database.session()
    const posts = await session.find(Post).options(circle).toList()
    expect(() => JSON.stringify(posts)).toThrow(refusal())
    // Each of them is asked for by itself then, and they count together.
    expect(() => JSON.stringify({ items: posts.filter(() => true) })).toThrow(refusal())
    expect(() => JSON.stringify(posts.filter(() => true))).toThrow(refusal())
  })

  it('is written where it is small, again and again', async () => {
    await using session = database.session()
    const posts = await session.find(Post).limit(20).options(circle).toList()
    const text = JSON.stringify(posts)
    expect(text.match(/"title"/g)).toHaveLength(20 + 20 * 400)
    for (let time = 0; time < 5; time += 1) {
      expect(JSON.stringify(posts)).toBe(text)
      expect(JSON.stringify([...posts])).toBe(text)
      expect(written(posts.at(-1))['id']).toBe(20)
    }
  })

  it('is refused where it is too deep for the stack', () => {
    const chain = (length: number): Person =>
      Array.from({ length }).reduce<Person>(
        (manager) => new Person({ name: 'x', manager, mentorId: null }),
        new Person({ name: 'the first', managerId: null, mentorId: null }),
      )
    expect(JSON.stringify(chain(1000)).match(/"name"/g)).toHaveLength(1001)
    expect(() => JSON.stringify(chain(50_000))).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'is more than 1000 relations deep, along Person.manager'),
    )
  })

  it('does not come of long lists, nor of what they share', async () => {
    await query(`insert into posts (title, author_id) select n, 1 from generate_series(1, 12000) n`)
    await using session = database.session()
    const posts = await session.find(Post).options(selectinload(Post.author)).toList()
    expect(JSON.stringify(posts).match(/"title"/g)).toHaveLength(12_400)
    const author = posts[0]?.author.value
    const withAuthors = posts.map(({ id }) => ({ id, author }))
    expect(JSON.stringify(withAuthors).match(/"email"/g)).toHaveLength(12_400)
    const [few] = [await session.find(Post).filter({ id: 1 }).toList()]
    few.push(...posts)
    expect(JSON.stringify(few).match(/"title"/g)).toHaveLength(12_401)
  })
})

it('leaves a list a plain array', async () => {
  await insertPeople(3)
  await using session = database.session()
  const people = await inOrder(session).toList()
  expect(Object.keys(people)).toEqual(['0', '1', '2'])
  expect(people).toStrictEqual([...people])
  expect(JSON.stringify({ people, none: await inOrder(session).filter({ id: 9 }).toList() })).toBe(
    JSON.stringify({ people: [...people], none: [] }),
  )
})

it('has values as JSON has them: ISO dates, text for big integers and bytes, null for no number', () => {
  class Sample extends table('samples', {
    id: integer().primaryKey().generated(),
    at: timestamptz(),
    never: timestamptz(),
    big: bigint({ mode: 'bigint' }),
    ratio: double(),
    most: double(),
    bytes: jsonb(),
    settings: jsonb(),
  }) {}
  const sample = new Sample({
    at: new Date(0),
    never: new Date(0),
    big: 2n ** 63n - 1n,
    ratio: Number.NaN,
    most: Number.POSITIVE_INFINITY,
    bytes: {},
    settings: { list: [1, { a: [] }] },
  })
  Object.assign(sample, { bytes: Buffer.from('hello'), never: new Date(Number.NaN) })
  expect(written(sample)).toEqual({
    at: '1970-01-01T00:00:00.000Z',
    never: null,
    big: '9223372036854775807',
    ratio: null,
    most: null,
    bytes: 'aGVsbG8=',
    settings: { list: [1, { a: [] }] },
  })
})
