import { setImmediate } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Session } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { findingsOf, type Work } from './found.ts'
import { fill, magazine, Post, posts } from './magazine.ts'

const { database } = await testDatabase(magazine)

beforeAll(() => fill(database))

const file = 'test/n-plus-one/scenarios/relation-loops.test.ts'

const found = (work: Work) => findingsOf(database, work)

/** One finding, for the comments of five posts. */
const one = [
  {
    kind: 'n1.relation',
    target: 'Post.comments',
    count: 5,
    confidence: 'certain',
    parent: { target: 'Post', rows: 5 },
    site: { file },
  },
]

async function commentsOf(post: Post): Promise<number> {
  const comments = await post.comments
  return comments.length
}

async function commentsLater(post: Post): Promise<number> {
  await setImmediate()
  return commentsOf(post)
}

async function* asyncly<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

describe('a relation that is loaded one by one', () => {
  it('P11 Promise.all, coalescing off', async () => {
    const findings = await found(async (session) => {
      await Promise.all((await posts(session)).map((post) => post.comments.load()))
    })
    expect(findings).toMatchObject(one)
  })

  it('P12 Promise.all with await before load', async () => {
    const findings = await found(async (session) => {
      const loads = (await posts(session)).map(async (post) => {
        await setImmediate()
        await post.comments
      })
      await Promise.all(loads)
    })
    expect(findings).toMatchObject(one)
  })

  it('P14 helper in loop', async () => {
    const findings = await found(async (session) => {
      for (const post of await posts(session)) await commentsOf(post)
    })
    expect(findings).toMatchObject([{ count: 5, site: { file, function: 'commentsOf' } }])
  })

  it('P15 forEach fire-and-forget', async () => {
    const findings = await found(async (session) => {
      const all = await posts(session)
      all.forEach((post) => void post.comments.load())
      await Promise.all(all.map(({ comments }) => comments.load()))
    })
    expect(findings).toMatchObject(one)
  })

  it('P16 reduce / then chain', async () => {
    const findings = await found(async (session) => {
      await (
        await posts(session)
      ).reduce((before, post) => before.then(() => commentsOf(post)), Promise.resolve(0))
    })
    expect(findings).toMatchObject(one)
  })

  it('P17 async generator / iterator loop', async () => {
    const findings = await found(async (session) => {
      const stream = session
        .find(Post)
        .orderBy((post) => post.id.asc())
        .stream({ batchSize: 2 })
      for await (const post of stream) await post.comments
    })
    expect(findings).toMatchObject([
      { target: 'Post.comments', count: 5, parent: { target: 'Post', rows: 5 } },
    ])
  })

  const spellings: Record<string, Work> = {
    while: async (session) => {
      const waiting = await posts(session)
      while (waiting.length > 0) await waiting.pop()?.comments
    },
    'do … while': async (session) => {
      const waiting = await posts(session)
      do await waiting.pop()?.comments
      while (waiting.length > 0)
    },
    'a counter': async (session) => {
      const all = await posts(session)
      for (let index = 0; index < all.length; index += 1) await all[index]?.comments
    },
    entries: async (session) => {
      for (const [, post] of (await posts(session)).entries()) await post.comments
    },
    'for await': async (session) => {
      for await (const post of asyncly(await posts(session))) await post.comments
    },
    'a generator': async (session) => {
      function* each(all: readonly Post[]): Generator<PromiseLike<unknown>> {
        for (const post of all) yield post.comments.load()
      }
      for (const load of each(await posts(session))) await load
    },
    'an async generator': async (session) => {
      async function* each(all: readonly Post[]): AsyncGenerator<number> {
        for (const post of all) yield commentsLater(post)
      }
      for await (const count of each(await posts(session))) expect(count).toBe(2)
    },
    recursion: async (session) => {
      const visit = async ([first, ...rest]: readonly Post[]): Promise<void> => {
        if (first === undefined) return
        await first.comments
        await visit(rest)
      }
      await visit(await posts(session))
    },
    'a helper that waits': async (session) => {
      for (const post of await posts(session)) await commentsLater(post)
    },
    allSettled: async (session) => {
      await Promise.allSettled((await posts(session)).map(commentsLater))
    },
    'a then in the loop': async (session) => {
      for (const post of await posts(session))
        await post.comments.then((comments) => comments.length)
    },
    'a loop in a loop': async (session) => {
      const all = await posts(session)
      for (const pair of [all.slice(0, 2), all.slice(2)])
        for (const post of pair) await post.comments
    },
    'a set': async (session) => {
      for (const post of new Set(await posts(session))) await post.comments
    },
    'what JSON needs': async (session) => {
      const json = (await posts(session)).map(async (post) => ({
        ...post.toJSON(),
        comments: await post.comments,
      }))
      expect(await Promise.all(json)).toHaveLength(5)
    },
    'three at a time': async (session) => {
      const all = await posts(session)
      for (let index = 0; index < all.length; index += 3)
        await Promise.all(all.slice(index, index + 3).map(commentsOf))
    },
    'an early return': async (session) => {
      const find = async (all: readonly Post[]): Promise<Post | undefined> => {
        for (const post of all) if ((await post.comments).length === 3) return post
        return undefined
      }
      expect(await find(await posts(session))).toBeUndefined()
    },
  }

  it.each(Object.entries(spellings))('is found in %s', async (_name, work) => {
    expect(await found(work)).toMatchObject(one)
  })

  it('is found without a loop from three places on', async () => {
    const load = (count: number) => async (session: Session) => {
      const [first, second, third] = await posts(session)
      await first?.comments
      await second?.comments
      if (count === 3) await third?.comments
    }
    expect(await found(load(2))).toEqual([])
    expect(await found(load(3))).toMatchObject([{ count: 3 }])
  })

  it('has the place where most of its statements come from', async () => {
    let line = 0
    const findings = await found(async (session) => {
      const [first, second, ...others] = await posts(session)
      for (const post of [first, second]) await post?.comments
      line = lineBelow()
      for (const post of others) await post.comments
    })
    expect(findings).toMatchObject([{ count: 5, site: { file, line } }])
  })
})

/** The line below the one that calls it. */
function lineBelow(): number {
  const [, , caller = ''] = new Error('here').stack?.split('\n') ?? []
  return Number(/:(\d+):\d+\)?$/.exec(caller)?.[1]) + 1
}
