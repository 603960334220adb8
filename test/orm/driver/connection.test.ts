import { beforeEach, describe, expect, it } from 'vitest'
import pg from 'pg'
import { Database, selectinload, type Session, sql } from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { recordWarnings } from '../../support/warnings.ts'

const { database, query, truncate, url } = await testDatabase(blog)
const warned = recordWarnings()

beforeEach(async () => {
  await truncate()
  await query(
    `insert into users (name, email) select 'u' || n, 'u' || n from generate_series(1, 20) n`,
  )
  await query(`insert into posts (title, author_id) select 'p' || id, id from users`)
})

/** Connections of sessions, by their state. */
const activity = () =>
  query<{ state: string; xact: boolean }>(
    `select state, xact_start is not null as xact from pg_stat_activity
     where datname = current_database() and application_name = 'session' order by state`,
  )

const own = (max = 5) => new Database({ connectionString: url, application_name: 'session', max })

describe('a session that only reads', () => {
  it('leaves no transaction open, and gives its connection back', async () => {
    await using db = own()
    await using session = db.session()
    const [first] = await session.find(User).options(selectinload(User.posts)).toList()
    await session.get(User, 3)
    await session.find(User).count()
    await (first as User).posts
    expect(await activity()).toEqual([{ state: 'idle', xact: false }])
    expect(db.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
  })

  it('sends nothing but its reads', async () => {
    await using wire = recordWire(url)
    await using session = wire.database.session()
    await session.find(User).toList()
    await session.commit()
    await session.rollback()
    await session.close()
    expect(wire.texts).toEqual([expect.stringMatching(/^select /)])
  })
})

describe('the first write', () => {
  it.each<[string, (session: Session) => Promise<unknown>]>([
    [
      'a flush',
      async (session) => {
        session.add(user('new'))
        await session.flush()
      },
    ],
    ['raw SQL', (session) => session.execute(sql`select 1`)],
  ])('begins the transaction: %s', async (_, write) => {
    await using wire = recordWire(url)
    await using session = wire.database.session()
    await session.find(User).count()
    await write(session)
    await session.find(Post).count()
    await session.commit()
    await session.find(User).count()
    expect(wire.texts.map((text) => text.split(' ', 1)[0])).toEqual([
      'select',
      'begin',
      expect.stringMatching(/insert|select/),
      'select',
      'commit',
      'select',
    ])
  })

  it('keeps its connection until the commit, and nothing of it is seen before', async () => {
    await using db = own()
    await using session = db.session()
    session.add(user('new'))
    await session.flush()
    expect(await activity()).toEqual([{ state: 'idle in transaction', xact: true }])
    expect(db.usage).toEqual({ total: 1, idle: 0, waiting: 0 })
    expect(await query(`select from users where name = 'new'`)).toEqual([])
    await session.commit()
    expect(await activity()).toEqual([{ state: 'idle', xact: false }])
    expect(db.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
    expect(await query(`select from users where name = 'new'`)).toHaveLength(1)
  })
})

describe('at the same time', () => {
  it('20 finds of one session use one connection, in turn, and pg does not warn', async () => {
    await using db = own()
    await using session = db.session()
    const found = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        session
          .find(User)
          .filter({ id: index + 1 })
          .one(),
      ),
    )
    expect(found.map(({ name }) => name)).toEqual(found.map(({ id }) => `u${id}`))
    expect(db.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
    expect(await warned()).toEqual([])
  })

  it('reads, lazy loads, writes and a commit of one session use one connection', async () => {
    await using db = own()
    await using session = db.session()
    const users = await session.find(User).toList()
    await Promise.all([
      ...users.map(async ({ posts }) => posts),
      session.find(Post).count(),
      session.execute(sql`update posts set likes = likes + 1`),
      session.transaction(() => session.add(user('new'))).catch(() => undefined),
      session.find(Post).options(selectinload(Post.author)).toList(),
    ])
    await session.rollback()
    expect(db.usage).toEqual({ total: 1, idle: 1, waiting: 0 })
    expect(await warned()).toEqual([])
  })

  it('one that fails does not harm the others', async () => {
    await using session = database.session()
    const [a, b, c] = await Promise.allSettled([
      session.find(User).count(),
      session
        .find(User)
        .filter(() => sql`1 / 0 = 1`)
        .toList(),
      session.find(Post).count(),
    ])
    expect([a, c]).toMatchObject([{ value: 20 }, { value: 20 }])
    expect(b).toMatchObject({ reason: { code: 'DATA_BRIDGE_ERR_INVALID_VALUE' } })
  })

  it('20 sessions share a pool of 2', async () => {
    await using db = own(2)
    const counts = await Promise.all(
      Array.from({ length: 20 }, () =>
        db.run(async (session) => {
          session.add(user(crypto.randomUUID()))
          await session.flush()
          return session.find(Post).count()
        }),
      ),
    )
    expect(counts).toEqual(Array(20).fill(20))
    expect(db.usage).toEqual({ total: 2, idle: 2, waiting: 0 })
  })
})

describe('isolation', () => {
  it.each(['read committed', 'repeatable read', 'serializable'] as const)(
    '%s begins a transaction with the first statement, a read too',
    async (isolation) => {
      await using session = database.session({ isolation })
      await session.find(User).count()
      await query(`insert into users (name, email) values ('outside', 'outside')`)
      expect(await session.find(User).count()).toBe(isolation === 'read committed' ? 21 : 20)
      expect(await session.execute(sql`show transaction_isolation`)).toEqual([
        { transaction_isolation: isolation },
      ])
      await session.commit()
      expect(await session.find(User).count()).toBe(21)
    },
  )

  it('of the session is that of its transactions, unless they say something else', async () => {
    await using session = database.session({ isolation: 'serializable' })
    const level = async () => {
      const rows = await session.execute(sql`show transaction_isolation`)
      return rows[0]?.['transaction_isolation']
    }
    expect(await session.transaction(level)).toBe('serializable')
    expect(await session.transaction(level, { isolation: 'repeatable read' })).toBe(
      'repeatable read',
    )
  })

  it('cannot be changed within a transaction', async () => {
    await using session = database.session()
    await session.execute(sql`select 1`)
    const mode = coded(
      'DATA_BRIDGE_ERR_TRANSACTION',
      'cannot change the isolation, readOnly or deferrable',
    )
    await expect(session.transaction(() => 1, { isolation: 'serializable' })).rejects.toThrow(mode)
    await expect(session.transaction(() => 1, { readOnly: true })).rejects.toThrow(mode)
    await session.rollback()
  })
})

describe('readOnly', () => {
  it('refuses a flush with changes, and lets PostgreSQL refuse the rest', async () => {
    await using session = database.session({ readOnly: true })
    expect(await session.find(User).count()).toBe(20)
    expect(await session.execute(sql`show transaction_read_only`)).toEqual([
      { transaction_read_only: 'on' },
    ])
    session.add(user('new'))
    const refused = coded('DATA_BRIDGE_ERR_FLUSH', 'the session is read-only')
    await expect(session.flush()).rejects.toThrow(refused)
    await expect(session.find(User).count()).rejects.toThrow(refused)
    await expect(session.commit()).rejects.toThrow(refused)
    await session.rollback()
    await expect(session.execute(sql`delete from posts`)).rejects.toMatchObject({
      code: 'DATA_BRIDGE_ERR_STATEMENT',
      sqlState: '25006',
    })
    await session.rollback()
    expect(await query('select from posts')).toHaveLength(20)
  })

  it('is also a mode of one transaction', async () => {
    await using session = database.session()
    await expect(
      session.transaction(() => session.execute(sql`delete from posts`), { readOnly: true }),
    ).rejects.toMatchObject({ sqlState: '25006' })
    await session.transaction(() => session.execute(sql`delete from posts`))
    expect(await query('select from posts')).toEqual([])
  })
})

describe('a connection', () => {
  it('that was lost while idle is replaced', async () => {
    await using db = own(1)
    const pid = () =>
      db.run(async (session) => (await session.execute(sql`select pg_backend_pid() as pid`))[0])
    const before = (await pid())?.['pid']
    await query('select pg_terminate_backend($1)', [before])
    await expect.poll(() => db.usage.total).toBe(0)
    expect((await pid())?.['pid']).not.toBe(before)
  })

  it('goes back to a pool of the application as it came', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    const before = await pool.connect()
    const listeners = before.listenerCount('error')
    before.release()
    await using db = new Database({ pool })
    await db.run(async (session) => {
      session.add(user('new'))
      await session.flush()
      await session.rollback()
      await session.find(User).count()
    })
    const after = await pool.connect()
    expect(after).toBe(before)
    expect(after.listenerCount('error')).toBe(listeners)
    after.release()
    await pool.end()
  })

  it('is not taken while another session holds a lock: the wait is in PostgreSQL', async () => {
    await using other = await connect(url)
    await other.query('begin; lock table users in access exclusive mode')
    await using session = database.session()
    const counting = session.find(User).count()
    await expect
      .poll(() =>
        query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        ),
      )
      .toHaveLength(1)
    await other.query('commit')
    expect(await counting).toBe(20)
  })
})
