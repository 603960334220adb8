import { beforeEach, describe, expect, it } from 'vitest'
import { and, count, max, not, selectinload, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { recordWire } from '../../support/recorder.ts'

const { database, query, truncate, url } = await testDatabase(blog)

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email) values ('ann', 'ann')`)
  await query(`insert into posts (title, author_id) values ('one', 1)`)
})

describe('what was added is written before', () => {
  it.each<[string, (session: Session) => Promise<unknown>, unknown]>([
    ['toList', async (session) => (await session.find(User).toList()).length, 2],
    [
      'first',
      async (session) => (await session.find(User).filter({ name: 'new' }).first())?.name,
      'new',
    ],
    [
      'one',
      async (session) => (await session.find(User).filter({ name: 'new' }).one()).name,
      'new',
    ],
    ['count', (session) => session.find(User).count(), 2],
    ['exists', (session) => session.find(User).filter({ name: 'new' }).exists(), true],
    ['aggregate', (session) => session.find(User).aggregate(() => ({ n: count() })), [{ n: 2 }]],
    [
      'execute',
      (session) => session.execute(sql`select count(*)::int as n from users`),
      [{ n: 2 }],
    ],
    ['a query of another table', (session) => session.find(Post).count(), 1],
    [
      'a transaction',
      (session) => session.transaction(async () => (await session.find(User).toList()).length),
      2,
    ],
  ])('%s', async (_, ask, expected) => {
    await using session = database.session()
    session.add(user('new'))
    expect(await ask(session)).toEqual(expected)
    await session.rollback()
  })

  it('a lazy load', async () => {
    await using session = database.session()
    const ann = await session.find(User).one()
    session.add(new Post({ title: 'two', author: ann }))
    expect((await ann.posts).map(({ title }) => title)).toEqual(['one', 'two'])
    await session.rollback()
  })
})

describe('what was changed is written before', () => {
  it('a query of its table', async () => {
    await using session = database.session()
    const ann = await session.find(User).one()
    ann.age = 33
    expect(await session.find(User).filter({ age: 33 }).count()).toBe(1)
    await session.rollback()
  })

  it('a query that loads its table with it', async () => {
    await using session = database.session()
    session.add(user('bob'))
    await session.flush()
    const post = await session.find(Post).one()
    post.authorId = 2
    const users = await session
      .find(User)
      .orderBy((row) => row.id.asc())
      .options(selectinload(User.posts))
      .toList()
    expect(users.map(({ posts }) => posts.value.length)).toEqual([0, 1])
    await session.rollback()
  })

  it('raw SQL', async () => {
    await using session = database.session()
    ;(await session.find(User).one()).age = 33
    expect(await session.execute(sql`select age from users`)).toEqual([{ age: 33 }])
    await session.rollback()
  })

  it.each<[string, (session: Session) => Promise<unknown>, unknown]>([
    [
      'a condition',
      (session) =>
        session
          .find(Post)
          .filter((post) =>
            not(sql`exists (select from users u where u.id = ${post.authorId} and u.age is null)`),
          )
          .count(),
      1,
    ],
    [
      'a value',
      (session) => session.find(Post).aggregate(() => ({ age: max(sql`(select age from users)`) })),
      [{ age: 33 }],
    ],
    [
      'a comparison',
      (session) =>
        session
          .find(Post)
          .filter((post) => and(post.id.eq(sql<number>`(select age - 32 from users)`)))
          .exists(),
      true,
    ],
  ])('SQL of your own that reads another table, as %s of a query', async (_, ask, expected) => {
    await using session = database.session()
    ;(await session.find(User).one()).age = 33
    expect(await ask(session)).toEqual(expected)
    await session.rollback()
  })

  it('but not a query that cannot see it', async () => {
    await using wire = recordWire(url)
    await using session = wire.database.session()
    ;(await session.find(User).one()).age = 33
    await session.find(Post).toList()
    await session.get(Post, 1)
    expect(wire.texts.every((text) => text.startsWith('select'))).toBe(true)
    await session.rollback()
  })
})

it('what was deleted is gone for the next query', async () => {
  await using session = database.session()
  const post = await session.find(Post).one()
  session.delete(post)
  expect(await session.find(Post).count()).toBe(0)
  await session.rollback()
  expect(await session.find(Post).count()).toBe(1)
})

it('a query that is built before, and asked after, sees what was added in between', async () => {
  await using session = database.session()
  const all = session.find(User)
  session.add(user('new'))
  expect(await all.count()).toBe(2)
  await session.rollback()
})

it('the flush that fails is the error of the query that caused it', async () => {
  await using session = database.session()
  session.add(new User({ name: 'twice', email: 'ann' }))
  await expect(session.find(User).count()).rejects.toMatchObject({
    code: 'DATA_BRIDGE_ERR_UNIQUE',
    constraint: 'users_email_key',
  })
  await expect(session.find(User).count()).rejects.toMatchObject({
    code: 'DATA_BRIDGE_ERR_TRANSACTION',
    cause: { code: 'DATA_BRIDGE_ERR_UNIQUE' },
  })
  await session.rollback()
  expect(await session.find(User).count()).toBe(1)
})
