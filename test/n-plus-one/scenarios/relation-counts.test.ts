import { beforeAll, describe, expect, it, vi } from 'vitest'
import { selectinload, type Session, undefer } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { type Work } from './found.ts'
import { Category, fill, magazine, Post, posts, User } from './magazine.ts'

const { database } = await testDatabase(magazine)

beforeAll(async () => {
  await fill(database)
  // A session asks the catalogue once for each table, with stacks of its own.
  await database.run((session) => posts(session))
})

const file = 'test/n-plus-one/scenarios/relation-counts.test.ts'

/** What is found in the mode of production, and how many stacks are taken for it. */
async function counted(work: Work) {
  await using session = database.session({ nPlusOne: 'count' })
  const stacks = vi.spyOn(Error, 'captureStackTrace')
  try {
    await work(session)
    return { stacks: stacks.mock.calls.length, findings: session.stats.findings }
  } finally {
    stacks.mockRestore()
  }
}

const firstPosts = (session: Session, count: number): Promise<Post[]> =>
  session.find(Post).limit(count).toList()

const comments =
  (count: number): Work =>
  async (session) => {
    for (const post of await firstPosts(session, count)) await post.comments
  }

describe('in the mode of production', () => {
  it('P48 prod count mode', async () => {
    expect(await counted(comments(5))).toMatchObject({
      stacks: 1,
      findings: [{ kind: 'n1.relation', target: 'Post.comments', count: 5, site: { file } }],
    })
  })

  it('N52 prod count mode, 4 loads', async () => {
    expect(await counted(comments(4))).toEqual({ stacks: 0, findings: [] })
  })

  it('each of several patterns has one stack', async () => {
    const result = await counted(async (session) => {
      for (const post of await posts(session)) {
        await post.comments
        await post.tags
      }
      for (const post of await session.find(Post).toList()) await post.author
    })
    expect(result).toMatchObject({
      stacks: 3,
      findings: [
        { target: 'Post.comments', site: { file } },
        { target: 'Post.tags', site: { file } },
        { target: 'Post.author', site: { file } },
      ],
    })
  })

  it('calls that all begin before one is answered have one too', async () => {
    const result = await counted(async (session) => {
      await Promise.all((await posts(session)).map((post) => post.comments))
    })
    expect(result).toMatchObject({ stacks: 1, findings: [{ count: 5, site: { file } }] })
  })

  it('what the identity map has does not count', async () => {
    const result = await counted(async (session) => {
      await session.find(User).toList()
      for (const post of await posts(session)) await post.author
    })
    expect(result).toEqual({ stacks: 0, findings: [] })
  })

  it('loaders and columns of one entity after the other have one', async () => {
    const loads = await counted(async (session) => {
      for (const post of await posts(session)) await session.load(post, selectinload(Post.comments))
    })
    expect(loads).toMatchObject({ stacks: 1, findings: [{ count: 5, site: { file } }] })
    const columns = await counted(async (session) => {
      for (const post of await posts(session)) await session.load(post, undefer(Post, 'body'))
    })
    expect(columns).toMatchObject({
      stacks: 1,
      findings: [{ target: 'Post.body', count: 5, site: { file } }],
    })
  })

  it('a chain has one, from five levels on', async () => {
    const up =
      (id: number): Work =>
      async (session) => {
        let category = await session.getOrThrow(Category, id)
        while (category.parentId !== null) category = (await category.parent) as Category
      }
    expect(await counted(up(105))).toMatchObject({
      stacks: 1,
      findings: [{ kind: 'n1.recursive', count: 5, site: { file } }],
    })
    expect(await counted(up(104))).toEqual({ stacks: 0, findings: [] })
  })

  it('a list of one row is not told', async () => {
    const result = await counted(async (session) => {
      for (const post of await session.find(Post).filter({ id: 1 }).toList()) await post.author
    })
    expect(result).toEqual({ stacks: 0, findings: [] })
  })
})

describe('in development', () => {
  it('no stack is taken for what is known, or has its place from the property', async () => {
    await using session = database.session({ nPlusOne: 'detect' })
    const all = await posts(session)
    const stacks = vi.spyOn(Error, 'captureStackTrace')
    for (const post of all) await post.comments
    for (const post of all) await post.comments
    // The calls 1 to 3, and 5.
    expect(stacks.mock.calls).toHaveLength(4)
    stacks.mockRestore()
    expect(session.stats.findings).toMatchObject([{ count: 5, site: { file } }])
  })
})
