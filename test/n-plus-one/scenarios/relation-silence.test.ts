import { beforeAll, describe, expect, it } from 'vitest'
import { joinedload, selectinload, undefer } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { findingsOf, type Work } from './found.ts'
import { Category, Comment, fill, magazine, Post, posts, Tag, User } from './magazine.ts'

const { database } = await testDatabase(magazine)

beforeAll(() => fill(database))

const newPost = (): Post => new Post({ authorId: 1 })

const silent: Record<string, Work> = {
  'N01 populated': async (session) => {
    for (const post of await session.find(Post).options(selectinload(Post.comments)).toList())
      await post.comments
  },
  'N01 populated by a join': async (session) => {
    for (const post of await session.find(Post).options(joinedload(Post.author)).toList())
      await post.author
  },
  'N02 late bulk populate': async (session) => {
    const all = await posts(session)
    await session.load(all, selectinload(Post.comments), undefer(Post, 'body'))
    for (const post of all) await post.comments
  },
  'N03 single root, to-many': async (session) => {
    await (
      await session.getOrThrow(Post, 1)
    ).comments
  },
  'N04 single root, to-one chain': async (session) => {
    await (
      await (
        await session.getOrThrow(Post, 1)
      ).author
    ).company
  },
  'N05 findOne': async (session) => {
    await (
      await session.find(Post).first()
    )?.author
    await (
      await session.find(Post).filter({ id: 2 }).one()
    ).author
  },
  'N05 limit 1': async (session) => {
    for (const post of await session.find(Post).limit(1).toList()) await post.author
  },
  'N05 [0] of a list': async (session) => {
    const [first] = await posts(session)
    await first?.author
    await first?.comments
  },
  'N08 same relation twice on one owner': async (session) => {
    const [first] = await posts(session)
    for (let turn = 0; turn < 3; turn += 1) await first?.comments
  },
  'N09 identity-map hits': async (session) => {
    await session.find(User).toList()
    for (const post of await posts(session)) await post.author
  },
  'N10 NULL FK in all rows': async (session) => {
    for (const post of await posts(session)) await post.editor
  },
  'N12 empty list': async (session) => {
    for (const post of await session.find(Post).filter({ title: 'none' }).toList())
      await post.comments
  },
  'N14 inverse side already set': async (session) => {
    const all = await session.find(Post).options(selectinload(Post.comments)).toList()
    for (const post of all) for (const comment of post.comments.value) await comment.post
  },
  'N15 new entities, not persisted': async (session) => {
    const created = Array.from({ length: 6 }, newPost)
    session.add(created)
    for (const post of created) expect(() => post.comments.value).toThrow('not loaded')
    await session.rollback()
  },
  'N16 just created one, read relation': async (session) => {
    const post = newPost()
    session.add(post)
    await session.flush()
    await post.comments
    await post.author
    await session.rollback()
  },
  'N16 just created four, read relation': async (session) => {
    const created = Array.from({ length: 4 }, newPost)
    session.add(created)
    await session.flush()
    for (const post of created) await post.comments
    await session.rollback()
  },
  'N17 two relations to same target & same SQL': async (session) => {
    const [first, second] = await posts(session)
    await first?.author
    await second?.editor
  },
  'N18 same SQL from two code paths, different meaning': async (session) => {
    const [first] = await posts(session)
    const [, second] = await session
      .find(Post)
      .filter((post) => post.id.gt(1))
      .toList()
    await first?.comments
    await second?.comments
  },
  'N20 M:N populate pivot + target': async (session) => {
    const all = await session.find(Post).options(selectinload(Post.tags)).toList()
    for (const post of all) for (const tag of await post.tags) await session.get(Tag, tag.id)
  },
  'N40 early-exit search touching 1 row': async (session) => {
    for (const post of await posts(session)) if ((await post.comments).length > 0) break
  },
  'N45 same entity loaded singly elsewhere + list populated': async (session) => {
    await (
      await session.getOrThrow(Post, 1)
    ).comments
    const all = await session.find(Post).options(selectinload(Post.comments)).toList()
    for (const post of all) await post.comments
  },
  'N46 join-populate that never reads the through entity': async (session) => {
    const tags = session.find(Tag).options(selectinload(Tag.posts).options(joinedload(Post.author)))
    for (const tag of await tags.toList()) for (const post of await tag.posts) await post.author
  },
  'a tree of three levels, up from one leaf': async (session) => {
    const leaf = await session.getOrThrow(Category, 103)
    await (
      await (
        await leaf.parent
      )?.parent
    )?.parent
  },
  'three chains of one step, from entities that were read alone': async (session) => {
    for (const id of [101, 103, 105]) await (await session.getOrThrow(Category, id)).parent
  },
  'a property that is read, and not awaited': async (session) => {
    for (const post of await posts(session)) expect(post.comments.isLoaded).toBe(false)
  },
}

describe('no finding of a relation', () => {
  it.each(Object.entries(silent))('%s', async (_name, work) => {
    const findings = await findingsOf(database, work)
    expect(findings.filter(({ kind }) => kind !== 'n1.get')).toEqual([])
  })

  it('N13 list of 1 row', async () => {
    const findings = await findingsOf(database, async (session) => {
      const one = session.find(Post).filter({ id: 1 })
      for (const post of await one.toList()) await post.author
      for await (const post of one.stream()) await post.comments
    })
    expect(findings).toMatchObject([
      { kind: 'n1.latent', target: 'Post.author', severity: 'info' },
      { kind: 'n1.latent', target: 'Post.comments', severity: 'info' },
    ])
  })

  it('N21 coalesced Promise.all / peers loading', async () => {
    await using session = database.session({ nPlusOne: 'detect', lazy: 'peers' })
    await Promise.all((await posts(session)).map((post) => post.comments.load()))
    for (const comment of await session.find(Comment).toList()) await comment.author
    expect(session.stats).toMatchObject({ queryCount: 4, savedQueries: 8, findings: [] })
  })

  it('N21 loads of one row that share a statement', async () => {
    await using session = database.session({ nPlusOne: 'detect' })
    const created = await session.insertMany(Post, [
      { authorId: 1 },
      { authorId: 1 },
      { authorId: 1 },
    ])
    const before = session.stats.queryCount
    await Promise.all(created.map((post) => post.author.load()))
    expect(session.stats).toMatchObject({ queryCount: before + 1, savedQueries: 2, findings: [] })
    await session.rollback()
  })
})
