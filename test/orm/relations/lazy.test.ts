import { beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, hasMany, integer, table, text, uuid } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

class Folder extends table('folders', {
  id: uuid().primaryKey().generated(),
  name: text(),
  parentId: uuid()
    .nullable()
    .references(() => Folder),
  parent: () => belongsTo(Folder, 'parentId'),
  children: () => hasMany(Folder, 'parentId'),
}) {}

// Refers to a table without a foreign key in the database, so that the row may be missing.
class Note extends table('notes', {
  id: integer().primaryKey().generated(),
  postId: integer(),
  post: () => belongsTo(Post, 'postId'),
}) {}

const { database, query, truncate } = await testDatabase([...blog, Folder, Note])

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email) values ('ann', 'ann'), ('bob', 'bob')`)
  await query(`insert into posts (title, author_id) values ('one', 1), ('two', 1), ('three', 2)`)
  await query(`insert into comments (body, post_id) values ('c1', 1), ('c2', 1), ('c3', 3)`)
})

describe('a lazy relation', () => {
  it('costs one statement when it is awaited, and none from then on', async () => {
    await using session = database.session()
    const { stats } = session
    const ann = (await session.get(User, 1)) as User
    expect([ann.posts.isLoaded, stats.queryCount]).toEqual([false, 1])
    const posts = await ann.posts
    expect(posts.map(({ title }) => title)).toEqual(['one', 'two'])
    expect([ann.posts.isLoaded, stats.queryCount]).toEqual([true, 2])
    expect(await ann.posts).toBe(posts)
    expect(await ann.posts.load()).toBe(posts)
    expect(ann.posts.value).toBe(posts)
    expect(stats.queryCount).toBe(2)
  })

  it('to one costs one statement, and none where the identity map has it', async () => {
    await using session = database.session()
    const posts = await session
      .find(Post)
      .orderBy((row) => row.id.asc())
      .toList()
    const [one, two, three] = posts as [Post, Post, Post]
    const ann = await one.author
    expect(session.stats.queryCount).toBe(2)
    expect(await two.author).toBe(ann)
    expect(session.stats.queryCount).toBe(2)
    expect((await three.author).name).toBe('bob')
    expect(session.stats.queryCount).toBe(3)
  })

  it('to one of a null foreign key is null, without a statement', async () => {
    await using session = database.session()
    const folder = new Folder({ name: 'root' })
    session.add(folder)
    await session.flush()
    const before = session.stats.queryCount
    expect(await folder.parent).toBeNull()
    expect(folder.parent.value).toBeNull()
    expect(session.stats.queryCount).toBe(before)
    await session.rollback()
  })

  it('to one of a row that is missing is null', async () => {
    await using session = database.session()
    const note = new Note({ postId: 99 })
    session.add(note)
    await session.flush()
    expect(await note.post).toBeNull()
    await session.rollback()
  })

  it('to many of nothing is an empty list, and loaded', async () => {
    await using session = database.session()
    const two = (await session.get(Post, 2)) as Post
    expect(await two.comments).toEqual([])
    expect(two.comments.isLoaded).toBe(true)
  })

  it('gives rows in the order of their keys', async () => {
    await query('update comments set id = 100 - id where post_id = 1')
    await using session = database.session()
    const one = (await session.get(Post, 1)) as Post
    expect((await one.comments).map(({ body }) => body)).toEqual(['c2', 'c1'])
  })

  it('follows keys of every type, and itself', async () => {
    await using session = database.session()
    const root = new Folder({ name: 'root' })
    session.add(['a', 'b'].map((name) => new Folder({ name, parent: root })))
    await session.commit()
    const again = (await database.session().get(Folder, root.id.toUpperCase())) as Folder
    const children = await again.children
    expect(children.map(({ name }) => name).toSorted()).toEqual(['a', 'b'])
    expect(await children[0]?.parent).toBe(again)
  })
})

describe('loads at the same time', () => {
  it('of one relation share one statement', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    const [a, b, c] = await Promise.all([ann.posts, ann.posts.load(), ann.posts])
    expect(session.stats.queryCount).toBe(2)
    expect([b, c]).toEqual([a, a])
    expect(b).toBe(a)
  })

  it('of one target by several owners share one statement', async () => {
    await query('update posts set author_id = 1')
    await using session = database.session()
    const posts = await session.find(Post).toList()
    const authors = await Promise.all(posts.map(async ({ author }) => author))
    expect(new Set(authors).size).toBe(1)
    expect(session.stats.queryCount).toBe(2)
  })

  it('of one target by a relation and by get share one statement', async () => {
    await using session = database.session()
    const post = (await session.get(Post, 1)) as Post
    const [author, found] = await Promise.all([post.author, session.get(User, 1)])
    expect(author).toBe(found)
    expect(session.stats.queryCount).toBe(2)
  })

  it('of different targets are a statement each', async () => {
    await using session = database.session()
    const users = await session.find(User).toList()
    await Promise.all(users.map(async ({ posts }) => posts))
    expect(session.stats.queryCount).toBe(3)
  })

  it('that fail can be tried again', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    await query('alter table posts rename to hidden')
    const results = await Promise.allSettled([ann.posts, ann.posts])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await query('alter table hidden rename to posts')
    expect(await ann.posts).toHaveLength(2)
  })
})

describe('a changed foreign key', () => {
  it('makes the loaded relation stale, and the next await loads the new one', async () => {
    await using session = database.session()
    const post = (await session.get(Post, 1)) as Post
    expect((await post.author).name).toBe('ann')
    post.authorId = 2
    expect(post.author.isLoaded).toBe(false)
    expect(() => post.author.value).toThrow(coded('DATA_BRIDGE_ERR_RELATION_NOT_LOADED'))
    expect((await post.author).name).toBe('bob')
    post.authorId = 1
    expect((await post.author).name).toBe('ann')
    await session.rollback()
  })

  it('during a load is not mistaken for what was loaded', async () => {
    await using session = database.session()
    const post = (await session.get(Post, 1)) as Post
    const loading = post.author.load()
    post.authorId = 2
    expect((await loading).name).toBe('ann')
    expect(post.author.isLoaded).toBe(false)
    expect((await post.author).name).toBe('bob')
    await session.rollback()
  })

  it('during a load starts its own load', async () => {
    await using session = database.session()
    const post = (await session.get(Post, 1)) as Post
    const before = post.author.load()
    post.authorId = 2
    const [ann, bob] = await Promise.all([before, post.author.load()])
    expect([ann.name, bob.name]).toEqual(['ann', 'bob'])
    expect(post.author.value).toBe(bob)
    await session.rollback()
  })

  it('that refers to nothing gives null', async () => {
    await using session = database.session()
    const root = new Folder({ name: 'root' })
    const child = new Folder({ name: 'child', parent: root })
    session.add(child)
    await session.flush()
    expect(child.parent.value).toBe(root)
    child.parentId = null
    expect(await child.parent).toBeNull()
    await session.rollback()
  })
})

describe('a relation that cannot be loaded', () => {
  it('says so where its value is read before it was loaded', async () => {
    await using session = database.session()
    const ann = (await session.get(User, 1)) as User
    expect(() => ann.posts.value).toThrow(
      coded('DATA_BRIDGE_ERR_RELATION_NOT_LOADED', 'User.posts is not loaded: await it'),
    )
  })

  it('says so of an entity that is not stored yet, and knows what it was given', async () => {
    await using session = database.session()
    const author = user('new')
    const post = new Post({ title: 'T', author })
    const unsaved = coded(
      'DATA_BRIDGE_ERR_DETACHED',
      'the entity is not stored yet; flush it first',
    )
    await expect(author.posts.load()).rejects.toThrow(unsaved)
    expect(await post.author).toBe(author)
    session.add(post)
    await expect(author.posts.load()).rejects.toThrow(unsaved)
    await session.flush()
    expect(await author.posts).toEqual([post])
    expect(await post.author).toBe(author)
    await session.rollback()
  })

  it('says so of an entity whose session has ended, and keeps what was loaded', async () => {
    const ann = (await database.run(async (session) => {
      const found = await session.get(User, 1)
      await found?.posts
      return found
    })) as User
    expect(await ann.posts).toHaveLength(2)
    await expect(ann.posts.value[0]?.comments.load()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_DETACHED', 'Post.comments cannot be loaded: the entity'),
    )
  })
})

it('is not loaded by being looked at: spread, JSON, keys, equality', async () => {
  await using session = database.session()
  const ann = (await session.get(User, 1)) as User
  JSON.stringify(ann)
  Object.entries(ann)
  expect(ann).toEqual(expect.objectContaining({ name: 'ann' }))
  expect(ann.toJSON()).not.toHaveProperty('posts')
  expect(session.stats.queryCount).toBe(1)
  await ann.posts
  expect(ann.toJSON()).toMatchObject({ posts: [{ title: 'one' }, { title: 'two' }] })
})

it('keeps what was loaded where a foreign key is assigned: a refresh loads it anew', async () => {
  await using session = database.session()
  const one = (await session.get(Post, 1)) as Post
  const comments = await one.comments
  session.add(new Comment({ body: 'c4', postId: one.id }))
  await session.flush()
  expect(await one.comments).toBe(comments)
  await session.refresh(one)
  expect((await one.comments).map(({ body }) => body)).toEqual(['c1', 'c2', 'c4'])
  await session.rollback()
})
