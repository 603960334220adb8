import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql, type Sql } from '../../../orm/index.ts'
import { hasEnded } from '../../../orm/driver/raw-outcome.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'

const { database, query, truncate } = await testDatabase(blog)
await query(`
  create procedure commits() language plpgsql as $$ begin commit; end $$;
  create procedure rolls_back() language plpgsql as $$ begin rollback; end $$`)
beforeEach(truncate)

const names = async () =>
  (await query<{ name: string }>('select name from users order by name')).map(({ name }) => name)

const ending: readonly Sql[] = [
  sql`commit`,
  sql`commit and chain`,
  sql`commit; begin`,
  sql`end`,
  sql`rollback`,
  sql`rollback and chain`,
  sql`rollback; begin`,
  sql`rollback; start transaction`,
  sql`abort`,
  sql`abort and chain`,
  sql`prepare transaction 'x'`,
  sql`select 1; commit; begin; select 2`,
  sql`/* harmless */ commit; select 1/0`,
  sql`insert into users (name, email) values ('x', 'x'); commit`,
  sql`do $$ begin commit; end $$`,
  sql`do $$ begin rollback; end $$`,
  sql`call commits()`,
  sql`call rolls_back()`,
]

describe('SQL that ends or replaces the transaction', () => {
  it.each(ending)('fails the unit, and nothing of it is stored: $strings', async (end) => {
    const unit = database.run(async (session) => {
      session.add(user('before'))
      await session.flush()
      await session.execute(end)
    })
    // DO and CALL are refused by PostgreSQL itself.
    await expect(unit).rejects.toThrow(
      expect.objectContaining({ code: expect.stringMatching(/_(TRANSACTION|STATEMENT)$/) }),
    )
    expect(await names()).toEqual([])
  })

  it.each(ending)('fails the commit where its error is swallowed: $strings', async (end) => {
    await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', () =>
      database.run(async (session) => {
        session.add(user('before'))
        await session.execute(end).catch(() => undefined)
        session.add(user('after'))
      }),
    )
    expect(await names()).toEqual([])
    await database.run((session) => session.add(user('next')))
    expect(await names()).toEqual(['next'])
  })

  it('fails it as the first thing that the session does', async () => {
    await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', () =>
      database.run(async (session) => {
        await session.execute(sql`rollback; begin`).catch(() => undefined)
        session.add(user('after'))
      }),
    )
    expect(await names()).toEqual([])
  })

  it('is undone with the transaction() that it was in', async () => {
    await database.run(async (session) => {
      session.add(user('outer'))
      const inner = session.transaction(async () => {
        session.add(user('inner'))
        await session.execute(sql`commit and chain`)
      })
      await expect(inner).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION', 'got COMMIT'))
    })
    expect(await names()).toEqual(['outer'])
  })
})

describe('what the command tags tell', () => {
  it.each<[string, string[], boolean, boolean]>([
    ['select 1', ['SELECT'], true, false],
    ['select 1', ['SELECT'], false, true],
    ['hidden', ['COMMIT'], true, true],
    ['hidden', ['ROLLBACK', 'BEGIN'], true, true],
    ['hidden', ['ROLLBACK'], true, true],
    ['hidden', ['PREPARE', 'BEGIN'], true, true],
    ['prepare q as select 1', ['PREPARE'], true, false],
    ['rollback to a', ['ROLLBACK'], true, false],
    ['rollback to a; hidden', ['ROLLBACK', 'ROLLBACK'], true, true],
  ])('of %j, %j', (text, commands, isOpen, expected) => {
    expect(hasEnded(text, commands, isOpen)).toBe(expected)
  })

  it('catches what the text does not show', async () => {
    // Without standard strings the backslash hides the end of the string from our reading.
    await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', () =>
      database.run(async (session) => {
        await session.execute(sql`set local standard_conforming_strings = off`)
        session.add(user('before'))
        await session.execute(sql`select 'a\\'; rollback; begin; --'`).catch(() => undefined)
        await session.execute(sql`select 'a\\'', 'b'; rollback; begin --'`).catch(() => undefined)
      }),
    )
    expect(await names()).toEqual([])
  })
})

describe('savepoints of SQL', () => {
  const added = (session: Session, name: string) =>
    session.execute(sql`insert into users (name, email) values (${name}, ${name})`)

  it('are set, released and gone back to', async () => {
    await database.run(async (session) => {
      session.add(user('entity'))
      await session.execute(sql`savepoint a`)
      await added(session, 'undone')
      await session.execute(sql`rollback to savepoint a`)
      await added(session, 'kept')
      await session.execute(sql`release savepoint a`)
      await session.execute(
        sql`savepoint b; insert into users (name, email) values ('b', 'b'); rollback work to B`,
      )
    })
    expect(await names()).toEqual(['entity', 'kept'])
  })

  it('are not gone back to where that would undo what the session holds for stored', async () => {
    const error = await failure('DATA_BRIDGE_ERR_TRANSACTION', () =>
      database.run(async (session) => {
        await session.execute(sql`savepoint a`)
        session.add(user('entity'))
        await session.execute(sql`rollback to a`)
      }),
    )
    expect(error.message).toContain('ROLLBACK TO a, which would undo')
    expect(await names()).toEqual([])
  })
})

describe('the rows of execute()', () => {
  it('are an array with the count of what was touched', async () => {
    await database.run(async (session) => {
      session.add(['a', 'b', 'c'].map((name) => user(name)))
      const updated = await session.execute(sql`update users set age = 1 where name < 'c'`)
      expect(updated).toEqual([])
      expect(updated.rowCount).toBe(2)
      const rows = await session.execute<{ name: string }>(
        sql`select name from users order by name`,
      )
      expect(rows).toEqual([{ name: 'a' }, { name: 'b' }, { name: 'c' }])
      expect(rows).toStrictEqual([{ name: 'a' }, { name: 'b' }, { name: 'c' }])
      expect(rows.rowCount).toBe(3)
      expect(JSON.stringify(rows)).toBe('[{"name":"a"},{"name":"b"},{"name":"c"}]')
      expect(Object.keys(rows)).toEqual(['0', '1', '2'])
      const deleted = await session.execute(sql`delete from users where name = 'a' returning name`)
      expect([deleted.length, deleted.rowCount]).toEqual([1, 1])
      expect((await session.execute(sql`create temp table t (n int)`)).rowCount).toBe(0)
      const last = await session.execute(sql`select 1; delete from users`)
      expect([last.length, last.rowCount]).toEqual([0, 2])
    })
  })
})

describe('SQL that changes tables', () => {
  it('makes the catalogue be asked again, in its transaction and after it', async () => {
    await using own = await testDatabase([User]).then(({ database: db }) => db)
    const shout = sql`
      create function shout() returns trigger language plpgsql as $$ begin new.name := upper(new.name); return new; end $$;
      create trigger shout before insert on users for each row execute function shout()`
    const added = (session: Session, name: string) => {
      const row = user(name)
      session.add(row)
      return session.flush().then(() => row.name)
    }
    await own.run((session) => added(session, 'first'))
    await own.run(async (session) => {
      await session.execute(shout)
      expect(await added(session, 'second')).toBe('SECOND')
      await session.rollback()
      expect(await added(session, 'third')).toBe('third')
    })
    await own.run(async (session) => {
      await session.execute(shout)
    })
    expect(await own.run((session) => added(session, 'fourth'))).toBe('FOURTH')
  })
})
