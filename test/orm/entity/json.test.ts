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
import { blog, Comment, Post, User } from '../../support/entities.ts'
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
      'entities, the last one a Post, since Post.author and User.posts lead to the same entities again and again',
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

describe('what is shown', () => {
  beforeEach(async () => {
    await query(`insert into users (name, email) values ('ann', 'ann'), ('bob', 'bob')`)
    await query(`insert into posts (title, author_id) values ('one', 1), ('two', 1), ('three', 2)`)
    await query(`insert into comments (body, post_id) values ('c1', 1), ('c2', 2), ('c3', 3)`)
  })

  const users = (session: Session) => session.find(User).orderBy((row) => row.id.asc())
  const shapes = (value: unknown): boolean[] =>
    written<Json[]>(value).map((each) => 'posts' in each)

  it('is what the loaders of this result have loaded, and not of another one', async () => {
    await using session = database.session()
    const loaded = await users(session).options(selectinload(User.posts)).toList()
    const plain = await users(session).toList()
    expect(plain[0]).toBe(loaded[0])
    expect(shapes(plain)).toEqual([false, false])
    expect(shapes(loaded)).toEqual([true, true])
    expect(written(await users(session).first())).not.toHaveProperty('posts')
  })

  it('is of each list what it loaded, where they share some of their rows', async () => {
    await using session = database.session()
    const loaded = await users(session).options(selectinload(User.posts)).toList()
    const some = await users(session).filter({ name: 'bob' }).toList()
    expect([shapes(loaded), shapes(some)]).toEqual([[true, true], [false]])
    some.push(loaded[0] as User)
    expect(shapes(some)).toEqual([false, true])
    expect(shapes(loaded)).toEqual([true, true])
  })

  it('is what the newest query has loaded, of an entity by itself', async () => {
    await using session = database.session()
    const ann = await users(session).first()
    expect(written(ann)).not.toHaveProperty('posts')
    await users(session).options(selectinload(User.posts)).toList()
    expect(written(ann)).toHaveProperty('posts')
    expect(await session.get(User, 1)).toBe(ann)
    expect(written(ann)).toHaveProperty('posts')
    await users(session).toList()
    expect(written(ann)).not.toHaveProperty('posts')
  })

  it('is what was awaited, and stays so in other results', async () => {
    await using session = database.session()
    const list = await users(session).toList()
    await list[0]?.posts
    expect(shapes(list)).toEqual([true, false])
    expect(shapes(await users(session).toList())).toEqual([true, false])
    const posts = await session.find(Post).options(selectinload(Post.author)).toList()
    const authors = written<{ author: Json }[]>(posts).map(({ author }) => author)
    expect(shapes(authors)).toEqual([true, true, false])
  })

  it('is what was awaited although a loader of another result had loaded it', async () => {
    await using session = database.session()
    await users(session).options(selectinload(User.posts)).toList()
    const list = await users(session).toList()
    const { queryCount } = session.stats
    await list[0]?.posts
    expect(session.stats.queryCount).toBe(queryCount)
    expect(shapes(list)).toEqual([true, false])
  })

  it('is what was awaited below what loaders loaded', async () => {
    await using session = database.session()
    const [ann] = await users(session).options(selectinload(User.posts)).toList()
    await ann?.posts.value[0]?.comments
    const { posts } = written<{ posts: Json[] }>(ann)
    expect(posts.map(({ title, comments }) => [title, (comments as Json[])?.length])).toEqual([
      ['one', 1],
      ['two', undefined],
    ])
  })

  it('is what was awaited of entities that were read on their own', async () => {
    await using session = database.session()
    const [post, ann] = [await session.get(Post, 1), await session.get(User, 1)]
    await post?.comments
    await ann?.posts
    await post?.author
    expect(written(ann)).toMatchObject({
      posts: [{ id: 1, comments: [{ body: 'c1' }], author: { name: 'ann' } }, { id: 2 }],
    })
    expect(written(post)).toMatchObject({ author: { name: 'ann' }, comments: [{ body: 'c1' }] })
  })

  it('is what was given to the constructor, before and after it is stored', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    const post = new Post({ title: 'new', author: ann })
    expect(written(post)).toMatchObject({ title: 'new', author: { name: 'ann' } })
    session.add(post)
    await session.flush()
    expect(written(post)).toMatchObject({ id: 4, authorId: 1, author: { name: 'ann' } })
    await session.commit()
  })

  it('is no more where a refresh has forgotten it', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    await ann.posts
    expect(written(ann)).toHaveProperty('posts')
    await session.refresh(ann)
    expect(written(ann)).not.toHaveProperty('posts')
    await users(session).options(selectinload(User.posts)).toList()
    expect(written(ann)).toHaveProperty('posts')
  })

  it('is written in the order of the declaration', async () => {
    await using session = database.session()
    const posts = await session.find(Post).toList()
    await posts[0]?.author
    await posts[0]?.comments
    await posts[1]?.comments
    await posts[1]?.author
    const [one, two] = written<Json[]>(posts)
    expect(keys(one)).toEqual(keys(two))
    expect(keys(one).slice(-2)).toEqual(['author', 'comments'])
  })

  it('is the columns of an entity that is on the path already', async () => {
    await using session = database.session()
    const both = selectinload(User.posts).options(
      selectinload(Post.author),
      selectinload(Post.comments).options(selectinload(Comment.post)),
    )
    const [ann] = await users(session).options(both).toList()
    const { posts } = written<{ posts: Json[] }>(ann)
    for (const post of posts) {
      const { id, title, likes, authorId } = post
      expect(post['author']).toEqual({ ...written(ann), posts: undefined })
      expect(post['comments']).toMatchObject([{ post: { id, title, likes, authorId } }])
    }
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
