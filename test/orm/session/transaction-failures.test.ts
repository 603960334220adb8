import { beforeEach, describe, expect, it } from 'vitest'
import { Database, integer, type Session, sql, table, text } from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { WireProxy } from '../../support/wire-proxy.ts'

class Slot extends table('slots', { id: integer().primaryKey().generated(), name: text() }) {}

const { database, query, truncate, url } = await testDatabase([...blog, Slot])
await query('alter table slots add constraint one_name unique (name) deferrable initially deferred')

beforeEach(truncate)

const users = () => query('select name from users order by id')

/** What PgBouncer sends before it closes a connection, for whatever reason. */
function hangUp(reason: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C08P01\0M${reason}\0\0`)
  const head = Buffer.from('E\0\0\0\0')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}

describe('a statement that failed', () => {
  it('makes the commit fail where its error is swallowed', async () => {
    await using session = database.session()
    session.add(user('a'))
    await session.flush()
    await session.execute(sql`select 1 / 0`).catch(() => undefined)
    const error = await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', session.commit())
    expect(error.statusCode).toBe(500)
    expect(error.cause).toMatchObject({ code: 'DATA_BRIDGE_ERR_INVALID_VALUE', sqlState: '22012' })
    expect(await users()).toEqual([])
    session.add(user('b'))
    await session.commit()
    expect(await users()).toEqual([{ name: 'b' }])
  })

  it('makes the commit fail in the same way where there is something to flush', async () => {
    await using session = database.session()
    session.add(user('a'), new User({ name: 'b', email: 'a@example.com' }))
    await expect(session.flush()).rejects.toThrow(coded('DATA_BRIDGE_ERR_UNIQUE'))
    expect(await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', session.commit())).toMatchObject({
      cause: { code: 'DATA_BRIDGE_ERR_UNIQUE' },
    })
    session.add(user('c'))
    await session.commit()
    expect(await users()).toEqual([{ name: 'c' }])
  })

  it('makes transaction() and run() fail where its error is swallowed', async () => {
    const work = async (session: Session) => {
      session.add(user('a'))
      await session.flush()
      await session.execute(sql`select 1 / 0`).catch(() => undefined)
    }
    await expect(database.transaction(work)).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED'))
    await expect(database.run(work)).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED'))
    expect(await users()).toEqual([])
    expect(database.usage.idle).toBe(database.usage.total)
  })

  it('refuses each statement after it, and names it as the cause', async () => {
    await using session = database.session()
    await session.execute(sql`select 1 / 0`).catch(() => undefined)
    const sent = session.stats.queryCount
    for (const statement of [
      () => session.find(User).count(),
      () => session.get(User, 1),
      () => session.transaction(() => 1),
    ])
      await expect(statement()).rejects.toMatchObject({
        code: 'DATA_BRIDGE_ERR_TRANSACTION',
        cause: { sqlState: '22012' },
      })
    expect(session.stats.queryCount).toBe(sent)
    await session.rollback()
    expect(await session.find(User).count()).toBe(0)
  })

  it('harms nothing where there is no transaction', async () => {
    await using session = database.session()
    await expect(
      session
        .find(User)
        .filter(() => sql`1 / 0 = 1`)
        .count(),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE'))
    session.add(user('a'))
    await session.commit()
    expect(await users()).toEqual([{ name: 'a' }])
  })
})

describe('COMMIT', () => {
  it('fails with the constraint that was checked only then, and nothing is saved', async () => {
    await using session = database.session()
    session.add(new Slot({ name: 'x' }), new Slot({ name: 'x' }), user('a'))
    await session.flush()
    const error = await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', session.commit())
    expect(error).toMatchObject({ sqlState: '23505', constraint: 'one_name', statusCode: 500 })
    expect(await users()).toEqual([])
    expect(await query('select from slots')).toEqual([])
    session.add(user('b'))
    await session.commit()
    expect(await users()).toEqual([{ name: 'b' }])
    expect(database.usage.idle).toBe(database.usage.total)
  })

  it.each([sql`commit`, sql`rollback`, sql`select 1; commit`])(
    'belongs to the session: raw SQL that ends the transaction is refused',
    async (end) => {
      await using session = database.session()
      await expect(session.execute(end)).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_TRANSACTION', 'execute() expected SQL that leaves the transaction'),
      )
      await session.rollback()
      session.add(user('next'))
      await session.commit()
      expect(await users()).toEqual([{ name: 'next' }])
    },
  )
})

describe('a connection that is lost', () => {
  /** A database, and what ends the connection of a session on it and waits until `pg` has noticed. */
  function fragile() {
    const wire = recordWire(url)
    const noticed = new Promise<unknown>((resolve) => {
      wire.pool.once('connect', (client) => client.once('error', resolve))
    })
    const lose = async (session: Session): Promise<void> => {
      session.add(user('lost'))
      await session.flush()
      const rows = await session.execute(sql`select pg_backend_pid() as pid`)
      await query('select pg_terminate_backend($1)', [rows[0]?.['pid']])
      await noticed
    }
    return Object.assign(wire, { lose })
  }

  it('before the commit: nothing is committed, the error is clear, and a new one is taken', async () => {
    await using wire = fragile()
    await using session = wire.database.session()
    await wire.lose(session)
    const error = await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', session.commit())
    expect(error.cause).toMatchObject({ code: 'DATA_BRIDGE_ERR_CONNECTION_LOST', statusCode: 503 })
    expect(await users()).toEqual([])
    expect(wire.database.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
    session.add(user('next'))
    await session.commit()
    expect(await users()).toEqual([{ name: 'next' }])
  })

  it('before a statement: it says so, and the transaction is over', async () => {
    await using wire = fragile()
    await using session = wire.database.session()
    await wire.lose(session)
    const error = await failure('DATA_BRIDGE_ERR_CONNECTION_LOST', session.find(User).count())
    expect([error.statusCode, error.details]).toEqual([
      503,
      'the connection was lost during SELECT users',
    ])
    await expect(session.find(User).count()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_TRANSACTION', 'the transaction was lost with its connection'),
    )
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED'))
    expect(await session.find(User).count()).toBe(0)
    expect(wire.database.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
  })

  it('before a rollback: there is nothing to do, and the broken one is not used again', async () => {
    await using wire = fragile()
    await using session = wire.database.session()
    await wire.lose(session)
    await session.rollback()
    expect(wire.database.usage.total).toBe(0)
    expect(await session.find(User).count()).toBe(0)
  })

  it('within a statement: it says so', async () => {
    await using blocker = await connect(url)
    await blocker.query('begin; lock table users in access exclusive mode')
    await using session = database.session()
    const outcome = failure('DATA_BRIDGE_ERR_CONNECTION_LOST', session.find(User).count())
    const blocked = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    await expect.poll(() => query(blocked)).toHaveLength(1)
    await query(`select pg_terminate_backend(pid) from (${blocked}) as waiting`)
    expect((await outcome).statusCode).toBe(503)
    await blocker.query('rollback')
    expect(await session.find(User).count()).toBe(0)
  })

  it('to a pooler that says why it hangs up, during a COMMIT: nobody knows whether it was saved', async () => {
    await using proxy = await WireProxy.to(url)
    await using pooled = new Database({ connectionString: proxy.url })
    void proxy.before('toServer', 'commit', (wire) => {
      wire.pass('toClient', hangUp('server conn crashed?'))
      wire.cut('fin')
    })
    const work = pooled.run((session) => session.add(user('ann')))
    await expect(work).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_UNKNOWN'))
  })

  it('within a nested transaction: the outer one cannot go on', async () => {
    await using wire = fragile()
    const work = wire.database.transaction(async (session) => {
      await session
        .transaction(async () => {
          await wire.lose(session)
          await session.find(User).count()
        })
        .catch(() => undefined)
      session.add(user('outer'))
    })
    await expect(work).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED'))
    expect(await users()).toEqual([])
    expect(await wire.database.run((session) => session.find(Post).count())).toBe(0)
  })
})

describe('concurrent transactions', () => {
  it('that conflict: one of them is told to try again', async () => {
    await query(`insert into users (name, email) values ('a', 'a'), ('b', 'b')`)
    const move = (session: Session, from: string) =>
      session.transaction(
        async () => {
          const count = await session.find(User).filter({ active: true }).count()
          await bothHaveRead()
          const one = await session.find(User).filter({ name: from }).one()
          one.active = count < 2
        },
        { isolation: 'serializable' },
      )
    let arrived = 0
    let proceed = (): void => {}
    const all = new Promise<void>((resolve) => (proceed = resolve))
    const bothHaveRead = () => {
      arrived += 1
      if (arrived === 2) proceed()
      return all
    }
    await using first = database.session()
    await using second = database.session()
    const results = await Promise.allSettled([move(first, 'a'), move(second, 'b')])
    const failed = results.filter((result) => result.status === 'rejected')
    expect(failed.map(({ reason }) => reason as unknown)).toEqual([
      expect.objectContaining({
        code: 'DATA_BRIDGE_ERR_SERIALIZATION',
        statusCode: 503,
        retryable: true,
      }),
    ])
    expect(await query('select from users where active')).toHaveLength(1)
  })

  it('that wait for each other: one of them is told to try again', async () => {
    await query(`insert into users (name, email) values ('a', 'a'), ('b', 'b')`)
    const lock = (session: Session, name: string) =>
      session.execute(sql`update users set age = 1 where name = ${name}`)
    await using first = database.session()
    await using second = database.session()
    await lock(first, 'a')
    await lock(second, 'b')
    const lockLast = async (session: Session, name: string) => {
      try {
        await lock(session, name)
      } finally {
        await session.rollback()
      }
    }
    const results = await Promise.allSettled([lockLast(first, 'b'), lockLast(second, 'a')])
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(results).toContainEqual({
      status: 'rejected',
      reason: expect.objectContaining({
        code: 'DATA_BRIDGE_ERR_DEADLOCK',
        statusCode: 503,
        retryable: true,
      }),
    })
  })
})
