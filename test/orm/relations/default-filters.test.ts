import { beforeEach, describe, expect, it } from 'vitest'
import { countload } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Bio, Comment, desk, fillDesk, Post, PostTag, Tag } from '../query/desk.ts'

const created = await testDatabase(desk)
const { database, query, url } = created
const code = 'DATA_BRIDGE_ERR_RELATION_NOT_LOADED'
const hidden = coded(
  code,
  'Post.author expected a row, got none: the default filter of Author hides it. Show it with the option of the ' +
    'relation { withDefaults: false } or selectinload(Post.author).withDefaults(false), or leave out its owners: ' +
    'filter((row) => row.author.has())',
)

beforeEach(() => fillDesk(created))

const titles = (posts: readonly Post[]) => posts.map(({ title }) => title)

describe('relations that are awaited', () => {
  it('give the rows that default filters show', async () => {
    await using session = database.session()
    const ann = await session.getOrThrow(Author, 1)
    expect(titles(await ann.posts)).toEqual(['one', 'two'])
    expect(titles(await ann.allPosts)).toEqual(['one', 'two', 'three'])
    expect((await ann.bio)?.text).toBe('new')
    const cid = await session.getOrThrow(Author, 3)
    expect(await cid.bio).toBeNull()
    const one = await session.getOrThrow(Post, 1)
    expect((await one.tags).map(({ name }) => name)).toEqual(['news'])
    expect((await one.allTags).map(({ name }) => name)).toEqual(['news', 'sport'])
    const sport = await session.getOrThrow(Tag, 2)
    expect(await sport.posts).toEqual([])
    const news = await session.getOrThrow(Tag, 1)
    expect(titles(await news.posts)).toEqual(['one'])
  })

  it('fail where a hidden row has to be there, and are null where it may be absent', async () => {
    await using session = database.session()
    const [one, four] = await session.getMany(Post, [1, 4])
    await expect(four?.author.load()).rejects.toThrow(hidden)
    await expect(four?.author.load()).rejects.toThrow(hidden)
    expect(four?.author.isLoaded).toBe(false)
    expect(await one?.editor).toBeNull()
    expect((await four?.writer)?.name).toBe('bob')
    // The session holds it from now on.
    expect((await four?.author)?.name).toBe('bob')
    expect(await one?.editor).toBeNull()
  })

  it('give what was there before, and loads that are under way have their own', async () => {
    await using session = database.session()
    const [four] = await session.getMany(Post, [4])
    const [got, author, writer] = await Promise.allSettled([
      session.get(Author, 2),
      four?.author.load(),
      four?.writer.load(),
    ])
    expect(got).toEqual({ status: 'fulfilled', value: null })
    expect(author).toEqual({ status: 'rejected', reason: hidden })
    expect(writer).toMatchObject({ status: 'fulfilled', value: { name: 'bob' } })
    await using other = database.session()
    const [same] = await other.getMany(Post, [4])
    const [shown, missing] = await Promise.all([same?.writer.load(), other.get(Author, 2)])
    expect([shown?.name, missing]).toEqual(['bob', null])
  })

  it('for peers too: a hidden row fails only where it is awaited', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const posts = await session
      .find(Post)
      .orderBy((post) => post.id.asc())
      .lazy('peers')
      .toList()
    const [one, , four, five] = posts
    expect((await one?.author)?.name).toBe('ann')
    expect((await five?.author)?.name).toBe('cid')
    expect(statements).toHaveLength(2)
    await expect(four?.author.load()).rejects.toThrow(hidden)
    const [fourAgain] = await session.find(Post).filter({ id: 4 }).lazy('peers').toList()
    await expect(fourAgain?.author.load()).rejects.toThrow(hidden)
    expect((await four?.writer)?.name).toBe('bob')
    const lists = []
    for (const post of posts) lists.push((await post.comments).length)
    expect(lists).toEqual([1, 0, 0, 0])
    await using other = database.session()
    const [first, second] = await Promise.all([
      other.find(Post).filter({ id: 4 }).lazy('peers').one(),
      other.find(Post).filter({ id: 1 }).lazy('peers').one(),
    ])
    const both = await Promise.allSettled([first.author.load(), second.author.load()])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  })

  it('for peers that see hidden rows: get() does not', async () => {
    await using session = database.session()
    const [, , four] = await session
      .find(Post)
      .orderBy((post) => post.id.asc())
      .lazy('peers')
      .toList()
    const [writer, got] = await Promise.all([four?.writer.load(), session.get(Author, 2)])
    expect([writer?.name, got]).toEqual(['bob', null])
  })

  it('and see what the session has changed in columns of the filter', async () => {
    await using session = database.session()
    const ann = await session.getOrThrow(Author, 1)
    const [one] = await session.getMany(Post, [1])
    if (one !== undefined) one.deletedAt = new Date()
    expect(await ann.posts.count()).toBe(1)
    expect(await ann.posts.exists()).toBe(true)
    expect(titles(await ann.posts)).toEqual(['two'])
    const two = await session.getOrThrow(Post, 2)
    const link = await session.find(PostTag).withDefaults(false).filter({ postId: 2 }).one()
    link.state = 'on'
    expect((await two.tags).map(({ name }) => name)).toEqual(['sport'])
  })
})

