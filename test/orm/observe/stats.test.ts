import { inspect } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { blog, User } from '../../support/entities.ts'

const { database, query, truncate } = await testDatabase(blog, { nPlusOne: 'detect' })

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email) select 'u' || n, n from generate_series(1, 12) n`)
})

describe('the stats of a session', () => {
  it('can be written as JSON, spread and printed, with what they are at that time', async () => {
    await using session = database.session()
    const { stats } = session
    expect(JSON.parse(JSON.stringify(stats))).toEqual({
      queryCount: 0,
      durationMs: 0,
      savedQueries: 0,
      findings: [],
    })
    const users = await session.find(User).toList()
    for (const user of users) await user.posts

    const { durationMs } = stats
    expect(durationMs).toBeGreaterThan(0)
    const now = { queryCount: 13, durationMs, savedQueries: 0, findings: stats.findings }
    expect(now.findings).toMatchObject([{ target: 'User.posts', count: 12 }])
    expect({ ...stats }).toEqual(now)
    expect(JSON.parse(JSON.stringify({ stats }))).toEqual({ stats: now })
    expect(inspect(stats)).toBe(inspect(now))
    expect(inspect({ stats }, { depth: 3 })).toContain("target: 'User.posts'")
    expect(Object.keys(stats)).toEqual(Object.keys(now))
  })
})
