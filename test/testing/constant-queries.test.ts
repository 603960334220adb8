import { beforeEach, describe, expect, it } from 'vitest'
import { expectConstantQueries, recordQueries } from '../../plugin/testing/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog, Post, User, user } from '../support/entities.ts'
import { postsApp, seedPosts } from './posts.ts'

const { database, truncate } = await testDatabase(blog)
beforeEach(truncate)

/** Brings the number of posts to the one that is wanted. */
async function populate(rows: number): Promise<void> {
  const there = await database.run((session) => session.find(Post).count())
  await database.run((session) => {
    for (let index = there; index < rows; index += 1)
      session.add(new Post({ title: 'post', author: user(`author${index}`) }))
  })
}

describe('expectConstantQueries()', () => {
  it('gives the records where the number is the same', async () => {
    const app = postsApp(database)
    const records = await expectConstantQueries({ populate }, () => app.inject('/eager'))
    expect(records.map(({ statements }) => statements.map(({ rows }) => rows))).toEqual([
      [2, 2],
      [5, 5],
    ])
  })

  it('rejects with numbers, slope, table and place where it grows', async () => {
    const app = postsApp(database)
    const growing = expectConstantQueries({ populate, scales: [2, 5, 6] }, () =>
      app.inject('/lazy'),
    )
    await expect(growing).rejects.toThrow(
      /^Expected the same number of queries for all numbers of rows, got 3 queries for N=2, 6 for N=5, 7 for N=6 \(slope 1\.0\)\.\n {2}users \(SELECT\): 2 != 5 != 6 at test\/testing\/posts\.ts:33:\d+$/,
    )
  })

  it('finds writes too, which no rule has to find', async () => {
    await seedPosts(database, 1)
    let rows = 0
    const writing = expectConstantQueries({ populate: (count) => (rows = count) }, () =>
      database.run(async (session) => {
        for (let index = 0; index < rows; index += 1)
          await session.find(User).filter({ id: index }).update({ age: index })
      }),
    )
    await expect(writing).rejects.toThrow(
      /2 queries for N=2, 5 for N=5.*\n {2}users \(UPDATE\): 2 != 5/,
    )
  })

  it('runs the function once before, unless it is told not to', async () => {
    const runs: string[] = []
    const options = { populate: (rows: number) => runs.push(`populate ${rows}`), scales: [1, 2] }
    const fn = (): Promise<number> => {
      runs.push('run')
      return database.run((session) => session.find(User).count())
    }
    await expectConstantQueries(options, fn)
    expect(runs.splice(0)).toEqual(['populate 1', 'run', 'run', 'populate 2', 'run'])
    await expectConstantQueries({ ...options, warmup: false }, fn)
    expect(runs).toEqual(['populate 1', 'run', 'populate 2', 'run'])
  })

  it('rejects where nothing was recorded', async () => {
    await using session = database.session()
    const unseen = expectConstantQueries({ populate: () => {} }, () => session.find(User).count())
    await expect(unseen).rejects.toThrow('Expected statements, got none. No session has begun')
  })

  it.each([[[]], [[2]], [[5, 2]], [[2, 2]], [[-1, 2]], [[1.5, 2]]])(
    'refuses the scales %j',
    async (scales) => {
      const refused = expectConstantQueries({ populate, scales }, () => {})
      await expect(refused).rejects.toThrow('scales expected at least two integers, ascending, got')
    },
  )

  it('is recorded by what is around it', async () => {
    const db = await recordQueries(() =>
      expectConstantQueries({ populate: () => {} }, () =>
        database.run((session) => session.find(User).count()),
      ),
    )
    expect(db.queryCount).toBe(3)
  })
})
