import { beforeAll, describe, expect, it } from 'vitest'
import {
  injectWithDb,
  type QueryRecord,
  queryMatchers,
  querySnapshot,
  recordQueries,
} from '../../plugin/testing/index.ts'
import { testDatabase } from '../support/database.ts'
import { blog } from '../support/entities.ts'
import { postsApp, seedPosts } from './posts.ts'

const { database } = await testDatabase(blog)
beforeAll(() => seedPosts(database, 3))

const { toHaveNoImplicitLoads, toHaveNoNPlusOne, toHaveQueryCount, toHaveQueryCountAtMost } =
  queryMatchers

const of = async (path: string): Promise<QueryRecord> =>
  (await injectWithDb(postsApp(database), path)).db

/** Pass, and the message without the parts that change. */
const said = ({ pass, message }: { pass: boolean; message: () => string }): [boolean, string] => [
  pass,
  message(),
]

describe('toHaveNoNPlusOne()', () => {
  it('passes without findings', async () => {
    const [pass, message] = said(toHaveNoNPlusOne(await of('/eager')))
    expect(pass).toBe(true)
    expect(message).toMatch(
      /^Expected an N\+1 pattern in GET \/eager, got none:\n {2}1× SELECT posts/,
    )
  })

  it('fails with route, relation, number, places, SQL and fix', async () => {
    const [pass, message] = said(toHaveNoNPlusOne(await of('/lazy')))
    expect(pass).toBe(false)
    expect(message.split('\n')).toEqual([
      'Expected no N+1 pattern, got:',
      '',
      'n1.relation Post.author: 3 queries for 3 rows of Post in GET /lazy [certain]',
      expect.stringMatching(/^ {2}at {4}test\/testing\/posts\.ts:33:\d+/),
      expect.stringMatching(/^ {2}from {2}test\/testing\/posts\.ts:32:\d+/),
      expect.stringMatching(/^ {2}sql {3}select .* from "users" as "t0" where/),
      '  fix   find(Post).options(selectinload(Post.author))',
    ])
  })

  it('is inconclusive, also for its opposite, where a list had fewer than two rows', async () => {
    const db: QueryRecord = { ...(await of('/eager')), inconclusive: ['Post.author'] }
    const message =
      'INCONCLUSIVE: Post.author was loaded lazily in GET /eager for a list with fewer than two rows. With more rows, it may be an N+1 pattern. Store at least two rows that the list finds, or load the relation eagerly.'
    expect(said(toHaveNoNPlusOne(db))).toEqual([false, message])
    expect(said(toHaveNoNPlusOne.call({ isNot: true }, db))).toEqual([true, message])
  })

  it('is inconclusive where nothing was recorded, but for a request without a database', async () => {
    await using session = database.session()
    const db = await recordQueries(() => session.execute)
    const message = expect.stringMatching(
      /^INCONCLUSIVE: nothing was recorded\. No session has begun/,
    )
    expect(said(toHaveNoNPlusOne(db))).toEqual([false, message])
    expect(toHaveNoNPlusOne(await of('/none')).pass).toBe(true)
  })

  it('passes findings that are only information', async () => {
    const db = await of('/lazy')
    const findings = db.findings.map((finding) => ({ ...finding, severity: 'info' as const }))
    expect(toHaveNoNPlusOne({ ...db, findings }).pass).toBe(true)
  })

  it('shows ten findings, and how many there are besides', async () => {
    const db = await of('/lazy')
    const findings = Array.from({ length: 24 }, (_, index) => ({
      ...db.findings[0],
      target: `Post.relation${index % 12}`,
    }))
    const message = toHaveNoNPlusOne({ ...db, findings }).message()
    expect(message.match(/n1\.relation/g)).toHaveLength(10)
    expect(message).toMatch(/\nand 2 more$/)
  })
})

