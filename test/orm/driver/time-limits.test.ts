import { beforeEach, describe, expect, it } from 'vitest'
import { Database, type Session, sql } from '../../../orm/index.ts'
import {
  backendsOf,
  expectIdle,
  holdCommits,
  holdLock,
  names,
  untilBlocked,
} from '../../plugin/serve.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { WireProxy } from '../../support/wire-proxy.ts'

const stored = await testDatabase(blog, { max: 1, application_name: 'limited' })
const { database, query, url } = stored
const lockKey = 22
beforeEach(async () => {
  await stored.truncate()
})

const backends = (): Promise<object[]> => backendsOf(query, 'limited')

const takeLock = (session: Session): Promise<unknown> =>
  session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)

describe('timeouts.statement', () => {
  const timeouts = { statement: 300 }

  it('cancels a read, which was in no transaction, and the connection serves the next', async () => {
    await database.run((session) => session.add(user('ann')))
    const before = await backends()
    await using session = database.session({ timeouts })
    const slow = session
      .find(User)
      .filter(() => sql`pg_sleep(${60}) is not null`)
      .toList()
    const error = await failure('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', slow)
    expect(error.statusCode).toBe(504)
    expect(error.message).toContain('timeouts.statement allows (300 ms)')
    expect(await session.find(User).count()).toBe(1)
    expect(await backends()).toEqual(before)
  })

  it('fails the transaction of a write: nothing but rollback() helps, and helps', async () => {
    await using _lock = await holdLock(url, lockKey)
    await using session = database.session({ timeouts })
    session.add(user('ann'))
    await session.flush()
    const before = await backends()
    await failure('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', takeLock(session))
    const refused = await failure('DATA_BRIDGE_ERR_TRANSACTION', session.find(User).count())
    expect(refused.cause).toMatchObject({ code: 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT' })
    const error = await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', session.commit())
    expect(error.cause).toMatchObject({ code: 'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT' })
    await session.rollback()
    session.add(user('bob'))
    await session.commit()
    expect(await names(query)).toEqual(['bob'])
    expect(await backends()).toEqual(before)
  })

  it('is that of the session, before that of the database', async () => {
    await using limited = new Database({ connectionString: url, max: 1, timeouts })
    await using patient = limited.session({ timeouts: { statement: 20_000 } })
    expect(await patient.execute(sql`select pg_sleep(0.1)`)).toHaveLength(1)
    await patient.commit()
    await expect(
      limited.run((session) => session.execute(sql`select pg_sleep(9)`)),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT'))
    await expectIdle(limited, query)
  })

  it('tells the error that came from PostgreSQL, where it came in time', async () => {
    await using session = database.session({ timeouts: { statement: 20_000 } })
    await expect(session.execute(sql`select 1 / 0`)).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_INVALID_VALUE'),
    )
  })
})

describe('timeouts.transaction', () => {
  const timeouts = { transaction: 300 }

  it('rolls back a transaction that is idle, and its connection is free while the session is open', async () => {
    const session = database.session({ timeouts })
    session.add(user('ann'))
    await session.flush()
    expect(database.usage.idle).toBe(0)
    await expectIdle(database, query)
    const refused = await failure('DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT', session.find(User).count())
    expect(refused.statusCode).toBe(504)
    expect(refused.message).toContain('timeouts.transaction allows (300 ms)')
    await failure('DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT', session.commit())
    expect(await names(query)).toEqual([])
    session.add(user('bob'))
    await session.commit()
    await session.close()
    expect(await names(query)).toEqual(['bob'])
  })

  it('cancels the statement that runs', async () => {
    await using _lock = await holdLock(url, lockKey)
    const before = await backends()
    await using session = database.session({ timeouts })
    session.add(user('ann'))
    await failure('DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT', takeLock(session))
    await expectIdle(database, query)
    await failure('DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT', session.commit())
    expect(await names(query)).toEqual([])
    expect(await backends()).toEqual(before)
  })

  it('refuses the statements that wait behind one that has ended just in time', async () => {
    await using _lock = await holdLock(url, lockKey)
    await using proxy = await WireProxy.to(url)
    await using slow = new Database({ connectionString: proxy.url, max: 1 })
    await using session = slow.session({ timeouts: { transaction: 300 } })
    const answered = proxy.before('toClient', 'in time', (wire) => wire.hold('toClient'))
    const first = session.execute(sql`select 'in ' || 'time' as it`)
    const second = failure('DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT', takeLock(session))
    const wire = await answered
    // The second connection is that of the request to cancel it, which comes too late.
    await expect.poll(() => proxy.wires[1]?.isClosed).toBe(true)
    wire.resume('toClient')
    expect(await first).toEqual([{ it: 'in time' }])
    await second
    await failure('DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT', session.commit())
    await expectIdle(slow, query)
  })

  it('makes transaction() and run() fail', async () => {
    const idle = async (session: Session): Promise<void> => {
      await session.execute(sql`select 1`)
      await expect.poll(() => database.usage.idle).toBe(1)
    }
    await using session = database.session({ timeouts })
    await failure(
      'DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT',
      session.transaction(() => idle(session)),
    )
    await failure('DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT', database.run(idle, { timeouts }))
    await expectIdle(database, query)
  })

  it('is over with the transaction: the next one has all of it', async () => {
    await using session = database.session({ timeouts: { transaction: 1000 } })
    const start = performance.now()
    for (let round = 0; round < 4; round += 1) {
      await session.transaction(() => session.execute(sql`select pg_sleep(0.3)`))
    }
    expect(performance.now() - start).toBeGreaterThan(1000)
  })

  it('does not cancel a COMMIT that has begun', async () => {
    await holdCommits(query, lockKey)
    const lock = await holdLock(url, lockKey)
    let isOver = false
    await using session = database.session({ timeouts: { transaction: 300 } })
    session.add(user('held'))
    const committing = session.commit().finally(() => (isOver = true))
    await untilBlocked(query, 'commit')
    // It is still under way when the time is over, by the clock of PostgreSQL.
    const late = `select from pg_stat_activity where application_name = 'limited'
      and state = 'active' and clock_timestamp() - xact_start > interval '400 ms'`
    await expect.poll(() => query(late)).toHaveLength(1)
    expect(isOver).toBe(false)
    await lock[Symbol.asyncDispose]()
    await committing
    expect(await names(query)).toEqual(['held'])
  })
})

describe('limits that are none', () => {
  it.each([
    [{ statment: 5 }, 'timeouts has no statment; it has acquire, statement, transaction'],
    [{ statement: 0 }, 'timeouts.statement expected whole milliseconds from 1'],
    [{ acquire: 1.5 }, 'timeouts.acquire expected whole milliseconds'],
    [{ transaction: '5s' }, 'timeouts.transaction expected whole milliseconds'],
    [5, 'timeouts expected an object such as { statement: 5000 }, got the number 5'],
  ])('are refused at once: %j', (timeouts, message) => {
    const options = { timeouts: timeouts as object }
    const refused = coded('DATA_BRIDGE_ERR_OPTION', message)
    expect(() => new Database({ connectionString: url, ...options })).toThrow(refused)
    expect(() => database.session(options)).toThrow(refused)
  })
})
