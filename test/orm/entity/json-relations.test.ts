import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, selectinload } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, User } from '../../support/entities.ts'

const { database, query, truncate } = await testDatabase(blog)

beforeEach(truncate)

type Json = { readonly [key: string]: unknown }
const written = <T = Json>(value: unknown): T => JSON.parse(JSON.stringify(value)) as T
const keys = (value: unknown): string[] => Object.keys(value as object)

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