describe('toHaveQueryCount()', () => {
  it('compares the number, and says what was sent from where', async () => {
    const db = await of('/lazy')
    expect(toHaveQueryCount(db, 4).pass).toBe(true)
    const [pass, message] = said(toHaveQueryCount(db, 2))
    expect(pass).toBe(false)
    expect(message.split('\n')).toEqual([
      'Expected 2 queries in GET /lazy, got 4 queries:',
      expect.stringMatching(/^ {2}1× SELECT posts {2}\(find\) {2}at test\/testing\/posts\.ts:32:/),
      expect.stringMatching(
        /^ {2}.× SELECT users {2}\(select\) {2}at test\/testing\/posts\.ts:33:/,
      ),
      ...message.split('\n').slice(3),
    ])
  })

  it('compares the numbers of each kind that it is given', async () => {
    const db = await of('/lazy')
    expect(toHaveQueryCount(db, { total: 4, select: 4, write: 0 }).pass).toBe(true)
    expect(toHaveQueryCount(db, { insert: 0 }).pass).toBe(true)
    const [pass, message] = said(toHaveQueryCount(db, { select: 4, write: 1 }))
    expect(pass).toBe(false)
    expect(message).toMatch(/^Expected 4 select, 1 write in GET \/lazy, got 4 select, 0 write:/)
  })

  it('says so where no session has begun', async () => {
    const message = toHaveQueryCount(await recordQueries(() => {}), 1).message()
    expect(message).toMatch(/^Expected 1 query, got 0 queries No session has begun/)
  })

  it.each([
    [-1, 'expected an integer from 0 as total, got'],
    [1.5, 'expected an integer from 0 as total, got'],
    [{}, 'expected a number, got nothing'],
    [{ selects: 1 }, 'expected total, select, insert, update, delete, write, got selects'],
    [{ select: '1' }, 'expected an integer from 0 as select, got'],
  ])('refuses %j', async (wanted, message) => {
    const db = await recordQueries(() => {})
    expect(() => toHaveQueryCount(db, wanted as number)).toThrow(message)
  })
})

describe('toHaveQueryCountAtMost()', () => {
  it('fails above the number', async () => {
    const db = await of('/eager')
    expect(toHaveQueryCountAtMost(db, 2).pass).toBe(true)
    expect(toHaveQueryCountAtMost(db, 3).pass).toBe(true)
    const [pass, message] = said(toHaveQueryCountAtMost(db, 1))
    expect(pass).toBe(false)
    expect(message).toMatch(/^Expected at most 1 query in GET \/eager, got 2:\n/)
  })
})

describe('toHaveNoImplicitLoads()', () => {
  it('fails with the relations that were loaded lazily, those excepted that may be', async () => {
    const db = await of('/lazy')
    const [pass, message] = said(toHaveNoImplicitLoads(db))
    expect(pass).toBe(false)
    expect(message).toMatch(
      /^Expected no lazy loads in GET \/lazy, got:\n {2}3× Post\.author {2}at test\/testing\/posts\.ts:33:\d+/,
    )
    expect(toHaveNoImplicitLoads(db, { except: ['Post.author'] }).pass).toBe(true)
    expect(toHaveNoImplicitLoads(db, { except: ['Post.comments'] }).pass).toBe(false)
    expect(toHaveNoImplicitLoads(await of('/eager')).pass).toBe(true)
  })
})

describe('querySnapshot()', () => {
  it('has the statements in their order', async () => {
    expect(querySnapshot(await of('/eager'))).toMatch(
      /^select .* from "posts" as "t0"\nselect .* from "users" as "t0" where "t0"\."id" = any\(\$1\)$/,
    )
  })

  it('refuses a part of the statements', async () => {
    const db = { ...(await of('/eager')), truncated: true }
    expect(() => querySnapshot(db)).toThrow('a snapshot expected at most 2 statements, got 2')
  })
})

describe('what is no record', () => {
  it.each([undefined, null, 1, {}])('is refused: %j', (received) => {
    expect(() => toHaveNoNPlusOne(received)).toThrow('the matchers expected the `db` of')
  })
})
