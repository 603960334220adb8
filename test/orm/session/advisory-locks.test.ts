import { beforeEach, describe, expect, it } from 'vitest'
import { type AdvisoryKey, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { recordSession, recordWire } from '../../support/recorder.ts'

const { database, query, truncate, url } = await testDatabase(blog)
beforeEach(truncate)

const waiting = () =>
  query(
    `select query from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`,
  )

const isFree = async (key: AdvisoryKey): Promise<boolean> => {
  await using session = database.session()
  return await session.tryAdvisoryLock(key)
}

describe('an advisory lock', () => {
  it('makes others wait until the transaction ends, by commit or by rollback', async () => {
    await using first = database.session()
    await using second = database.session()
    const order: string[] = []
    await first.advisoryLock('invoices')
    const taken = second.advisoryLock('invoices').then(() => order.push('second'))
    await expect.poll(waiting).toHaveLength(1)
    order.push('first')
    await first.commit()
    await taken
    expect(order).toEqual(['first', 'second'])
    const again = first.advisoryLock('invoices')
    await expect.poll(waiting).toHaveLength(1)
    await second.rollback()
    await again
    await first.close()
    expect(await isFree('invoices')).toBe(true)
  })

  it('lets one of ten sessions add what must be there once', async () => {
    const add = async (session: Session): Promise<void> => {
      await session.advisoryLock('user:ann')
      if (!(await session.find(User).filter({ name: 'ann' }).exists())) session.add(user('ann'))
    }
    await Promise.all(Array.from({ length: 10 }, () => database.run(add)))
    expect(await query('select name from users')).toEqual([{ name: 'ann' }])
  })

  it('can be shared, by those who all share it', async () => {
    await using first = database.session()
    await using second = database.session()
    await first.advisoryLock('report', { shared: true })
    await second.advisoryLock('report', { shared: true, noWait: true })
    expect(await second.tryAdvisoryLock('report', { shared: true })).toBe(true)
    expect(await isFree('report')).toBe(false)
    await first.commit()
    expect(await isFree('report')).toBe(false)
    await second.commit()
    expect(await isFree('report')).toBe(true)
  })

  it('is not waited for with noWait and with tryAdvisoryLock, and the transaction goes on', async () => {
    await using first = database.session()
    await first.advisoryLock(7)
    await database.run(async (session) => {
      session.add(user('ann'))
      expect(await session.tryAdvisoryLock(7)).toBe(false)
      const error = await failure(
        'DATA_BRIDGE_ERR_STATEMENT_TIMEOUT',
        session.advisoryLock(7, { noWait: true }),
      )
      expect(error).toMatchObject({ sqlState: '55P03', statusCode: 504 })
      await session.advisoryLock(8, { noWait: true })
    })
    expect(await query('select name from users')).toEqual([{ name: 'ann' }])
  })

  it('is the same one for a number and a bigint, and that of hashtextextended for a text', async () => {
    await using session = database.session()
    const held = async (): Promise<unknown> => {
      const [lock] = await query(
        `select classid::bigint as high, objid::bigint as low, objsubid as kind from pg_locks
         where locktype = 'advisory'
           and database = (select oid from pg_database where datname = current_database())`,
      )
      await session.rollback()
      return lock
    }
    await session.advisoryLock(5)
    await session.advisoryLock(5n)
    expect(await held()).toEqual({ high: '0', low: '5', kind: 1 })
    await session.advisoryLock([5, -6])
    expect(await held()).toEqual({ high: '5', low: String(2 ** 32 - 6), kind: 2 })
    await session.advisoryLock(-(2n ** 63n))
    expect(await held()).toEqual({ high: String(2 ** 31), low: '0', kind: 1 })
    await session.advisoryLock([2 ** 31 - 1, -(2 ** 31)])
    expect(await held()).toEqual({ high: String(2 ** 31 - 1), low: String(2 ** 31), kind: 2 })
    await session.advisoryLock(`it's ünïcode`)
    await using other = database.session()
    const sameKey = sql`select pg_try_advisory_xact_lock(hashtextextended('it''s ünïcode', 0)) as taken`
    expect(await other.execute(sameKey)).toEqual([{ taken: false }])
    await other.advisoryLock('', { noWait: true })
  })

  it('ends with the savepoint that it was taken in, if that is rolled back', async () => {
    await database.run(async (session) => {
      const attempt = session.transaction(async () => {
        await session.advisoryLock('inner')
        expect(await isFree('inner')).toBe(false)
        throw new Error('on purpose')
      })
      await expect(attempt).rejects.toThrow('on purpose')
      expect(await isFree('inner')).toBe(true)
    })
  })

  it('begins a transaction and is one statement, in one exchange with BEGIN; changes are not flushed', async () => {
    await using wire = recordWire(url, { tables: [...blog] })
    await wire.database.run(async (session) => {
      session.add(user('ann'))
      await session.advisoryLock('a')
      expect(session.stats.queryCount).toBe(1)
      await session.tryAdvisoryLock([1, 2], { shared: true })
      expect(session.stats.queryCount).toBe(2)
    })
    expect(wire.texts.slice(0, 3)).toEqual([
      'begin',
      'select pg_advisory_xact_lock(hashtextextended($1::text, 0))',
      'select pg_try_advisory_xact_lock_shared($1::integer, $2::integer)',
    ])
    expect(wire.texts.at(-2)).toMatch(/^insert into "users"/)
  })

  it('does not renew what a transaction with a snapshot sees: that was taken before the wait', async () => {
    await using first = database.session()
    await first.advisoryLock('users')
    const counted = (isolation: 'read committed' | 'repeatable read'): Promise<number> =>
      database.transaction(
        async (session) => {
          await session.advisoryLock('users', { shared: true })
          return session.find(User).count()
        },
        { isolation },
      )
    const counts = Promise.all([counted('read committed'), counted('repeatable read')])
    await expect.poll(waiting).toHaveLength(2)
    first.add(user('ann'))
    await first.commit()
    expect(await counts).toEqual([1, 0])
  })

  it('is an operation of its own', async () => {
    await using recorder = recordSession(url)
    await recorder.session.advisoryLock('a')
    const [, lock] = recorder.operations
    expect(lock?.operation).toMatchObject({ kind: 'query', name: 'execute', table: undefined })
    expect(recorder.statements.at(-1)).toMatchObject({
      summary: 'SELECT pg_advisory_xact_lock',
      kind: 'read',
      operation: lock?.operation,
    })
  })

  it('can be taken where nothing is written', async () => {
    await using session = database.session({ readOnly: true })
    await session.advisoryLock('report')
    expect(await isFree('report')).toBe(false)
  })

  it('is waited for as long as the time limit of a statement, and given up when the session is ended', async () => {
    await using first = database.session()
    await first.advisoryLock('slow')
    await using second = database.session({ timeouts: { statement: 100 } })
    await failure('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', second.advisoryLock('slow'))
    await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', second.commit())
    const ending = new AbortController()
    await using third = database.session({ signal: ending.signal })
    const given = failure('DATA_BRIDGE_ERR_ABORTED', third.advisoryLock('slow'))
    await expect.poll(waiting).toHaveLength(1)
    ending.abort()
    await given
    await expect.poll(waiting).toHaveLength(0)
  })

  it('is refused for other keys, unknown options and ended sessions', async () => {
    await using session = database.session()
    const keys = [undefined, null, 1.5, 2 ** 53, 2n ** 63n, 'a\0', [1], [1, 2 ** 31], [1, '2'], {}]
    for (const key of keys) {
      const refused = coded('DATA_BRIDGE_ERR_OPTION', 'advisoryLock() expected a text without')
      await expect(session.advisoryLock(key as never)).rejects.toThrow(refused)
    }
    const refuses = (work: Promise<unknown>, message: string) =>
      expect(work).rejects.toThrow(coded('DATA_BRIDGE_ERR_OPTION', message))
    await refuses(
      session.advisoryLock(1, { nowait: true } as never),
      'advisoryLock() has no option nowait; it has shared and noWait',
    )
    await refuses(
      session.tryAdvisoryLock(1, { noWait: true } as never),
      'tryAdvisoryLock() has no option noWait; it has shared',
    )
    await refuses(
      session.advisoryLock(1, { shared: 1 } as never),
      'advisoryLock(): shared expected true or false, got the number 1',
    )
    await refuses(session.tryAdvisoryLock(1, null as never), 'expected options such as')
    expect(session.stats.queryCount).toBe(0)
    await session.close()
    await failure('DATA_BRIDGE_ERR_SESSION_CLOSED', session.advisoryLock(1))
    await failure('DATA_BRIDGE_ERR_SESSION_CLOSED', session.tryAdvisoryLock(1))
  })
})
