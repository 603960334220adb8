import { getEventListeners } from 'node:events'
import { beforeEach, describe, expect, it } from 'vitest'
import { Database, type SessionOptions, sql } from '../../../orm/index.ts'
import { backendsOf, expectIdle, holdLock, names, untilBlocked } from '../../plugin/serve.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { WireProxy } from '../../support/wire-proxy.ts'

const stored = await testDatabase(blog, { max: 2, application_name: 'pool' })
const { database, query, url } = stored
const lockKey = 21
await query(`
  create function hold() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock(${lockKey});
      if new.name = 'refused' then raise check_violation; end if;
      return null;
    end $$`)
await query(`
  create constraint trigger hold after insert on users deferrable initially deferred
  for each row when (new.name in ('held', 'refused')) execute function hold()`)
beforeEach(stored.truncate)

describe('a session whose signal is aborted', () => {
  it('before its first use refuses everything, with the reason as the cause', async () => {
    const reason = new Error('nobody wants it')
    await using session = database.session({ signal: AbortSignal.abort(reason) })
    const error = await failure('DATA_BRIDGE_ERR_ABORTED', () => session.find(User).count())
    expect(error.cause).toBe(reason)
    expect(session.isClosed).toBe(true)
    await expect(session.transaction(() => 1)).rejects.toThrow(coded('DATA_BRIDGE_ERR_ABORTED'))
    await expect(
      database.run((inner) => inner.find(User).count(), { signal: AbortSignal.abort() }),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_ABORTED'))
    await expectIdle(database, query)
  })

  it('while it is idle in a transaction is rolled back at once, and its connection free', async () => {
    const leaving = new AbortController()
    const session = database.session({ signal: leaving.signal })
    session.add(user('ann'))
    await session.flush()
    expect(database.usage.total - database.usage.idle).toBe(1)
    leaving.abort()
    await expectIdle(database, query)
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_ABORTED'))
    expect(await names(query)).toEqual([])
  })

  it('in a statement: it is cancelled on the server, and the connection is kept', async () => {
    await using _lock = await holdLock(url, lockKey)
    await database.run((session) => session.execute(sql`select 1`))
    const before = await backendsOf(query, 'pool')
    const leaving = new AbortController()
    const session = database.session({ signal: leaving.signal })
    session.add(user('ann'))
    const first = failure('DATA_BRIDGE_ERR_ABORTED', async () => {
      await session.execute(sql`select pg_advisory_xact_lock(${lockKey})`)
    })
    const second = failure('DATA_BRIDGE_ERR_ABORTED', session.execute(sql`select 'never sent'`))
    await untilBlocked(query, 'select pg_advisory_xact_lock')
    leaving.abort()
    await Promise.all([first, second])
    await expectIdle(database, query)
    expect(await backendsOf(query, 'pool')).toEqual(before)
    expect(await names(query)).toEqual([])
  })

  it('while it waits for a connection: it waits no longer, and takes none when one comes', async () => {
    await using small = new Database({ connectionString: url, max: 1 })
    await using holder = small.session()
    await holder.execute(sql`select 1`)
    const leaving = new AbortController()
    await using session = small.session({ signal: leaving.signal })
    const waiting = failure('DATA_BRIDGE_ERR_ABORTED', session.find(User).count())
    await expect.poll(() => small.usage.waiting).toBe(1)
    leaving.abort()
    await waiting
    expect(small.usage).toEqual({ total: 1, idle: 0, waiting: 0 })
    await holder.rollback()
    await expect.poll(() => small.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
  })

  it('during COMMIT: that is not cancelled, and tells how it ended', async () => {
    const lock = await holdLock(url, lockKey)
    const leaving = new AbortController()
    const session = database.session({ signal: leaving.signal })
    session.add(user('held'))
    const committing = session.commit()
    await untilBlocked(query, 'commit')
    leaving.abort()
    await lock[Symbol.asyncDispose]()
    await committing
    await expectIdle(database, query)
    expect(await names(query)).toEqual(['held'])
  })

  it.each<[string, (leaving: AbortController, own: Database) => unknown]>([
    ['its signal is aborted', (leaving) => leaving.abort()],
    ['its database is closed', (_leaving, own) => void own.close()],
  ])('during the COMMIT of run(), which tells how it ended: %s', async (_how, end) => {
    const lock = await holdLock(url, lockKey)
    await using own = new Database({ connectionString: url, max: 1 })
    const leaving = new AbortController()
    const job = own.run((session) => session.add(user('held')), { signal: leaving.signal })
    await untilBlocked(query, 'commit')
    end(leaving, own)
    await lock[Symbol.asyncDispose]()
    await job
    expect(await names(query)).toEqual(['held'])
  })

  it('during a COMMIT that PostgreSQL refuses: the error says so', async () => {
    const lock = await holdLock(url, lockKey)
    const leaving = new AbortController()
    const session = database.session({ signal: leaving.signal })
    session.add(user('refused'))
    const committing = failure('DATA_BRIDGE_ERR_COMMIT_FAILED', session.commit())
    await untilBlocked(query, 'commit')
    leaving.abort()
    await lock[Symbol.asyncDispose]()
    expect((await committing).sqlState).toBe('23514')
    await expectIdle(database, query)
    expect(await names(query)).toEqual([])
  })

  it('during BEGIN: the statement that it was for is not sent', async () => {
    await using proxy = await WireProxy.to(url)
    await using slow = new Database({ connectionString: proxy.url, max: 1 })
    const leaving = new AbortController()
    const session = slow.session({ signal: leaving.signal })
    const held = proxy.before('toClient', 'BEGIN', (wire) => wire.hold('toClient'))
    session.add(user('ann'))
    const flushing = failure('DATA_BRIDGE_ERR_ABORTED', session.flush())
    const wire = await held
    let isSent = false
    void proxy.before('toServer', 'insert into', () => (isSent = true))
    leaving.abort()
    wire.resume('toClient')
    await flushing
    await expectIdle(slow, query)
    expect(isSent).toBe(false)
  })

  it('during a BEGIN that nobody answers: the connection is cut off after the grace', async () => {
    await using proxy = await WireProxy.to(url)
    await using slow = new Database({ connectionString: proxy.url, max: 1 })
    const leaving = new AbortController()
    const session = slow.session({ signal: leaving.signal })
    const lost = proxy.before('toServer', 'begin', () => proxy.blackHole())
    session.add(user('ann'))
    const flushing = failure('DATA_BRIDGE_ERR_ABORTED', session.flush())
    await lost
    leaving.abort()
    await flushing
    await expect.poll(() => slow.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
  })

  it('while a new connection is silent: it waits no longer, and has the reason', async () => {
    await using proxy = await WireProxy.to(url)
    await using slow = new Database({ connectionString: proxy.url, max: 1 })
    const leaving = new AbortController()
    const session = slow.session({ signal: leaving.signal })
    const silent = proxy.before('toServer', 'pg_backend_pid', () => proxy.blackHole())
    const getting = session.get(User, 1)
    await silent
    leaving.abort()
    await failure('DATA_BRIDGE_ERR_ABORTED', getting)
    await expect.poll(() => slow.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
  })

  it('takes no success with it: transaction() fails, where its function has not seen it', async () => {
    const leaving = new AbortController()
    await using session = database.session({ signal: leaving.signal })
    const work = session.transaction(async () => {
      session.add(user('ann'))
      await session.flush()
      leaving.abort()
      return 'fine'
    })
    await expect(work).rejects.toThrow(coded('DATA_BRIDGE_ERR_ABORTED'))
    expect(await names(query)).toEqual([])
  })
})

it('a session that is closed waits for its statement, whose error is that of PostgreSQL', async () => {
  const lock = await holdLock(url, lockKey)
  const session = database.session()
  const work = failure(
    'DATA_BRIDGE_ERR_INVALID_VALUE',
    session.execute(sql`select 1 / (pg_advisory_xact_lock(${lockKey}) is null)::int`),
  )
  await untilBlocked(query, 'select 1 /')
  const closing = session.close()
  await lock[Symbol.asyncDispose]()
  await closing
  expect((await work).sqlState).toBe('22012')
  await expectIdle(database, query)
})

describe('the signal of a session', () => {
  it('has no listener of it left when the session has ended, however it did', async () => {
    const { signal } = new AbortController()
    const listeners = (): number => getEventListeners(signal, 'abort').length
    const options: SessionOptions = { signal }
    {
      await using session = database.session(options)
      await session.find(User).count()
      expect(listeners()).toBe(1)
    }
    await database.session(options).close()
    await database.run((session) => session.add(user('ann')), options)
    await expect(database.run(() => Promise.reject(new Error('boom')), options)).rejects.toThrow(
      'boom',
    )
    expect(listeners()).toBe(0)
  })

  it('may be aborted when the session has ended', async () => {
    const leaving = new AbortController()
    await database.run((session) => session.add(user('ann')), { signal: leaving.signal })
    leaving.abort()
    await expectIdle(database, query)
    expect(await names(query)).toEqual(['ann'])
  })

  it('makes a job fail that has not noticed, and one that has closed its session', async () => {
    const ending = new AbortController()
    const unaware = database.run(
      (session) => {
        session.add(user('ann'))
        ending.abort()
        return 'fine'
      },
      { signal: ending.signal },
    )
    await expect(unaware).rejects.toThrow(coded('DATA_BRIDGE_ERR_ABORTED'))
    const closing = database.run(async (session) => {
      session.add(user('bob'))
      await session.close()
      return 'fine'
    })
    await expect(closing).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED', 'was closed'))
    expect(await names(query)).toEqual([])
  })

  it('is refused where it is none', () => {
    const signal = 'no signal' as unknown as AbortSignal
    expect(() => database.session({ signal })).toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', 'signal expected an AbortSignal'),
    )
  })
})
