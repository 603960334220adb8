import { beforeEach, describe, expect, it } from 'vitest'
import {
  type Condition,
  count,
  exists,
  not,
  type Query,
  type Refs,
  scalar,
  sql,
  sum,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { failure } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Comment, desk, fillDesk, Post, Tag } from './desk.ts'

const created = await testDatabase(desk)
const { database, url } = created

beforeEach(() => fillDesk(created))

const inOrder = (query: Query<typeof Post>) => query.orderBy((post) => post.id.asc())
const ids = (rows: readonly { readonly id: number }[]) => rows.map(({ id }) => id)

describe('a default filter of a table holds', () => {
  it('for all methods that send a query', async () => {
    await using session = database.session()
    const posts = session.find(Post)
    expect(ids(await inOrder(posts).toList())).toEqual([1, 2, 4, 5])
    expect(await posts.count()).toBe(4)
    expect(await inOrder(posts).limit(3).count()).toBe(3)
    expect(await posts.filter({ id: 3 }).exists()).toBe(false)
    expect(await posts.filter({ id: 3 }).first()).toBeNull()
    await failure('DATA_BRIDGE_ERR_NOT_FOUND', posts.filter({ id: 3 }).one())
    expect(await posts.aggregate((post) => ({ likes: sum(post.likes) }))).toEqual([{ likes: 120 }])
    const streamed: number[] = []
    for await (const { id } of inOrder(posts).stream({ batchSize: 2 })) streamed.push(id)
    expect(streamed).toEqual([1, 2, 4, 5])
    const locked = await session.transaction(() => inOrder(posts).forUpdate().toList())
    expect(ids(locked)).toEqual([1, 2, 4, 5])
  })

  it('for pages and their totals, and tokens go from one to the next', async () => {
    await using session = database.session()
    const first = await inOrder(session.find(Post)).limit(3).page({ total: true })
    expect([ids(first.items), first.total]).toEqual([[1, 2, 4], 4])
    const next = await inOrder(session.find(Post)).limit(3).page({ after: first.next })
    expect(ids(next.items)).toEqual([5])
    const all = inOrder(session.find(Post).withDefaults(false)).limit(3)
    expect(ids((await all.page({ after: first.next })).items)).toEqual([5])
  })

  it('for plain rows, groups, sub-queries and set operations', async () => {
    await using session = database.session()
    const rows = session.find(Post).select((post) => ({ id: post.id }))
    expect(await rows.filter((row) => row.id.in([3, 4])).toList()).toEqual([{ id: 4 }])
    const groups = await session
      .find(Post)
      .groupBy((post) => post.authorId)
      .select((post) => ({ author: post.authorId, posts: count() }))
      .orderBy((row) => row.author.asc())
      .toList()
    expect(groups).toEqual([
      { author: 1, posts: 2 },
      { author: 2, posts: 1 },
      { author: 3, posts: 1 },
    ])
    const tags = session.find(Tag)
    const ofThree = tags.filter(() => exists(session.find(Post).filter({ id: 3 })))
    expect(await ofThree.count()).toBe(0)
    const posts = session.find(Post).select((post) => ({ id: post.id }))
    const commented = session.find(Comment).filter((comment) => comment.postId.in(posts))
    expect(ids(await commented.toList())).toEqual([1])
    const most = session
      .find(Comment)
      .select((comment) => ({ id: sql<number>`max(${comment.id})` }))
    expect(
      ids(
        await session
          .find(Comment)
          .filter((each) => each.id.eq(scalar(most)))
          .toList(),
      ),
    ).toEqual([3])
    expect(await rows.except(rows.filter((row) => row.id.gt(1))).toList()).toEqual([{ id: 1 }])
    expect(
      await rows
        .cte()
        .filter((row) => row.id.lt(4))
        .count(),
    ).toBe(2)
  })

  it('for queries that are joined, each with its own', async () => {
    await using session = database.session()
    const joined = (author: Query<typeof Author>) =>
      session
        .find(Post)
        .join(author, (post, each) => each.id.eq(post.authorId))
        .orderBy((post) => post.id.asc())
        .select((post, each) => ({ id: post.id, name: each.name }))
        .toList()
    expect(await joined(session.find(Author))).toEqual([
      { id: 1, name: 'ann' },
      { id: 2, name: 'ann' },
      { id: 5, name: 'cid' },
    ])
    expect((await joined(session.find(Author).withDefaults(false))).map(({ id }) => id)).toEqual([
      1, 2, 4, 5,
    ])
  })

  it('behind relations of callbacks', async () => {
    await using session = database.session()
    const posts = inOrder(session.find(Post))
    const found = async (filter: (post: Refs<Post>) => Condition) =>
      ids(await posts.filter(filter).toList())
    expect(await found((post) => post.comments.any())).toEqual([1])
    expect(await found((post) => post.comments.none())).toEqual([2, 4, 5])
    expect(await found((post) => post.comments.every((each) => each.body.eq('fine')))).toEqual([
      1, 2, 4, 5,
    ])
    expect(await found((post) => post.comments.count().eq(1))).toEqual([1])
    expect(await found((post) => post.author.has())).toEqual([1, 2, 5])
    expect(await found((post) => not(post.author.has()))).toEqual([4])
    expect(await found((post) => post.writer.has())).toEqual([1, 2, 4, 5])
    expect(await found((post) => post.tags.any())).toEqual([1])
    expect(await found((post) => post.tags.any((tag) => tag.name.eq('sport')))).toEqual([])
    expect(await found((post) => post.allTags.any((tag) => tag.name.eq('sport')))).toEqual([1, 2])
    expect(await found((post) => post.author.posts.count().eq(2))).toEqual([1, 2])
    expect(await found((post) => post.author.allPosts.count().eq(3))).toEqual([1, 2])
    const authors = await session
      .find(Author)
      .orderBy((author) => author.id.asc())
      .select((author) => ({
        id: author.id,
        posts: author.posts.list((post) => post.title),
        bio: author.bio.text,
        isOld: author.bio.has((bio) => bio.text.eq('old')),
        isNew: author.bio.has((bio) => bio.text.eq('new')),
        isNewer: author.bio.has((bio) => bio.text.eq('newer')),
      }))
      .toList()
    expect(authors).toEqual([
      { id: 1, posts: ['one', 'two'], bio: 'new', isOld: false, isNew: true, isNewer: false },
      { id: 3, posts: ['five'], bio: null, isOld: false, isNew: false, isNewer: false },
    ])
  })

  it('for columns behind to-one relations, which are NULL', async () => {
    await using session = database.session()
    const rows = await inOrder(session.find(Post))
      .select((post) => ({
        id: post.id,
        author: post.author.name,
        writer: post.writer.name,
        editor: post.editor.name,
      }))
      .toList()
    expect(rows).toEqual([
      { id: 1, author: 'ann', writer: 'ann', editor: null },
      { id: 2, author: 'ann', writer: 'ann', editor: 'cid' },
      { id: 4, author: null, writer: 'bob', editor: 'ann' },
      { id: 5, author: 'cid', writer: 'cid', editor: null },
    ])
    const deep = await session
      .find(Comment)
      .withDefaults(true)
      .orderBy((comment) => comment.id.asc())
      .select((comment) => ({
        id: comment.id,
        title: comment.post.title,
        name: comment.post.author.name,
      }))
      .toList()
    expect(deep).toEqual([
      { id: 1, title: 'one', name: 'ann' },
      { id: 3, title: null, name: null },
    ])
  })

  it('beside a filter of the program in its own parentheses', async () => {
    await using session = database.session()
    const own = session.find(Post).filter(() => sql`id = 3 or id = 4`)
    expect(ids(await own.toList())).toEqual([4])
  })
})

