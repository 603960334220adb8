import { beforeAll, describe, expect, it } from 'vitest'
import {
  belongsTo,
  type Finding,
  hasMany,
  integer,
  manyToMany,
  selectinload,
  type Session,
  type SessionOptions,
  table,
} from '../../orm/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Comment, Post, User, user } from '../support/entities.ts'

class Node extends table('nodes', {
  id: integer().primaryKey(),
  parentId: integer().nullable(),
  parent: () => belongsTo(Node, 'parentId'),
  children: () => hasMany(Node, 'parentId'),
  peers: () => manyToMany(Node, { through: Edge, from: 'fromId', to: 'toId' }),
}) {}

class Edge extends table('edges', {
  fromId: integer()
    .primaryKey()
    .references(() => Node),
  toId: integer()
    .primaryKey()
    .references(() => Node),
}) {}

const { database } = await testDatabase([...blog, Node, Edge])

beforeAll(async () => {
  await database.run((session) => {
    for (let id = 0; id < 6; id += 1) {
      session.add(new Node({ id, parentId: id - 1 }))
      session.add(new Edge({ fromId: id, toId: (id + 1) % 6 }))
    }
  })
  await database.run((session) => {
    for (let index = 0; index < 6; index += 1) {
      const author = user(`user${index}`)
      const posts = [0, 1].map((number) => new Post({ title: `post${number}`, author }))
      session.add(posts)
      for (const post of posts)
        session.add(new Comment({ body: 'a', post }), new Comment({ body: 'b', post }))
    }
  })
})

/** What is found in a session in which some work is done. */
async function findingsOf(
  work: (session: Session) => Promise<unknown>,
  options: SessionOptions = {},
): Promise<readonly Finding[]> {
  await using session = database.session({ nPlusOne: 'detect', ...options })
  await work(session)
  return session.stats.findings
}

function users(session: Session): Promise<User[]> {
  return session
    .find(User)
    .orderBy((each) => each.id.asc())
    .toList()
}

const file = 'test/n-plus-one/relations.test.ts'

// Of the functions above and below.
const sites = {
  list: { file, function: 'users', line: 67 },
  loop: { file, line: 81 },
}

