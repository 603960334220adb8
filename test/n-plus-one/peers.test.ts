import { beforeAll, describe, expect, it } from 'vitest'
import { type Finding, type Session, type SessionOptions } from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Comment, Post, User, user } from '../support/entities.ts'

const { database } = await testDatabase(blog)

beforeAll(async () => {
  await database.run((session) => {
    for (let index = 0; index < 6; index += 1) {
      const author = user(`user${index}`)
      const posts = [0, 1].map((number) => new Post({ title: `post${number}`, author }))
      session.add(posts)
      for (const post of posts) session.add(new Comment({ body: 'a', post }))
    }
  })
})

async function findingsOf(
  work: (session: Session) => Promise<unknown>,
  options: SessionOptions,
): Promise<readonly Finding[]> {
  await using session = database.session({ nPlusOne: 'detect', ...options })
  await work(session)
  return session.stats.findings
}

describe('loads for peers', () => {
  it('are no finding, level by level', async () => {
    const findings = await findingsOf(
      async (session) => {
        for (const each of await session.find(User).toList())
          for (const post of await each.posts)
            for (const comment of await post.comments) await comment.post
      },
      { lazy: 'peers' },
    )
    expect(findings).toEqual([])
  })

  it('are none either, all at once', async () => {
    const findings = await findingsOf(
      async (session) => {
        const posts = await session.find(Post).toList()
        await Promise.all(posts.map((post) => post.author.load()))
      },
      { lazy: 'peers' },
    )
    expect(findings).toEqual([])
  })

  it('leave the loops that load one by one to be found, with the way that leads there', async () => {
    const findings = await findingsOf(async (session) => {
      const users = await session.find(User).lazy('peers').toList()
      const posts: Post[] = []
      for (const each of users) posts.push(...(await each.posts))
      for (const comment of await session.find(Comment).toList()) await comment.post
      await session.find(Post).lazy('select').toList()
      for (const post of posts) await post.comments
    }, {})
    expect(findings).toMatchObject([
      { target: 'Post.comments', count: 12, parent: { target: 'Post' } },
    ])
  })

  it('in the mode select are found as before, by way of entities that a query gave alone', async () => {
    const findings = await findingsOf(
      async (session) => {
        const one = await session.find(User).lazy('select').filter({ id: 1 }).one()
        for (const post of await one.posts) await post.comments
      },
      { lazy: 'peers' },
    )
    expect(findings).toMatchObject([
      { target: 'Post.comments', count: 2, parent: { target: 'User.posts', rows: 2 } },
    ])
  })
})
