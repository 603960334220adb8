import { beforeAll, describe, expect, it } from 'vitest'
import { selectinload, undefer, countload } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { findingsOf, type Work } from './found.ts'
import { Category, Cover, fill, magazine, Post, posts, Tag } from './magazine.ts'

const { database } = await testDatabase(magazine)

beforeAll(() => fill(database))

const found = (work: Work) => findingsOf(database, work)

/** A finding of a list of five posts. */
const of = (target: string, count = 5) => ({
  kind: 'n1.relation',
  target,
  count,
  avoidableQueries: count - 1,
  confidence: 'certain',
  parent: { target: 'Post', rows: 5 },
})

describe('a relation that is loaded one by one', () => {
  it('P01 lazy to-many in for..of', async () => {
    const findings = await found(async (session) => {
      for (const post of await posts(session)) await post.comments.load()
    })
    expect(findings).toMatchObject([of('Post.comments')])
  })

  it('P02 lazy to-one in for..of', async () => {
    const findings = await found(async (session) => {
      for (const post of await posts(session)) await post.author
    })
    expect(findings).toMatchObject([of('Post.author')])
  })

  it('P04 1:1 owning / inverse side', async () => {
    const findings = await found(async (session) => {
      for (const post of await posts(session)) await post.cover
    })
    expect(findings).toMatchObject([of('Post.cover')])
    const inverse = await found(async (session) => {
      for (const cover of await session.find(Cover).toList()) await cover.post
    })
    expect(inverse).toMatchObject([{ ...of('Cover.post'), parent: { target: 'Cover', rows: 5 } }])
  })

  it('P05 many-to-many both sides', async () => {
    const findings = await found(async (session) => {
      for (const post of await posts(session)) await post.tags
    })
    expect(findings).toMatchObject([of('Post.tags')])
    const inverse = await found(async (session) => {
      for (const tag of await session.find(Tag).toList()) await tag.posts
    })
    expect(inverse).toMatchObject([{ ...of('Tag.posts'), parent: { target: 'Tag', rows: 5 } }])
  })

  it('P07 to-one chain', async () => {
    const findings = await found(async (session) => {
      for (const post of await posts(session)) await (await post.author).company
    })
    expect(findings).toMatchObject([
      { ...of('Post.author'), path: ['Post.author'] },
      {
        ...of('User.company'),
        path: ['Post.author', 'User.company'],
        fix: 'find(Post).options(selectinload(Post.author).options(selectinload(User.company)))',
      },
    ])
  })

  it('P08 nested to-many', async () => {
    const findings = await found(async (session) => {
      for (const post of await posts(session))
        for (const comment of await post.comments) await comment.author
    })
    expect(findings).toMatchObject([
      of('Post.comments'),
      {
        ...of('Comment.author'),
        fix: 'find(Post).options(selectinload(Post.comments).options(selectinload(Comment.author)))',
      },
    ])
  })

  it('P09 first level populated, second lazy', async () => {
    const findings = await found(async (session) => {
      const all = await session.find(Post).options(selectinload(Post.comments)).toList()
      for (const post of all) for (const comment of post.comments.value) await comment.author
    })
    expect(findings).toMatchObject([
      { ...of('Comment.author'), path: ['Post.comments', 'Comment.author'] },
    ])
  })

  it('P18 two rows only', async () => {
    const findings = await found(async (session) => {
      for (const post of await session.find(Post).limit(2).toList()) await post.comments
    })
    expect(findings).toMatchObject([{ ...of('Post.comments', 2), parent: { rows: 2 } }])
  })

  it('P22 deferred column in loop', async () => {
    const findings = await found(async (session) => {
      for (const post of await posts(session)) await session.load(post, undefer(Post, 'body'))
    })
    expect(findings).toMatchObject([
      { ...of('Post.body'), fix: `find(Post).options(undefer(Post, 'body'))`, path: ['Post.body'] },
    ])
  })

  it('P23 populate per entity in loop', async () => {
    const findings = await found(async (session) => {
      for (const post of await posts(session))
        await session.load([post], selectinload(Post.comments))
    })
    expect(findings).toMatchObject([of('Post.comments')])
  })

  it('P23 counts per entity in loop', async () => {
    const findings = await found(async (session) => {
      for (const post of await posts(session)) await session.load(post, countload(Post.comments))
    })
    expect(findings).toMatchObject([
      { ...of('Post.comments'), fix: 'find(Post).options(countload(Post.comments))' },
    ])
  })

  it('P35 recursion up a tree', async () => {
    const findings = await found(async (session) => {
      let category = await session.getOrThrow(Category, 106)
      while (category.parentId !== null) category = (await category.parent) as Category
    })
    expect(findings).toMatchObject([
      {
        kind: 'n1.recursive',
        target: 'Category.parent',
        count: 6,
        avoidableQueries: 5,
        confidence: 'certain',
        path: ['Category.parent'],
        fix: 'find(Category).filter(…).select(…).recursive((rows) => find(Category).join(rows, (next, row) => next.id.eq(row.parentId)).select(…))',
      },
    ])
    expect(findings[0]).not.toHaveProperty('parent.rows')
  })

  it('P36 recursion down a tree', async () => {
    const walk = async (category: Category): Promise<void> => {
      for (const child of await category.children) await walk(child)
    }
    const findings = await found(async (session) => walk(await session.getOrThrow(Category, 1)))
    expect(findings).toMatchObject([
      {
        ...of('Category.children', 14),
        // A loader for each of the three levels.
        avoidableQueries: 11,
        parent: { target: 'Category.children', rows: 2 },
        path: ['Category.children'],
      },
    ])
  })

  it('P36 recursion down a tree, one by one', async () => {
    const findings = await found(async (session) => {
      let [next] = await (await session.getOrThrow(Category, 100)).children
      while (next !== undefined) [next] = await next.children
    })
    expect(findings).toMatchObject([
      { kind: 'n1.recursive', target: 'Category.children', count: 6 },
    ])
  })

  it('P44 latent: list query returned 1 row', async () => {
    const findings = await found(async (session) => {
      for (const post of await session.find(Post).filter({ id: 1 }).toList()) await post.author
    })
    expect(findings).toMatchObject([
      {
        kind: 'n1.latent',
        target: 'Post.author',
        count: 1,
        avoidableQueries: 0,
        severity: 'info',
        parent: { target: 'Post', rows: 1 },
        fix: 'find(Post).options(selectinload(Post.author))',
      },
    ])
  })

  it('P49 created with insertMany, where rows may be there already', async () => {
    const findings = await found(async (session) => {
      const rows = Array.from({ length: 6 }, () => ({ authorId: 1 }))
      const created = await session.insertMany(Post, rows, { onConflict: 'ignore' })
      for (const post of created) await post.comments
      await session.rollback()
    })
    expect(findings).toMatchObject([{ target: 'Post.comments', count: 6, parent: { rows: 6 } }])
  })

  it('P49 created in scope then lazy', async () => {
    const findings = await found(async (session) => {
      const created = Array.from({ length: 6 }, () => new Post({ authorId: 1 }))
      session.add(created)
      await session.flush()
      for (const post of created) await post.comments
      await session.rollback()
    })
    expect(findings).toMatchObject([
      {
        ...of('Post.comments', 6),
        parent: { target: 'Post', rows: 6 },
        fix: 'load(entities, selectinload(Post.comments))',
      },
    ])
  })
})