describe('a relation that is loaded one by one', () => {
  it('is found for a to-many relation, with what to write instead', async () => {
    const findings = await findingsOf(async (session) => {
      for (const each of await users(session)) await each.posts
    })
    expect(findings).toEqual([
      {
        kind: 'n1.relation',
        target: 'User.posts',
        count: 6,
        avoidableQueries: 5,
        confidence: 'certain',
        severity: 'warn',
        durationMs: expect.any(Number),
        avoidableMs: expect.any(Number),
        site: { ...sites.loop, column: expect.any(Number) },
        parent: { target: 'User', rows: 6, site: { ...sites.list, column: expect.any(Number) } },
        sql: expect.stringMatching(/^select .* from "posts" as "t0" where "t0"."author_id" = \$1/),
        fix: 'find(User).options(selectinload(User.posts))',
        path: ['User.posts'],
      },
    ])
  })

  it('is found for a to-one relation: the statements that were sent, not the accesses', async () => {
    const findings = await findingsOf(async (session) => {
      for (const post of await session.find(Post).toList()) await post.author
    })
    expect(findings).toMatchObject([{ target: 'Post.author', count: 6, parent: { rows: 12 } }])
  })

  it('is found under Promise.all too', async () => {
    const findings = await findingsOf(async (session) => {
      await Promise.all((await users(session)).map((each) => each.posts.load()))
    })
    expect(findings).toMatchObject([{ target: 'User.posts', count: 6 }])
  })

  it.each(['children', 'peers'] as const)(
    'is found where %s are members of the list themselves',
    async (relation) => {
      const findings = await findingsOf(async (session) => {
        for (const node of await session.find(Node).toList()) await node[relation]
      })
      const fix = `find(Node).options(selectinload(Node.${relation}))`
      expect(findings).toMatchObject([{ target: `Node.${relation}`, count: 6, fix }])
    },
  )

  it('is found for two rows', async () => {
    const findings = await findingsOf(async (session) => {
      for (const each of await session.find(User).limit(2).toList()) await each.posts
    })
    expect(findings).toMatchObject([{ count: 2 }])
  })

  it('is one finding for each relation of a chain, each with the loaders that lead there', async () => {
    const findings = await findingsOf(async (session) => {
      for (const each of await users(session)) {
        for (const post of await each.posts) await post.comments
      }
    })
    expect(findings).toMatchObject([
      { target: 'User.posts', count: 6 },
      {
        target: 'Post.comments',
        count: 12,
        severity: 'error',
        fix: 'find(User).options(selectinload(User.posts).options(selectinload(Post.comments)))',
      },
    ])
  })

  it('is found below an eager load, and only there', async () => {
    const findings = await findingsOf(async (session) => {
      const all = await session.find(User).options(selectinload(User.posts)).toList()
      for (const each of all) for (const post of each.posts.value) await post.comments
    })
    expect(findings).toMatchObject([
      { target: 'Post.comments', count: 12, parent: { target: 'User' } },
    ])
  })

  it('is found for the many rows of an entity that was read on its own', async () => {
    const findings = await findingsOf(async (session) => {
      const one = await session.get(User, 1)
      for (const post of (await one?.posts) ?? []) await post.comments
    })
    expect(findings).toMatchObject([
      {
        target: 'Post.comments',
        count: 2,
        parent: { target: 'User.posts', rows: 2 },
        fix: 'find(User).options(selectinload(User.posts).options(selectinload(Post.comments)))',
      },
    ])
  })

  it('counts entities that were read on their own before', async () => {
    const findings = await findingsOf(async (session) => {
      for (const id of [1, 2]) await session.get(User, id)
      const posts = await session.find(Post).options(selectinload(Post.author)).toList()
      for (const author of new Set(posts.map((post) => post.author.value))) await author.posts
    })
    expect(findings).toMatchObject([{ target: 'User.posts', count: 6, parent: { target: 'Post' } }])
  })

  it('is counted by its list: two lists are two findings', async () => {
    const findings = await findingsOf(async (session) => {
      const [first, second] = [session.find(User).limit(3), session.find(User).offset(3)].map(
        (query) => query.orderBy((each) => each.id.asc()),
      )
      for (const each of (await first?.toList()) ?? []) await each.posts
      for (const each of (await second?.toList()) ?? []) await each.posts
    })
    expect(findings).toMatchObject([{ count: 3 }, { count: 3 }])
  })

  it('is found from five statements on in the mode count, and never in the mode off', async () => {
    const load = (rows: number) => async (session: Session) => {
      for (const each of await session.find(User).limit(rows).toList()) await each.posts
    }
    expect(await findingsOf(load(4), { nPlusOne: 'count' })).toEqual([])
    expect(await findingsOf(load(5), { nPlusOne: 'count' })).toHaveLength(1)
    expect(await findingsOf(load(6), { nPlusOne: 'off' })).toEqual([])
  })
})

describe('no finding', () => {
  const silent = {
    'of an eager load': async (session) => {
      const all = await session.find(User).options(selectinload(User.posts)).toList()
      for (const each of all) await each.posts
    },
    'of a single entity and its relations': async (session) => {
      const post = await session.get(Post, 1)
      await post?.comments
      const author = await post?.author
      await author?.posts
    },
    'of the first row alone': async (session) => {
      const first = await session.find(User).first()
      await first?.posts
    },
    'of one entity of a list': async (session) => {
      const [first] = await users(session)
      await first?.posts
    },
    'of a relation that is read twice': async (session) => {
      const [first] = await users(session)
      await first?.posts
      await first?.posts
    },
    'of what the identity map has': async (session) => {
      await users(session)
      for (const post of await session.find(Post).toList()) await post.author
    },
    'of two relations that are loaded once each': async (session) => {
      const [post] = await session.find(Post).toList()
      await post?.author
      await post?.comments
    },
    'of an empty list': async (session) => {
      for (const each of await session.find(User).filter({ name: 'nobody' }).toList())
        await each.posts
    },
    'of a flush with many rows': async (session) => {
      session.add(Array.from({ length: 20 }, (_, index) => user(`new${index}`)))
      await session.flush()
      await session.rollback()
    },
  } satisfies Record<string, (session: Session) => Promise<unknown>>

  it.each(Object.entries(silent))('%s', async (_name, work) => {
    expect(await findingsOf(work)).toEqual([])
  })

  it('from one session to the next', async () => {
    for (let index = 0; index < 3; index += 1) {
      const findings = await findingsOf(async (session) => {
        const [first] = await users(session)
        await first?.posts
      })
      expect(findings).toEqual([])
    }
  })
})
