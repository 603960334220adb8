import { beforeEach, describe, expect, it } from 'vitest'
import { sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

const { database, query, truncate, url } = await testDatabase(blog)
beforeEach(truncate)

class Own extends Error {}
const fail = (): never => {
  throw new Own('on purpose')
}

const names = async () =>
  (await query<{ name: string }>('select name from users order by id')).map(({ name }) => name)

describe('transaction', () => {
  it('commits when its function resolves, and gives its result', async () => {
    await using session = database.session()
    const result = await session.transaction((given) => {
      expect(given).toBe(session)
      given.add(user('a'))
      return 'result'
    })
    expect(result).toBe('result')
    expect(await names()).toEqual(['a'])
  })

  it('rolls back when its function rejects, with the very error, and detaches', async () => {
    await using session = database.session()
    const a = user('a')
    const work = session.transaction(async () => {
      session.add(a)
      await session.flush()
      fail()
    })
    await expect(work).rejects.toThrow(Own)
    expect(await names()).toEqual([])
    expect(() => session.delete(a)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
    await session.transaction(() => session.add(a))
    expect(await names()).toEqual(['a'])
  })

  it('rolls back when its function throws at once', async () => {
    await using session = database.session()
    await expect(session.transaction(fail)).rejects.toThrow(Own)
    expect(database.usage.idle).toBe(database.usage.total)
  })

  it('begins at once, so that all its reads see one state', async () => {
    await using wire = recordWire(url)
    await wire.database.transaction(
      async (session) => {
        const before = await session.find(User).count()
        await query(`insert into users (name, email) values ('outside', 'outside')`)
        expect(await session.find(User).count()).toBe(before)
      },
      { isolation: 'repeatable read', readOnly: true },
    )
    expect(wire.texts[0]).toBe('begin isolation level repeatable read read only')
    expect(wire.texts.at(-1)).toBe('commit')
  })

  it('waits with deferrable until nothing can make it fail, and then reads without conflicts', async () => {
    await query(`insert into users (name, email) values ('a', 'a')`)
    await using wire = recordWire(url)
    await using writer = database.session({ isolation: 'serializable' })
    await writer.find(User).count()
    writer.add(user('b'))
    await writer.flush()
    const mode = { isolation: 'serializable', readOnly: true, deferrable: true } as const
    const report = wire.database.transaction((session) => session.find(User).count(), mode)
    const waiting = () =>
      query(`select from pg_stat_activity
        where datname = current_database() and wait_event = 'SafeSnapshot'`)
    await expect.poll(waiting).toHaveLength(1)
    await writer.commit()
    expect(await report).toBe(1)
    expect(wire.texts[0]).toBe('begin isolation level serializable read only deferrable')
    // As an option of a session, of all its transactions.
    await using session = wire.database.session(mode)
    wire.clear()
    expect(await session.find(User).count()).toBe(2)
    expect(wire.texts[0]).toBe('begin isolation level serializable read only deferrable')
  })

  it('refuses deferrable where PostgreSQL would ignore it', async () => {
    const refused = (got: string) =>
      coded(
        'DATA_BRIDGE_ERR_OPTION',
        `deferrable expected isolation: 'serializable' and readOnly: true beside it, got ${got}`,
      )
    const none = refused('no isolation and no readOnly: true')
    await expect(database.transaction(fail, { deferrable: true })).rejects.toThrow(none)
    expect(() => database.session({ deferrable: true })).toThrow(none)
    const writing = { isolation: 'serializable', deferrable: true } as const
    await expect(database.transaction(fail, writing)).rejects.toThrow(
      refused(`isolation: 'serializable' and no readOnly: true`),
    )
    expect(() =>
      database.session({ isolation: 'repeatable read', readOnly: true, deferrable: true }),
    ).toThrow(refused(`isolation: 'repeatable read' and readOnly: true`))
    expect(() => database.session({ deferrable: 1 } as never)).toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', 'deferrable expected true or false, got the number 1'),
    )
    await database.transaction(
      async (session) => {
        const inner = session.transaction(() => 1, {
          isolation: 'serializable',
          readOnly: true,
          deferrable: true,
        })
        await expect(inner).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION', 'deferrable'))
      },
      { isolation: 'serializable', readOnly: true, deferrable: false },
    )
  })

  it('commits what was added, changed and flushed before it', async () => {
    await using session = database.session()
    session.add(user('flushed'))
    await session.flush()
    session.add(user('added'))
    await session.transaction(() => session.add(user('inside')))
    await session.close()
    expect(await names()).toEqual(['flushed', 'added', 'inside'])
  })

  it('leaves what was flushed before it to the caller where it fails', async () => {
    await using session = database.session()
    session.add(user('before'))
    await session.flush()
    const work = session.transaction(() => {
      session.add(user('inside'))
      fail()
    })
    await expect(work).rejects.toThrow(Own)
    expect(await session.find(User).count()).toBe(1)
    await session.commit()
    expect(await names()).toEqual(['before'])
  })

  it('commits by itself: commit() within it is refused', async () => {
    await using session = database.session()
    const work = session.transaction(async () => {
      session.add(user('a'))
      await session.commit()
    })
    await expect(work).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_TRANSACTION', 'commit() was called while transaction(…) is under way'),
    )
    expect(await names()).toEqual([])
  })

  it('ends where rollback() is called within it, and says so', async () => {
    await using session = database.session()
    const work = session.transaction(async () => {
      session.add(user('a'))
      await session.rollback()
    })
    await expect(work).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION'))
    await session.transaction(() => session.add(user('b')))
    expect(await names()).toEqual(['b'])
  })
})

describe('run', () => {
  it('commits when its function resolves and rolls back when it rejects', async () => {
    expect(await database.run((session) => (session.add(user('a')), 'result'))).toBe('result')
    await expect(
      database.run((session) => {
        session.add(user('b'))
        fail()
      }),
    ).rejects.toThrow(Own)
    expect(await names()).toEqual(['a'])
    expect(database.usage.idle).toBe(database.usage.total)
  })

  it('makes transaction() a savepoint in its unit of work', async () => {
    await database.run(async (session) => {
      session.add(user('a'))
      await expect(session.transaction(() => (session.add(user('b')), fail()))).rejects.toThrow(Own)
      await session.transaction(() => session.add(user('c')))
      expect(await query('select from users')).toEqual([])
    })
    expect(await names()).toEqual(['a', 'c'])
  })

  it('is where the entity classes find their session, and nowhere else', async () => {
    await database.run(async (session) => {
      session.add(user('a'))
      expect((await User.find().one()).name).toBe('a')
      const found = await User.get((await User.find().one()).id)
      expect(found).toBe(await session.find(User).one())
      expect(await Post.get(1)).toBeNull()
    })
    await database.transaction(async (session) => {
      expect(await User.find().one()).toBe(await session.find(User).one())
    })
    const error = coded('DATA_BRIDGE_ERR_NO_AMBIENT_SESSION', 'within a request or database.run')
    expect(() => User.find()).toThrow(error)
    await expect(User.get(1)).rejects.toThrow(error)
  })

  it('keeps the sessions of concurrent runs apart', async () => {
    const pids = await Promise.all(
      [1, 2, 3].map(() =>
        database.run(async (session) => {
          await session.execute(sql`select 1`)
          expect(await User.find().count()).toBe(0)
          session.add(user(crypto.randomUUID()))
          expect(await User.find().count()).toBe(1)
          const rows = await session.execute(sql`select pg_backend_pid() as pid`)
          await session.rollback()
          return rows[0]?.['pid']
        }),
      ),
    )
    expect(new Set(pids).size).toBe(3)
  })
})
