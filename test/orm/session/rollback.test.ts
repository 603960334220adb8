import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

const { database, query, truncate } = await testDatabase(blog)
beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email) values ('ann', 'ann')`)
  await query(`insert into posts (title, author_id) values ('one', 1)`)
})

const names = async () =>
  (await query<{ name: string }>('select name from users order by id')).map(({ name }) => name)

describe('rollback', () => {
  it('takes back what was flushed, and forgets what was not', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    session.add(user('flushed'))
    ann.name = 'changed'
    await session.flush()
    session.add(user('pending'))
    ann.age = 5
    await session.rollback()
    await session.commit()
    expect(await names()).toEqual(['ann'])
  })

  it('empties the identity map', async () => {
    await using session = database.session()
    const ann = await session.get(User, 1)
    await session.rollback()
    const again = await session.get(User, 1)
    expect(again).not.toBe(ann)
    expect(again).toEqual(ann)
  })

  it('leaves every entity readable, with its loaded relations, and detached', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    const posts = await ann.posts
    const added = user('bob')
    session.add(added)
    await session.flush()
    await session.rollback()
    expect([ann.name, added.name, ann.posts.value]).toEqual(['ann', 'bob', posts])
    for (const entity of [ann, added]) {
      expect(() => session.delete(entity)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
      await expect(session.refresh(entity)).rejects.toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
    }
    await expect(posts[0]?.author.load()).rejects.toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
    ann.name = 'not seen'
    await session.commit()
    expect(await names()).toEqual(['ann'])
  })

  it('leaves what is read behind it to the session', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    ann.name = 'changed'
    await session.flush()
    const rollingBack = session.rollback()
    const [again] = await session.find(User).toList()
    await rollingBack
    expect(again).not.toBe(ann)
    again!.name = 'ben'
    await session.commit()
    expect(await names()).toEqual(['ben'])
  })

  it('costs nothing where nothing was begun', async () => {
    await using session = database.session()
    await session.get(User, 1)
    await session.rollback()
    await session.rollback()
    expect(session.stats.queryCount).toBe(1)
  })
})

describe('add after a rollback', () => {
  it('saves a loaded entity with what was changed before and after', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    ann.name = 'before'
    await session.flush()
    await session.rollback()
    ann.age = 6
    session.add(ann)
    expect(await session.get(User, 1)).toBe(ann)
    await session.commit()
    expect(await query('select name, age from users')).toEqual([{ name: 'before', age: 6 }])
  })

  it('writes nothing where the loaded entity is as the database has it', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    ann.name = 'changed'
    await session.flush()
    await session.rollback()
    ann.name = 'ann'
    session.add(ann)
    const before = session.stats.queryCount
    await session.commit()
    expect(session.stats.queryCount).toBe(before)
  })

  it('inserts an entity again that had been inserted', async () => {
    await using session = database.session()
    const bob = user('bob')
    session.add(bob)
    await session.flush()
    bob.name = 'changed'
    await session.flush()
    await session.rollback()
    session.add(bob)
    await session.commit()
    expect(await names()).toEqual(['ann', 'changed'])
    expect(await session.get(User, bob.id)).toBe(bob)
    session.add(user('cid'))
    await session.commit()
    expect(await names()).toEqual(['ann', 'changed', 'cid'])
  })

  it('inserts an entity that had not been flushed', async () => {
    await using session = database.session()
    const post = new Post({ title: 'T', author: user('bob') })
    session.add(post)
    await session.rollback()
    session.add(post)
    await session.commit()
    expect(await names()).toEqual(['ann', 'bob'])
  })

  it('keeps an entity whose deletion was rolled back, and can delete it then', async () => {
    await using session = database.session()
    const post = (await session.get(Post, 1)) as Post
    session.delete(post)
    await session.flush()
    await session.rollback()
    session.add(post)
    post.title = 'kept'
    await session.commit()
    expect(await query('select title from posts')).toEqual([{ title: 'kept' }])
    session.delete(post)
    await session.commit()
    expect(await query('select title from posts')).toEqual([])
  })

  it('works in another session', async () => {
    const bob = user('bob')
    const failed = database.run((session) => {
      session.add(bob, new User({ name: 'twice', email: 'ann' }))
    })
    await expect(failed).rejects.toThrow(coded('DATA_BRIDGE_ERR_UNIQUE'))
    await database.run((session) => session.add(bob))
    expect(await names()).toEqual(['ann', 'bob'])
  })

  it('works after a commit that failed', async () => {
    await using session = database.session()
    const twice = new User({ name: 'twice', email: 'ann' })
    session.add(twice)
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_UNIQUE'))
    await session.rollback()
    twice.email = 'other'
    session.add(twice)
    await session.commit()
    expect(await names()).toEqual(['ann', 'twice'])
  })
})

it('a deleted entity is detached, stays readable, and its relations say why they cannot be loaded', async () => {
  await using session = database.session()
  const post = (await session.get(Post, 1)) as Post
  session.delete(post)
  await session.commit()
  expect(post.title).toBe('one')
  await expect(post.author.load()).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_DETACHED', 'Post.author cannot be loaded'),
  )
})
