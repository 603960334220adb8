import { beforeEach, describe, expect, it } from 'vitest'
import { bigint, selectinload, sql, table, text, uuid } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

class Tag extends table('tags', { label: text().primaryKey(), color: text().nullable() }) {}
class Token extends table('tokens', { id: uuid().primaryKey().generated(), of: text() }) {}
class Big extends table('bigs', { id: bigint().primaryKey().generated() }) {}

const { database, query, truncate } = await testDatabase([...blog, Tag, Token, Big])

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email) values ('ann', 'ann'), ('bob', 'bob')`)
  await query(`insert into posts (title, author_id) values ('one', 1), ('two', 1), ('three', 2)`)
})

describe('one row is one object', () => {
  it('from find, first, one, get, refresh and relations', async () => {
    await using session = database.session()
    const [ann] = await session
      .find(User)
      .orderBy((row) => row.id.asc())
      .toList()
    expect(await session.get(User, 1)).toBe(ann)
    expect(await session.find(User).filter({ id: 1 }).first()).toBe(ann)
    expect(await session.find(User).filter({ name: 'ann' }).one()).toBe(ann)
    const [post] = (await ann?.posts) ?? []
    expect(await post?.author).toBe(ann)
    const eager = await session.find(Post).options(selectinload(Post.author)).toList()
    expect(eager[0]).toBe(post)
    expect(eager[0]?.author.value).toBe(ann)
    await session.refresh(ann as User)
    expect((await ann?.posts)?.[0]).toBe(post)
  })

  it('also when it was added here, under the key that PostgreSQL gave', async () => {
    await using session = database.session()
    const cid = user('cid')
    const token = new Token({ of: 'cid' })
    const big = new Big({})
    session.add(cid, token, big)
    await session.flush()
    expect(token.id).toMatch(/^[0-9a-f-]{36}$/)
    expect(big.id).toBe('1')
    const { queryCount } = session.stats
    expect(await session.get(User, cid.id)).toBe(cid)
    expect(await session.get(Token, token.id.toUpperCase())).toBe(token)
    expect(await session.get(Big, '01')).toBe(big)
    expect(session.stats.queryCount).toBe(queryCount)
    expect(await session.find(User).filter({ name: 'cid' }).one()).toBe(cid)
    await session.rollback()
  })

  it('keeps what the program has changed when the row is read again', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    await query(`update users set name = 'from outside', age = 9 where id = 1`)
    ann.name = 'changed here'
    expect(await session.find(Post).count()).toBe(3)
    expect(await session.find(Post).options(selectinload(Post.author)).toList()).toHaveLength(3)
    expect([ann.name, ann.age]).toEqual(['changed here', null])
    await session.rollback()
  })

  it('is another object in another session', async () => {
    const [first, second] = await Promise.all([
      database.run((session) => session.get(User, 1)),
      database.run((session) => session.get(User, 1)),
    ])
    expect(first).not.toBe(second)
    expect(first).toEqual(second)
  })
})

describe('get', () => {
  it('costs one statement, and none from then on', async () => {
    await using session = database.session()
    await session.get(User, 1)
    expect(session.stats.queryCount).toBe(1)
    await session.get(User, 1)
    await session.find(Post).options(selectinload(Post.author)).toList()
    expect(session.stats.queryCount).toBe(3)
    await session.get(User, 2)
    await session.get(Post, 3)
    expect(session.stats.queryCount).toBe(3)
  })

  it('shares one statement among those that ask at the same time', async () => {
    await using session = database.session()
    const found = await Promise.all([1, 2, 3].map(() => session.get(User, 1)))
    expect(new Set(found).size).toBe(1)
    expect(session.stats.queryCount).toBe(1)
  })

  it('gives null of a row that there is not, and asks again the next time', async () => {
    await using session = database.session()
    expect(await session.get(User, 99)).toBeNull()
    await query(`insert into users (id, name, email) values (99, 'new', 'new')`)
    expect((await session.get(User, 99))?.name).toBe('new')
  })

  it('gives null of an entity that is deleted here, flushed or not', async () => {
    await using session = database.session()
    const post = (await session.get(Post, 1)) as Post
    session.delete(post)
    expect(await session.get(Post, 1)).toBeNull()
    await session.flush()
    expect(await session.get(Post, 1)).toBeNull()
    await session.rollback()
    expect((await session.get(Post, 1))?.title).toBe('one')
  })

  it('finds what was added and not flushed yet', async () => {
    await using session = database.session()
    const tag = new Tag({ label: 'x' })
    session.add(tag)
    expect(await session.get(Tag, 'x')).toBe(tag)
    await session.rollback()
  })

  it.each([
    [undefined, 'TYPE'],
    [null, 'TYPE'],
    ['1', 'TYPE'],
    [1.5, 'INVALID_VALUE'],
    [{}, 'TYPE'],
    [2 ** 31, 'INVALID_VALUE'],
  ] as const)('refuses the key %j', async (key, code) => {
    await using session = database.session()
    await expect(session.get(User, key as never)).rejects.toThrow(
      coded(`DATA_BRIDGE_ERR_${code}`, 'User.id expected'),
    )
    expect(session.stats.queryCount).toBe(0)
  })
})

describe('refresh', () => {
  it('reads the row again over unsaved changes, and forgets loaded relations', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    expect(await ann.posts).toHaveLength(2)
    ann.name = 'unsaved'
    await query(`update users set age = 7 where id = 1`)
    await query(`delete from posts where id = 1`)
    await session.refresh(ann)
    expect([ann.name, ann.age, ann.posts.isLoaded]).toEqual(['ann', 7, false])
    expect(await ann.posts).toHaveLength(1)
    const count = session.stats.queryCount
    await session.commit()
    expect(session.stats.queryCount).toBe(count)
  })

  it('is a 404 of a row that is gone', async () => {
    await using session = database.session()
    const post = (await session.get(Post, 1)) as Post
    await query('delete from posts where id = 1')
    await expect(session.refresh(post)).rejects.toMatchObject({
      code: 'DATA_BRIDGE_ERR_NOT_FOUND',
      statusCode: 404,
    })
  })

  it('refuses what is not stored in this session', async () => {
    await using session = database.session()
    const other = await database.run((another) => another.get(User, 1))
    const added = user('cid')
    session.add(added)
    for (const entity of [other, added, user('dan')])
      await expect(session.refresh(entity as User)).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_DETACHED'),
      )
    await expect(session.refresh({} as User)).rejects.toThrow(coded('DATA_BRIDGE_ERR_ENTITY'))
    await session.rollback()
  })
})

it('refuses a second object for a row that the session holds', async () => {
  await using session = database.session()
  const first = (await session.get(User, 1)) as User
  await session.rollback()
  const second = (await session.get(User, 1)) as User
  expect(() => session.add(first)).toThrow(
    coded('DATA_BRIDGE_ERR_ENTITY', 'the session holds another entity of the same row'),
  )
  second.name = 'changed'
  await session.commit()
  expect(await query('select name from users where id = 1')).toEqual([{ name: 'changed' }])
})

it('does not see what raw SQL changed, until it is read anew', async () => {
  await using session = database.session()
  const ann = (await session.get(User, 1)) as User
  await session.execute(sql`update users set age = 1`)
  expect((await session.get(User, 1))?.age).toBeNull()
  await session.refresh(ann)
  expect(ann.age).toBe(1)
  await session.rollback()
})
