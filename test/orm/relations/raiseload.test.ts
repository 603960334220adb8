import { beforeAll, describe, expect, it } from 'vitest'
import { raiseload, selectinload } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

const { database, query } = await testDatabase(blog)

const notLoaded = 'DATA_BRIDGE_ERR_RELATION_NOT_LOADED'
const modes = [undefined, 'select', 'peers', 'raise'] as const

beforeAll(async () => {
  await query(`insert into users (name, email) values ('ann', 'ann'), ('bob', 'bob')`)
  await query(`insert into posts (title, author_id) values ('one', 1), ('two', 1), ('three', 2)`)
  await query(`insert into comments (body, post_id) values ('c1', 1), ('c2', 2), ('c3', 3)`)
})

describe('raiseload()', () => {
  it.each(modes)(
    'refuses its relation of the entities of the query, in the mode %s',
    async (mode) => {
      await using session = database.session(mode === undefined ? {} : { lazy: mode })
      const users = await session.find(User).lazy('select').options(raiseload(User.posts)).toList()
      for (const user of users)
        await expect(user.posts.load()).rejects.toEqual(
          coded(notLoaded, 'its query has raiseload(User.posts)'),
        )
      expect(session.stats.queryCount).toBe(1)
    },
  )

  it('refuses it below a loader, and of that level alone', async () => {
    await using session = database.session()
    const posts = selectinload(User.posts)
      .options(raiseload(Post.author))
      .options(selectinload(Post.comments))
    const users = await session.find(User).options(posts, raiseload(User.posts)).toList()
    for (const user of users) {
      for (const post of await user.posts) {
        await expect(post.author.load()).rejects.toEqual(coded(notLoaded, 'raiseload(Post.author)'))
        const [comment] = await post.comments
        expect(await comment?.post).toBe(post)
      }
    }
  })

  it('holds for one entity, and leaves other relations alone', async () => {
    await using session = database.session()
    const post = await session.find(Post).options(raiseload(Post.author)).filter({ id: 1 }).first()
    await expect(post?.author.load()).rejects.toEqual(coded(notLoaded))
    expect(await post?.comments).toHaveLength(1)
  })

  it('adds to those of earlier calls, and of loaders that are merged', async () => {
    await using session = database.session()
    const both = session
      .find(Post)
      .options(raiseload(Post.author))
      .options(raiseload(Post.comments), raiseload(Post.author))
    const [post] = await both.toList()
    await expect(post?.author.load()).rejects.toEqual(coded(notLoaded))
    await expect(post?.comments.load()).rejects.toEqual(coded(notLoaded))
    const posts = selectinload(User.posts)
    const merged = session
      .find(User)
      .options(posts.options(raiseload(Post.author)), posts.options(raiseload(Post.comments)))
    const [user] = await merged.toList()
    const [found] = user?.posts.value ?? []
    await expect(found?.author.load()).rejects.toEqual(coded(notLoaded))
    await expect(found?.comments.load()).rejects.toEqual(coded(notLoaded))
  })

  it('is not told to the entities that a peer loads', async () => {
    await using session = database.session({ lazy: 'peers' })
    const posts = await session.find(Post).toList()
    const [strict] = await session
      .find(Post)
      .options(raiseload(Post.comments))
      .filter({ id: 1 })
      .toList()
    for (const post of posts) if (post !== strict) await post.comments
    expect(strict?.comments.isLoaded).toBe(false)
    await expect(strict?.comments.load()).rejects.toEqual(coded(notLoaded))
  })

  it('refuses a value that is not a relation, and loaders of another entity', () => {
    const session = database.session()
    const code = 'DATA_BRIDGE_ERR_QUERY'
    expect(() => raiseload('posts' as never)).toThrow(
      coded(code, `raiseload() expected a relation such as User.posts, got the string "posts"`),
    )
    expect(() => session.find(User).options(raiseload(Post.author) as never)).toThrow(
      coded(code, 'find(User).options() expected a loader of User, got one of Post.author'),
    )
    expect(() => selectinload(User.posts).options(raiseload(User.posts) as never)).toThrow(
      coded(
        code,
        'selectinload(User.posts).options() expected a loader of Post, got one of User.posts',
      ),
    )
  })
})