describe('what the statement looks like', () => {
  it('values of a declared filter are constants in the text', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    await session
      .find(Comment)
      .filter({ postId: 1 })
      .select((each) => ({ id: each.id }))
      .toList()
    await session
      .find(Post)
      .select((post) => ({ name: post.author.name }))
      .toList()
    await session
      .find(Author)
      .select((author) => ({ bio: author.bio.text }))
      .toList()
    await session
      .find(Tag)
      .filter((tag) => tag.posts.any())
      .count()
    expect(statements.map(({ text: sent }) => [sent])).toEqual([
      [
        `select "t0"."id" from "comments" as "t0" where "t0"."is_spam" = 'f' and "t0"."post_id" = $1`,
      ],
      [
        'select "t0_0"."name" from "posts" as "t0" left join "authors" as "t0_0" on "t0_0"."id" = "t0"."author_id" ' +
          'and "t0_0"."deleted_at" is null where "t0"."deleted_at" is null',
      ],
      [
        `select "t0_2"."text" from "authors" as "t0" left join lateral (select "row".* from "bios" as "row" where ` +
          `"row"."author_id" = "t0"."id" and "row"."state" = any('{on,"it''s"}') order by "row"."id" limit 1) as "t0_2" ` +
          `on true where "t0"."deleted_at" is null`,
      ],
      [
        'select count(*) from "tags" as "t0" where exists (select 1 from "posts" as "t1" where exists (select from ' +
          '"post_tags" as "t1_through" where "t1_through"."tag_id" = "t0"."id" and "t1_through"."post_id" = "t1"."id" ' +
          `and "t1_through"."state" <> 'off') and "t1"."deleted_at" is null)`,
      ],
    ])
  })
})
