import { beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, hasMany, integer, manyToMany, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

const id = integer().primaryKey().generated()

class User extends table('users', {
  id,
  name: text(),
  comments: () => hasMany(Comment, 'authorId'),
}) {}
class Post extends table('posts', {
  id,
  title: text(),
  comments: () => hasMany(Comment, 'postId'),
  tags: () => manyToMany(Tag, { through: PostTag }),
  links: () => hasMany(PostTag, 'postId'),
}) {}
class Comment extends table('comments', {
  id,
  body: text(),
  postId: integer().references(() => Post, { onDelete: 'cascade' }),
  authorId: integer().references(() => User),
  post: () => belongsTo(Post, 'postId'),
  author: () => belongsTo(User, 'authorId'),
  likes: () => hasMany(Like, 'commentId'),
}) {}
class Like extends table('likes', {
  id,
  commentId: integer().references(() => Comment, { onDelete: 'cascade' }),
}) {}
class Tag extends table('tags', {
  id,
  name: text(),
  posts: () => manyToMany(Post, { through: PostTag }),
  links: () => hasMany(PostTag, 'tagId'),
}) {}
class PostTag extends table('post_tags', {
  postId: integer()
    .primaryKey()
    .references(() => Post, { onDelete: 'cascade' }),
  tagId: integer()
    .primaryKey()
    .references(() => Tag, { onDelete: 'cascade' }),
  tag: () => belongsTo(Tag, 'tagId'),
}) {}

const { database, query, truncate } = await testDatabase([User, Post, Comment, Like, Tag, PostTag])

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name) values ('ann')`)
  await query(`insert into posts (title) values ('one'), ('two')`)
  await query(`insert into comments (body, post_id, author_id) values ('a', 1, 1), ('b', 2, 1)`)
  await query(`insert into tags (name) values ('x'), ('y')`)
  await query(`insert into post_tags values (1, 1), (1, 2), (2, 1)`)
})

describe('rows that go with a deleted one', () => {
  it('leave the loaded lists of other entities', async () => {
    await using session = database.session()
    const ann = await session.getOrThrow(User, 1)
    const [one, two] = (await session.getMany(Post, [1, 2])) as [Post, Post]
    await ann.comments
    await one.comments
    await two.comments
    session.delete(one)
    await session.commit()
    expect(ann.comments.value.map(({ body }) => body)).toEqual(['b'])
    expect(two.comments.value).toEqual(ann.comments.value)
    expect(await ann.comments.count()).toBe(1)
    expect(JSON.stringify(ann)).not.toContain('"a"')
    ann.comments.value[0]!.body = 'changed'
    await session.commit()
    expect(await query('select body from comments')).toEqual([{ body: 'changed' }])
  })

  it('leave the lists, even those that new rows were added to', async () => {
    await using session = database.session()
    const ann = await session.getOrThrow(User, 1)
    const [one, two] = (await session.getMany(Post, [1, 2])) as [Post, Post]
    await ann.comments
    two.comments.add(new Comment({ body: 'c', author: ann, post: two }))
    session.delete(one)
    await session.commit()
    expect(ann.comments.value.map(({ body }) => body)).toEqual(['b', 'c'])
  })

  it('come back to the lists after a rollback to a savepoint', async () => {
    await using session = database.session()
    const ann = await session.getOrThrow(User, 1)
    await ann.comments
    const counts: number[] = []
    await session.transaction(async () => {
      await session
        .transaction(async () => {
          session.delete(await session.getOrThrow(Post, 1))
          await session.flush()
          counts.push(ann.comments.value.length)
          throw new Error('undone')
        })
        .catch(() => undefined)
      expect(counts).toEqual([1])
      expect((await ann.comments).map(({ body }) => body)).toEqual(['a', 'b'])
    })
  })

  it('leave the lists of links on both sides', async () => {
    await using session = database.session()
    const [one, two] = (await session.getMany(Post, [1, 2])) as [Post, Post]
    const [x, y] = (await session.getMany(Tag, [1, 2])) as [Tag, Tag]
    for (const each of [one.tags, one.links, x.posts, x.links, y.links, two.tags]) await each
    session.delete(one)
    await session.commit()
    expect(x.posts.value).toEqual([two])
    expect(x.links.value).toHaveLength(1)
    expect(y.links.value).toEqual([])
    expect(await two.tags).toEqual([x])
  })

  it('leave the lists of their table when a link is removed', async () => {
    await using session = database.session()
    const one = await session.getOrThrow(Post, 1)
    const [x] = (await session.getMany(Tag, [1, 2])) as [Tag, Tag]
    await one.links
    await x.links
    one.tags.remove(x)
    await session.commit()
    expect(one.links.value.map(({ tagId }) => tagId)).toEqual([2])
    expect(x.links.value.map(({ postId }) => postId)).toEqual([2])
  })
})
