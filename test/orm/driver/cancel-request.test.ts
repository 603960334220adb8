import { setTimeout } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { Database, type Session, sql } from '../../../orm/index.ts'
import { backendsOf, expectIdle, holdLock, untilBlocked } from '../../plugin/serve.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { WireProxy } from '../../support/wire-proxy.ts'

const { query, url, truncate } = await testDatabase(blog)
const lockKey = 22

beforeEach(truncate)

describe('a request to cancel', () => {
  const sleeping = (session: Session, seconds: number): Promise<User[]> =>
    session
      .find(User)
      .filter(() => sql`pg_sleep(${seconds}::float8) is not null`)
      .toList()

  it('never hits the next statement, also where it races with the end of the one that it is for', async () => {
    await using one = new Database({ connectionString: url, max: 1, application_name: 'racing' })
    await one.run((session) => session.add(user('ann')))
    const before = await backendsOf(query, 'racing')
    const ends = new Set<string>()
    const limitMs = 4
    for (let round = 0; round < 200; round += 1) {
      await using limited = one.session({ timeouts: { statement: limitMs } })
      await using next = one.session()
      // Around the limit, so that either comes first; a request takes a while itself on a busy machine.
      const seconds = (limitMs - 1.5 + (round % 20) * 2) / 1000
      const [ended, rows] = await Promise.all([
        sleeping(limited, seconds).then(
          () => 'in time',
          (error: unknown) => (error as { readonly code: string }).code,
        ),
        sleeping(next, 0.001),
      ])
      ends.add(ended)
      expect(rows).toHaveLength(1)
    }
    expect([...ends].toSorted()).toEqual(['DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', 'in time'])
    expect(await backendsOf(query, 'racing')).toEqual(before)
  })

  it('that comes before its statement is repeated: no backend runs on, and the connection is kept', async () => {
    await using proxy = await WireProxy.to(url)
    await using one = new Database({
      connectionString: proxy.url,
      max: 1,
      application_name: 'late',
    })
    await one.run((session) => session.add(user('ann')))
    const before = await backendsOf(query, 'late')
    for (const send of [
      (session: Session): Promise<unknown> => sleeping(session, 60),
      (session: Session): Promise<unknown> => session.execute(sql`select pg_sleep(60)`),
    ]) {
      const leaving = new AbortController()
      const late = proxy.before('toServer', 'pg_sleep', (wire) => wire.hold('toServer'))
      const work = one.run(send, { signal: leaving.signal })
      const failed = failure('DATA_BRIDGE_ERR_ABORTED', work)
      const wire = await late
      const count = proxy.wires.length
      leaving.abort()
      await expect.poll(() => proxy.wires[count]?.isClosed).toBe(true)
      wire.resume('toServer')
      await failed
      await expectIdle(one, query)
    }
    expect(await backendsOf(query, 'late')).toEqual(before)
  })

  it('that cannot be sent is tried again, and the connection is kept', async () => {
    await using proxy = await WireProxy.to(url)
    await using one = new Database({
      connectionString: proxy.url,
      max: 1,
      application_name: 'refused',
    })
    await using _lock = await holdLock(url, lockKey)
    const leaving = new AbortController()
    const waiting = one.run(
      (session) => session.execute(sql`select pg_advisory_xact_lock(${lockKey})`),
      { signal: leaving.signal },
    )
    const failed = failure('DATA_BRIDGE_ERR_ABORTED', waiting)
    await untilBlocked(query, 'select pg_advisory_xact_lock')
    const before = await backendsOf(query, 'refused')
    proxy.refuseNew()
    leaving.abort()
    await setTimeout(50)
    await proxy.acceptNew()
    await failed
    await expectIdle(one, query)
    expect(one.usage.total).toBe(1)
    expect(await backendsOf(query, 'refused')).toEqual(before)
  })

  it('that PostgreSQL does not confirm costs the connection, since it may come later', async () => {
    await using proxy = await WireProxy.to(url)
    await using one = new Database({ connectionString: proxy.url, max: 1 })
    const lock = await holdLock(url, lockKey)
    await using session = one.session({ timeouts: { statement: 500 } })
    const work = session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
    await untilBlocked(query, 'select pg_advisory_xact_lock')
    // The request is swallowed, and the statement ends by itself.
    proxy.swallowNew()
    await expect.poll(() => proxy.wires.length).toBe(2)
    await lock[Symbol.asyncDispose]()
    expect(await work).toHaveLength(1)
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED'))
    expect(one.usage.total).toBe(0)
    await expect.poll(() => proxy.wires[0]?.isClosed).toBe(true)
  })
})
