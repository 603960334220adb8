import { beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, hasMany, integer, selectinload, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

class Category extends table('categories', {
  id: integer().primaryKey().generated(),
  name: text(),
  parentId: integer()
    .nullable()
    .references(() => Category),
  parent: () => belongsTo(Category, 'parentId'),
  children: () => hasMany(Category, 'parentId'),
}) {}

const { database, query, truncate } = await testDatabase([...blog, Category])

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email) select 'u' || n, n from generate_series(1, 5) n`)
  await query(
    `insert into posts (title, author_id) select 'p' || n, 1 + n % 4 from generate_series(1, 12) n`,
  )
  await query(
    `insert into comments (body, post_id) select 'c' || n, 1 + n % 6 from generate_series(1, 20) n`,
  )
})

const deep = selectinload(User.posts).options(selectinload(Post.comments))

describe('selectinload', () => {
  it('costs one statement for each level, however many rows there are', async () => {
    await using session = database.session()
    const users = await session
      .find(User)
      .options(selectinload(User.posts).options(selectinload(Post.comments)))
      .toList()
    expect(session.stats.queryCount).toBe(3)
    const posts = users.flatMap((each) => each.posts.value)
    const comments = posts.flatMap((post) => post.comments.value)
    expect([users.length, posts.length, comments.length]).toEqual([5, 12, 20])
    for (const each of users)
      for (const post of each.posts.value) {
        expect(post.authorId).toBe(each.id)
        for (const comment of post.comments.value) expect(comment.postId).toBe(post.id)
      }
    expect(session.stats.queryCount).toBe(3)
  })

  it('gives what lazy loads give, in the same order', async () => {
    await query('update comments set id = 100 - id where post_id < 4')
    const [eager, lazy] = await Promise.all(
      [true, false].map((isEager) =>
        database.run(async (session) => {
          const all = session.find(User).orderBy((row) => row.id.asc())
          const users = await (isEager ? all.options(deep) : all).toList()
          for (const each of users) for (const post of await each.posts) await post.comments
          return JSON.stringify(users)
        }),
      ),
    )
    expect(eager).toBe(lazy)
  })

  it('loads a to-one relation once for each row that is not known yet', async () => {
    await using session = database.session()
    const known = await session.get(User, 1)
    const posts = await session.find(Post).options(selectinload(Post.author)).toList()
    expect(session.stats.queryCount).toBe(3)
    expect(posts.find((post) => post.authorId === 1)?.author.value).toBe(known)
    expect(new Set(posts.map(({ author }) => author.value)).size).toBe(4)
    await session.find(Post).options(selectinload(Post.author)).toList()
    expect(session.stats.queryCount).toBe(4)
  })

  it('marks every relation as loaded, the empty ones too', async () => {
    await using session = database.session()
    const users = await session.find(User).options(deep).toList()
    expect(users.every((each) => each.posts.isLoaded)).toBe(true)
    expect(users.find(({ id }) => id === 5)?.posts.value).toEqual([])
    expect(await users[4]?.posts).toEqual([])
    expect(session.stats.queryCount).toBe(3)
  })

  it('sends nothing for nothing', async () => {
    await using session = database.session()
    const none = session.find(User).filter({ name: 'nobody' }).options(deep)
    expect(await none.toList()).toEqual([])
    expect(await none.first()).toBeNull()
    expect(session.stats.queryCount).toBe(2)
    await session.find(User).filter({ id: 5 }).options(deep).toList()
    expect(session.stats.queryCount).toBe(4)
  })

  it('works with first, one and a page, for those rows only', async () => {
    await using session = database.session()
    const byId = session.find(User).orderBy((row) => row.id.asc())
    const first = await byId.options(selectinload(User.posts)).first()
    expect(first?.posts.value.map(({ title }) => title)).toEqual(['p4', 'p8', 'p12'])
    const one = await session.find(User).filter({ id: 2 }).options(selectinload(User.posts)).one()
    expect(one.posts.value).toHaveLength(3)
    const page = await byId.limit(2).offset(3).options(selectinload(User.posts)).toList()
    expect(page.map(({ posts }) => posts.value.length)).toEqual([3, 0])
    expect(session.stats.queryCount).toBe(6)
  })

  it('merges loaders of one relation, with what is nested in them', async () => {
    await using session = database.session()
    const users = await session
      .find(User)
      .options(selectinload(User.posts), deep)
      .options(selectinload(User.posts).options(selectinload(Post.author)))
      .toList()
    expect(session.stats.queryCount).toBe(3)
    const post = users[0]?.posts.value[0]
    expect([post?.comments.isLoaded, post?.author.isLoaded]).toEqual([true, true])
  })

  it('goes up and down through a table that refers to itself', async () => {
    await query(`insert into categories (name, parent_id) values
      ('root', null), ('a', 1), ('b', 1), ('aa', 2), ('ab', 2)`)
    await using session = database.session()
    const down = selectinload(Category.children).options(selectinload(Category.children))
    const [root] = await session.find(Category).filter({ parentId: null }).options(down).toList()
    expect(root?.children.value.map(({ children }) => children.value.length)).toEqual([2, 0])
    expect(session.stats.queryCount).toBe(3)
    await using other = database.session()
    const up = selectinload(Category.parent).options(selectinload(Category.parent))
    const leaf = await other.find(Category).filter({ name: 'ab' }).options(up).one()
    expect(leaf.parent.value?.parent.value?.name).toBe('root')
    expect(other.stats.queryCount).toBe(3)
  })

  it('sees what was added, changed and deleted before', async () => {
    await using session = database.session()
    const [post] = await session.find(Post).filter({ id: 1 }).toList()
    ;(post as Post).authorId = 5
    session.add(new Post({ title: 'new', author: user('new') }))
    const users = await session.find(User).options(selectinload(User.posts)).toList()
    const titles = new Map(users.map(({ name, posts }) => [name, posts.value.map((p) => p.title)]))
    expect([titles.get('u5'), titles.get('new'), titles.get('u2')]).toEqual([
      ['p1'],
      ['new'],
      ['p5', 'p9'],
    ])
    await session.rollback()
  })

  it('lists what others have moved to an owner, though the session knows its older owner', async () => {
    await using session = database.session()
    const moved = (await session.get(Post, 1)) as Post
    await query('update posts set author_id = 5 where id = 1')
    const users = session.find(User).filter({ id: [5, moved.authorId] })
    const lists = await users
      .orderBy((row) => row.id.asc())
      .options(selectinload(User.posts))
      .toList()
    expect(lists.map(({ posts }) => posts.value.includes(moved))).toEqual([false, true])
    await query('update posts set author_id = $1 where id = 1', [moved.authorId])
  })

  it('loads a relation anew that was loaded before', async () => {
    await using session = database.session()
    const one = (await session.get(Post, 1)) as Post
    const before = await one.comments
    await query(`insert into comments (body, post_id) values ('late', 1)`)
    await session.find(Post).options(selectinload(Post.comments)).toList()
    expect(one.comments.value).toHaveLength(before.length + 1)
  })
})

describe('refuses', () => {
  const loaders = 'DATA_BRIDGE_ERR_QUERY'

  it('a loader of another entity, at the top and nested', () => {
    const session = database.session()
    expect(() => session.find(User).options(selectinload(Post.comments) as never)).toThrow(
      coded(loaders, 'find(User).options() expected a loader of User, got one of Post.comments'),
    )
    const posts = selectinload(User.posts)
    expect(() => posts.options(posts as never)).toThrow(
      coded(loaders, 'selectinload(User.posts).options() expected a loader of Post'),
    )
  })

  it.each([undefined, 'posts', User.posts, {}])('a value that is not a loader: %j', (loader) => {
    expect(() =>
      database
        .session()
        .find(User)
        .options(loader as never),
    ).toThrow(coded(loaders, 'expected loaders such as selectinload(…)'))
  })

  it.each([undefined, 'posts', User, {}])('a value that is not a relation: %j', (relation) => {
    expect(() => selectinload(relation as never)).toThrow(
      coded(loaders, 'selectinload() expected a relation such as User.posts'),
    )
  })
})
