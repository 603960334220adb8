import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { buildApp } from '../../example-api/app.ts'
import { tables } from '../../example-api/entities.ts'
import type { DatabaseContract } from '../../plugin/testing/contract/contract.ts'
import { differences } from '../../plugin/testing/contract/difference.ts'
import { expectContract } from '../../plugin/testing/index.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { contractFile, insertion, manyFrom, measured } from './contract-measure.ts'
import { dropped } from './dropped-index.ts'
import { eagerLoads, exampleWith } from './without-loader.ts'

interface Lane extends TestDatabase {
  readonly app: FastifyInstance
}

// What waits for a database leaves the processor to the others.
const lanes = await Promise.all(Array.from({ length: 3 }, lane))

async function lane(): Promise<Lane> {
  const server = await testDatabase(tables)
  return { ...server, app: await buildApp({ database: server.database }) }
}

describe('the contract of the example', () => {
  it('is as it is checked in', async () => {
    const [{ app, query }] = lanes as [Lane]
    const contract = await measured(app, { query })
    await expect(expectContract(contract, contractFile)).resolves.toBeUndefined()
  })

  it('holds in 50 runs, whatever is in the tables and in their statistics', async () => {
    const alarms = await inLanes(Array.from({ length: 50 }), async ({ app, query }, _, run) => {
      await query(states[run % states.length] as string)
      return differences(stored(), await measured(app, { query }))
    })
    expect(alarms).toHaveLength(50)
    expect(alarms.flat()).toEqual([])
  })

  it('misses each index that it uses, by its name', async () => {
    const indexes = Object.keys(stored().indexes)
    expect(indexes.length).toBeGreaterThan(5)
    const alarms = await inLanes(indexes, async ({ app, query }, index) => {
      await using _ = await dropped(index, query)
      return differences(stored(), await measured(app, { query }))
    })
    for (const [place, index] of indexes.entries())
      expect(alarms[place]).toContainEqual(expect.stringContaining(`${index} is gone`))
  })

  it('misses each eager load of the routes, by its relation', async () => {
    const loads = eagerLoads()
    expect(loads.map(({ relation }) => relation)).toEqual([
      'Post.author',
      'User.posts',
      'User.posts',
      'Post.comments',
    ])
    const alarms = await inLanes(loads, async ({ database, query }, { file, rest }) => {
      const build = await exampleWith(file, rest)
      const app = await build({ database })
      onTestFinished(() => app.close())
      return differences(stored(), await measured(app, { query }))
    })
    for (const [place, { relation }] of loads.entries())
      expect(alarms[place]).toContainEqual(
        expect.stringContaining(`the loader selectinload(${relation}) is gone`),
      )
  })
})

const states = [
  'select',
  'analyze users, posts, comments, tags, post_tags',
  insertion(manyFrom, 300, 1500, 20),
  'analyze users, posts, comments, tags, post_tags',
  'vacuum users, posts, comments, tags, post_tags',
  `delete from comments where id >= ${manyFrom}`,
  `delete from users where id >= ${manyFrom} and not exists (select from posts where author_id = users.id)`,
  `delete from post_tags where post_id >= ${manyFrom}; delete from posts where id >= ${manyFrom};
   delete from users where id >= ${manyFrom}; delete from tags where id >= ${manyFrom}`,
  'vacuum analyze users, posts, comments, tags, post_tags',
]

function stored(): DatabaseContract {
  return JSON.parse(readFileSync(contractFile, 'utf8')) as DatabaseContract
}

/** Works on all items, in each lane on one after the other. */
async function inLanes<T, R>(
  items: readonly T[],
  work: (lane: Lane, item: T, turn: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  await Promise.all(
    lanes.map(async (each, first) => {
      for (let place = first, turn = 0; place < items.length; place += lanes.length, turn += 1)
        results[place] = await work(each, items[place] as T, turn)
    }),
  )
  return results
}
