import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordSession } from '../../support/recorder.ts'
import { Author, Comment, desk, fillDesk, Post } from './desk.ts'

const created = await testDatabase(desk)
const { database, url } = created

beforeEach(() => fillDesk(created))

const likes = async (session: Session): Promise<Record<number, number>> => {
  const posts = session.find(Post).withDefaults(false)
  const rows = await posts.select((post) => ({ id: post.id, likes: post.likes })).toList()
  return Object.fromEntries(rows.map((row) => [row.id, row.likes]))
}

describe('default filters hold for writes by query', () => {
  it('that write all rows, or those of a filter', async () => {
    await using session = database.session()
    expect(await session.find(Post).all().update({ likes: 1 })).toBe(4)
    expect(await likes(session)).toEqual({ 1: 1, 2: 1, 3: 30, 4: 1, 5: 1 })
    expect(
      await session
        .find(Post)
        .filter({ id: [3, 4] })
        .update({ likes: 2 }),
    ).toBe(1)
    expect(
      await session
        .find(Comment)
        .filter({ postId: [1, 2] })
        .delete(),
    ).toBe(1)
    expect(await session.find(Comment).withDefaults(false).all().delete()).toBe(3)
    expect(
      await session.find(Post).withDefaults(false).filter({ id: 3 }).update({ likes: 3 }),
    ).toBe(1)
    expect(await session.find(Post).withDefaults(false).all().update({ likes: 4 })).toBe(5)
  })

  it('are no filter of the program, without which everything would be written', async () => {
    await using session = database.session()
    session.addFilter(Post, (post) => post.tenantId.eq(1))
    await expect(session.find(Post).update({ likes: 1 })).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'expected a filter, got none'),
    )
  })

  it('of sessions, with values among those of the statement', async () => {
    await using session = database.session()
    session.addFilter(Post, (post) => post.tenantId.eq(1))
    session.addFilter(Author, (author) => author.tenantId.eq(1))
    const changed = await session
      .find(Post)
      .filter((post) => post.likes.gt(5))
      .update(
        (post) => ({
          likes: sql<number>`${post.likes} + ${100}`,
          title: sql<string>`coalesce(${post.author.name}, ${'?'})`,
        }),
        {
          returning: (post) => ({
            id: post.id,
            title: post.title,
            editor: post.editor.name,
            tags: post.tags.count(),
          }),
        },
      )
    expect(changed.toSorted((a, b) => a.id - b.id)).toEqual([
      { id: 1, title: 'ann', editor: null, tags: 1 },
      { id: 2, title: 'ann', editor: null, tags: 0 },
      { id: 4, title: '?', editor: 'ann', tags: 0 },
    ])
    expect(await likes(session)).toEqual({ 1: 110, 2: 120, 3: 30, 4: 140, 5: 50 })
  })

  it('where the rows are chosen by an order, a limit, or a relation', async () => {
    await using session = database.session()
    session.addFilter(Post, (post) => post.tenantId.eq(1))
    const best = session
      .find(Post)
      .filter({ authorId: [1, 2, 3] })
      .orderBy((post) => post.likes.desc())
      .limit(2)
    expect(await best.update({ likes: 0 }, { returning: (post) => ({ id: post.id }) })).toEqual([
      { id: 4 },
      { id: 2 },
    ])
    const ofAnn = session.find(Post).filter((post) => post.author.name.ne('x'))
    expect(await ofAnn.update({ likes: 7 })).toBe(2)
    expect(await likes(session)).toEqual({ 1: 7, 2: 7, 3: 30, 4: 0, 5: 50 })
    expect(await ofAnn.withDefaults(false).update({ likes: 8 })).toBe(5)
    expect(
      await session
        .find(Post)
        .filter((post) => post.comments.any())
        .update({ likes: 9 }),
    ).toBe(1)
    expect(await likes(session)).toEqual({ 1: 9, 2: 8, 3: 8, 4: 8, 5: 8 })
  })

  it('and entities that the session holds follow', async () => {
    await using session = database.session()
    const [one, two] = await session.getMany(Post, [1, 2])
    const three = await session.find(Post).withDefaults(false).filter({ id: 3 }).one()
    await session.find(Post).all().update({ likes: 5 })
    expect([one?.likes, two?.likes, three.likes]).toEqual([5, 5, 30])
    // Soft delete: the rows are hidden afterwards, and the session still holds them.
    const gone = new Date('2026-02-02T00:00:00Z')
    expect(await session.find(Post).filter({ authorId: 1 }).update({ deletedAt: gone })).toBe(2)
    expect([one?.deletedAt, two?.deletedAt]).toEqual([gone, gone])
    expect(await session.find(Post).count()).toBe(2)
    expect(await session.get(Post, 1)).toBe(one)
  })

  it('each with a statement of its own', async () => {
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const write = (hold: boolean) =>
      session.find(Post).withDefaults(hold).filter({ authorId: 1 }).update({ likes: 1 })
    const counts: (number | readonly unknown[])[] = []
    for (const hold of [true, false, true, false, true, false]) counts.push(await write(hold))
    expect(counts).toEqual([2, 3, 2, 3, 2, 3])
    const texts = statements.map(({ text }) => text).filter((text) => text.includes('update'))
    expect(new Set(texts)).toEqual(
      new Set([
        'update "posts" as "t0" set "likes" = $1 where "t0"."deleted_at" is null and "t0"."author_id" = $2',
        'update "posts" as "t0" set "likes" = $1 where "t0"."author_id" = $2',
      ]),
    )
  })
})

describe('a lock of a relation', () => {
  it('leaves out rows whose related row is hidden', async () => {
    await using session = database.session()
    session.addFilter(Post, (post) => post.tenantId.eq(1))
    session.addFilter(Author, (author) => author.tenantId.lt(9))
    const locking = session
      .find(Post)
      .orderBy((post) => post.id.asc())
      .filter((post) => post.likes.gt(1))
    const posts = await locking.forUpdate({ of: (post) => [post, post.author] }).toList()
    expect(posts.map(({ id, author }) => `${id} ${author.value.name}`)).toEqual(['1 ann', '2 ann'])
    const writers = await locking.forUpdate({ of: (post) => [post, post.writer] }).toList()
    expect(writers.map(({ id, writer }) => `${id} ${writer.value.name}`)).toEqual([
      '1 ann',
      '2 ann',
      '4 bob',
    ])
  })
})
