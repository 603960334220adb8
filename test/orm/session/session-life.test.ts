import { beforeEach, describe, expect, it } from 'vitest'
import pg from 'pg'
import { Database, selectinload, Session, sql } from '../../../orm/index.ts'
import { holdLock, untilBlocked } from '../../plugin/serve.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { recordWarnings } from '../../support/warnings.ts'

const { database, query, truncate, url } = await testDatabase(blog)

const lockKey = 23
const warned = recordWarnings()

beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email) values ('ann', 'ann')`)
  await query(`insert into posts (title, author_id) values ('one', 1)`)
  await warned()
})

const names = async () =>
  (await query<{ name: string }>('select name from users order by id')).map(({ name }) => name)

describe('close', () => {
  it.each<[string, (session: Session) => unknown]>([
    ['added', (session) => session.add(user('bob'))],
    ['changed', async (session) => void ((await session.find(User).one()).name = 'changed')],
    ['deleted', async (session) => session.delete(await session.find(Post).one())],
    [
      'flushed',
      async (session) => {
        session.add(user('bob'))
        await session.flush()
      },
    ],
  ])('rolls back and warns once of what was %s', async (_, work) => {
    const session = database.session()
    await work(session)
    await session.close()
    await session.close()
    expect(await warned()).toEqual(['DATA_BRIDGE_UNSAVED_CHANGES'])
    expect(await names()).toEqual(['ann'])
    expect(await query('select from posts')).toHaveLength(1)
  })

  it.each<[string, (session: Session) => unknown]>([
    ['nothing', () => undefined],
    ['a read', (session) => session.find(User).toList()],
    [
      'a commit',
      async (session) => {
        session.add(user('bob'))
        await session.commit()
      },
    ],
    [
      'a rollback',
      async (session) => {
        session.add(user('bob'))
        await session.flush()
        await session.rollback()
      },
    ],
    ['a transaction', (session) => session.transaction(() => session.add(user('bob')))],
  ])('does not warn after %s', async (_, work) => {
    const session = database.session()
    await work(session)
    await session.close()
    expect(await warned()).toEqual([])
  })

  it('ends every use of the session, with a clear error', async () => {
    const session = database.session()
    const ann = await session.find(User).one()
    const { posts } = ann
    const built = session.find(Post)
    await session.close()
    const closed = coded('DATA_BRIDGE_ERR_SESSION_CLOSED', 'the session is closed')
    expect(session.isClosed).toBe(true)
    expect(() => session.find(User)).toThrow(closed)
    expect(() => session.add(user('bob'))).toThrow(closed)
    expect(() => session.delete(ann)).toThrow(closed)
    for (const use of [
      () => session.get(User, 1),
      () => session.flush(),
      () => session.commit(),
      () => session.rollback(),
      () => session.refresh(ann),
      () => session.execute(sql`select 1`),
      () => session.transaction(() => undefined),
      () => session.open(),
      () => built.toList(),
      () => built.count(),
    ])
      await expect(use()).rejects.toThrow(closed)
    await expect(posts.load()).rejects.toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
    expect(ann.name).toBe('ann')
  })

  it('waits for the statement that runs, and refuses those behind it', async () => {
    const session = database.session()
    const running = session.find(User).toList()
    const waiting = session.find(Post).toList()
    const [first, second] = await Promise.allSettled([running, waiting, session.close()])
    expect(first.status === 'rejected' || first.value.length === 1).toBe(true)
    expect(second).toMatchObject({
      status: 'rejected',
      reason: { code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' },
    })
    expect(database.usage).toMatchObject({ waiting: 0 })
    expect(database.usage.idle).toBe(database.usage.total)
  })

  it('is done by await using, also after an error', async () => {
    let kept: Session | undefined
    const work = async () => {
      await using session = database.session()
      kept = session
      await session.get(User, 1)
      throw new RangeError('own')
    }
    await expect(work()).rejects.toThrow(RangeError)
    expect(kept?.isClosed).toBe(true)
    expect(database.usage.idle).toBe(database.usage.total)
  })
})

describe('a session is made of', () => {
  it('a URL, with a pool of its own that ends with it', async () => {
    const session = new Session(url)
    expect(await session.find(User).count()).toBe(1)
    const [row] = await session.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    await session.close()
    await expect
      .poll(() => query('select from pg_stat_activity where pid = $1', [row?.pid]))
      .toEqual([])
  })

  it('a pool of the application, which goes on', async () => {
    const pool = new pg.Pool({ connectionString: url })
    const session = new Session(pool)
    expect(await session.find(User).count()).toBe(1)
    await session.close()
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(pool.listenerCount('error')).toBe(0)
    await pool.end()
  })

  it('a database', async () => {
    await using session = new Session(database)
    expect(await session.find(User).count()).toBe(1)
  })

  it.each([undefined, null, 5, {}, [], { connectionString: 'postgresql://x' }])(
    'and of nothing else: %j',
    (source) => {
      expect(() => new Session(source as never)).toThrow(
        coded('DATA_BRIDGE_ERR_OPTION', 'expected a URL, a pg.Pool or a Database'),
      )
    },
  )

  it.each([
    [{ isolation: 'snapshot' }, 'isolation expected'],
    [{ readOnly: 'yes' }, 'readOnly expected true or false'],
    [{ readonly: true }, 'Session has no option readonly'],
  ])('with options that are checked: %j', (options, message) => {
    expect(() => database.session(options as never)).toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', message),
    )
  })
})

describe('a database', () => {
  it('closes its sessions with it, and opens none from then on', async () => {
    const own = new Database({ connectionString: url })
    const session = own.session()
    session.add(user('bob'))
    await session.flush()
    await own.close()
    await own.close()
    expect(session.isClosed).toBe(true)
    expect(await names()).toEqual(['ann'])
    expect(() => own.session()).toThrow(
      coded('DATA_BRIDGE_ERR_SESSION_CLOSED', 'database is closed'),
    )
  })

  it('cancels what its sessions still wait for a second later: a statement, a connection', async () => {
    await using _lock = await holdLock(url, lockKey)
    const own = new Database({ connectionString: url, max: 1 })
    const running = own.run((session) =>
      session.execute(sql`select pg_advisory_xact_lock(${lockKey})`),
    )
    await untilBlocked(query, 'select pg_advisory')
    const waiting = own.run((session) => session.find(User).count())
    await expect.poll(() => own.usage.waiting).toBe(1)
    const jobs = Promise.allSettled([running, waiting])
    await own.close()
    const refused = { reason: { code: 'DATA_BRIDGE_ERR_SESSION_CLOSED' } }
    expect(await jobs).toMatchObject([refused, refused])
  })

  it('costs nothing before its first statement', async () => {
    await using own = new Database({ connectionString: url })
    const session = own.session()
    session.add(user('bob'))
    session.find(User).filter({ id: 1 })
    expect(own.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
    await session.rollback()
    await session.close()
    expect(own.usage).toEqual({ total: 0, idle: 0, waiting: 0 })
  })

  it('opens on demand, to check that the server is there', async () => {
    await using session = new Session(url)
    await session.open()
    expect(session.stats.queryCount).toBe(0)
  })
})

describe('stats', () => {
  it('count the statements that were asked for, and time all of them', async () => {
    await using session = database.session()
    const { stats } = session
    expect([stats.queryCount, stats.durationMs]).toEqual([0, 0])
    await session.find(User).options(selectinload(User.posts)).toList()
    expect(stats.queryCount).toBe(2)
    await session.transaction(() => session.add(user('bob')))
    expect(stats.queryCount).toBe(3)
    expect(stats.durationMs).toBeGreaterThan(0)
    await expect(session.execute(sql`select nothing`)).rejects.toMatchObject({
      details: expect.stringContaining('nothing'),
    })
    expect(stats.queryCount).toBe(4)
    await session.rollback()
  })
})