describe('get()', () => {
  it('gives no hidden row, unless the session holds it already', async () => {
    await using session = database.session()
    expect(await session.get(Post, 3)).toBeNull()
    await expect(session.getOrThrow(Post, 3)).rejects.toThrow(coded('DATA_BRIDGE_ERR_NOT_FOUND'))
    expect((await session.getMany(Post, [4, 3, 1])).map(({ id }) => id)).toEqual([4, 1])
    const three = await session.find(Post).withDefaults(false).filter({ id: 3 }).one()
    expect(await session.get(Post, 3)).toBe(three)
    expect((await session.getMany(Post, [3]))[0]).toBe(three)
    await session.refresh(three)
    expect(three.title).toBe('three')
  })

  it('with a composite key', async () => {
    await using session = database.session()
    expect(await session.get(PostTag, { postId: 1, tagId: 2 })).toBeNull()
    expect((await session.get(PostTag, { postId: 1, tagId: 1 }))?.state).toBe('on')
    const both = [
      { postId: 3, tagId: 1 },
      { postId: 2, tagId: 2 },
    ]
    expect((await session.getMany(PostTag, both)).map(({ postId }) => postId)).toEqual([3])
  })

  it('of an entity that was deleted softly meanwhile gives it until the session ends', async () => {
    await using session = database.session()
    const one = await session.getOrThrow(Post, 1)
    await query('update posts set deleted_at = now() where id = 1')
    expect(await session.get(Post, 1)).toBe(one)
    expect(await session.find(Post).filter({ id: 1 }).first()).toBeNull()
  })
})

describe('counts', () => {
  it('are of what default filters show', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const ann = await session.getOrThrow(Author, 1)
    expect([await ann.posts.count(), await ann.allPosts.count()]).toEqual([2, 3])
    const one = await session.getOrThrow(Post, 1)
    const two = await session.getOrThrow(Post, 2)
    expect([await one.tags.count(), await one.allTags.count()]).toEqual([1, 2])
    expect([await two.tags.exists(), await two.allTags.exists()]).toEqual([false, true])
    expect([await two.comments.exists(), await two.comments.count()]).toEqual([false, 0])
    const counted = await session
      .find(Author)
      .orderBy((author) => author.id.asc())
      .options(countload(Author.posts), countload(Author.allPosts))
      .toList()
    const before = statements.length
    const counts = []
    for (const author of counted)
      counts.push([await author.posts.count(), await author.allPosts.count()])
    expect(counts).toEqual([
      [2, 3],
      [1, 1],
    ])
    expect(statements).toHaveLength(before)
    const [all] = await session
      .find(Author)
      .options(countload(Author.posts).withDefaults(false))
      .toList()
    expect(await all?.posts.count()).toBe(3)
  })
})

it('a flush writes what the session holds, by key', async () => {
  await using session = database.session()
  const three = await session.find(Post).withDefaults(false).filter({ id: 3 }).one()
  three.title = 'three again'
  const comment = await session.getOrThrow(Comment, 1)
  comment.isSpam = true
  const bio = await session.find(Bio).withDefaults(false).filter({ id: 1 }).one()
  session.delete(bio)
  await session.commit()
  expect(await query('select title from posts where id = 3')).toEqual([{ title: 'three again' }])
  expect(await query('select is_spam as "isSpam" from comments where id = 1')).toEqual([
    { isSpam: true },
  ])
  expect(await query('select id from bios where id = 1')).toEqual([])
})
