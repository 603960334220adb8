import { beforeEach, describe, expect, it } from 'vitest'
import { bigint, integer, smallint, sql, table, text, timestamptz } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded, failure } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'
import { Account, accountsIn, readAll } from './accounts.ts'

const STALE = 'DATA_BRIDGE_ERR_STALE'

class Triggered extends table('triggered', {
  id: integer().primaryKey(),
  name: text(),
  revision: bigint({ mode: 'bigint' }).version(),
}) {}
class Leg extends table('legs', {
  tripId: integer().primaryKey(),
  no: text().primaryKey(),
  place: text().nullable(),
  version: bigint('lock_no').version(),
}) {}
class Small extends table('small', {
  id: integer().primaryKey(),
  note: text().nullable(),
  changedAt: timestamptz().onUpdate(() => new Date(0)),
  version: smallint().version(),
}) {}
class Plain extends table('plain', { id: integer().primaryKey(), name: text() }) {}
class Egg extends table('eggs', {
  id: integer().primaryKey(),
  henId: integer()
    .references(() => Hen)
    .nullable(),
  version: integer().version(),
}) {}
class Hen extends table('hens', {
  id: integer().primaryKey(),
  eggId: integer()
    .references(() => Egg)
    .nullable(),
  version: integer().version(),
}) {}

const stored = await testDatabase([Account, Triggered, Leg, Small, Plain, Egg, Hen])
const { database, query, url } = stored
await query(`
  create function shout() returns trigger language plpgsql as $$
    begin new.name := upper(new.name); return new; end $$;
  create trigger shout before insert or update on triggered for each row execute function shout();
  alter table eggs alter constraint eggs_hen_id_fkey deferrable initially deferred;
  alter table hens alter constraint hens_egg_id_fkey deferrable initially deferred`)
const { accounts, changed, rows } = accountsIn(stored)
beforeEach(() => stored.truncate())

describe('a version column', () => {
  it('is 1 in the database too, where another program inserts', async () => {
    await accounts(1)
    expect(await rows()).toEqual([{ id: 1, name: 'a1', balance: 0, version: 1 }])
  })

  it('counts every update, one by one and in batches', async () => {
    await database.run(async (session) => {
      const all = ['a', 'b', 'c'].map((name) => new Account({ name }))
      session.add(all)
      await session.flush()
      expect(all.map(({ version }) => version)).toEqual([1, 1, 1])
      for (const account of all) account.balance = 5
      await session.flush()
      expect(all.map(({ version }) => version)).toEqual([2, 2, 2])
      if (all[1] !== undefined) all[1].balance = 6
      await session.commit()
      expect(all.map(({ version }) => version)).toEqual([2, 3, 2])
    })
    expect((await rows()).map((row) => [row['balance'], row['version']])).toEqual([
      [5, 2],
      [6, 3],
      [5, 2],
    ])
  })

  it('travels with COMMIT, in the one statement that also checks it', async () => {
    await accounts(2)
    await using wire = recordWire(url)
    const change = (ids: number[]) =>
      wire.database.run(async (session) => {
        for (const account of await readAll(session))
          if (ids.includes(account.id)) account.balance += 1
      })
    await change([1])
    wire.clear()
    await change([1])
    await change([1, 2])
    const writes = wire.texts.filter((text) => text.includes('update'))
    expect(writes).toHaveLength(2)
    expect(writes[0]).toContain(
      'update "accounts" set "balance" = $3, "version" = "version" + 1 where "id" = $1 and "version" = $2 returning "version"',
    )
    expect(writes[1]).toContain(
      '"version" = target."version" + 1 from unnest($1::integer[], $2::integer[]',
    )
    expect(writes[1]).toContain('target."version" = given."#1"')
    expect(wire.texts.filter((text) => text === 'commit')).toHaveLength(2)
    expect((await rows()).map(({ version }) => version)).toEqual([4, 2])
  })

  it('is not counted by a flush that does not change the row', async () => {
    await accounts(1)
    await database.run(async (session) => {
      const account = await session.getOrThrow(Account, 1)
      account.name = 'other'
      account.name = 'a1'
      await session.flush()
      expect(account.version).toBe(1)
    })
    expect(await rows()).toMatchObject([{ version: 1 }])
  })

  it('works with a composite key, another name, triggers, onUpdate() and every size', async () => {
    await database.run(async (session) => {
      const legs = ['x', 'y'].map((no) => new Leg({ tripId: 1, no }))
      const triggered = [1, 2].map((id) => new Triggered({ id, name: 'n' }))
      const small = new Small({ id: 1 })
      session.add(legs, triggered, small)
      await session.flush()
      for (const leg of legs) leg.place = 'p'
      for (const one of triggered) one.name = 'm'
      small.note = 'n'
      await session.flush()
      expect(legs.map(({ version }) => version)).toEqual(['2', '2'])
      expect(triggered.map(({ name, revision }) => [name, revision])).toEqual([
        ['M', 2n],
        ['M', 2n],
      ])
      if (triggered[0] !== undefined) triggered[0].name = 'k'
      if (legs[0] !== undefined) legs[0].place = 'q'
      await session.commit()
      expect([legs[0]?.version, triggered[0]?.revision, small.version]).toEqual(['3', 3n, 2])
    })
    expect(await rows('legs')).toMatchObject([{ lock_no: '3' }, { lock_no: '2' }])
    expect(await rows('triggered')).toMatchObject([{ revision: '3' }, { revision: '2' }])
    expect(await rows('small')).toMatchObject([{ version: 2 }])
  })

  it('cannot be set by the program', async () => {
    await accounts(1)
    const error = await failure('DATA_BRIDGE_ERR_FLUSH', () =>
      database.run(async (session) => {
        const account = await session.getOrThrow(Account, 1)
        account.version = 7
      }),
    )
    expect(error.message).toContain('Account.version is the version of a stored row and cannot be')
    expect(await rows()).toMatchObject([{ version: 1 }])
  })
})

it('a frozen entity that has changed is refused before anything is written', async () => {
  await accounts(2)
  const change = database.run(async (session) => {
    const [first, second] = await readAll(session)
    if (first === undefined || second === undefined) throw new Error('two')
    first.balance = 1
    second.balance = 1
    Object.freeze(second)
  })
  const error = await failure('DATA_BRIDGE_ERR_ENTITY', change)
  expect(error.message).toContain('got a frozen Account')
  expect(await rows()).toMatchObject([{ balance: 0 }, { balance: 0 }])
})

describe('a row that others have changed since it was read', () => {
  it.each([1, 3])('is not overwritten: %i changed', async (count) => {
    await accounts(count)
    const error = await failure(STALE, () =>
      database.run(async (session) => {
        const all = await readAll(session)
        await changed()
        for (const account of all) account.balance = 1
      }),
    )
    expect(error.statusCode).toBe(409)
    expect(error.details).toContain(
      '1 row of Account was changed or deleted by others since it was read; read again and repeat the change',
    )
    expect(error.message).toBe(
      '1 row was changed or deleted by others since it was read; read again and repeat the change',
    )
    expect((await rows()).map(({ balance }) => balance)).toEqual([77, 0, 0].slice(0, count))
  })

  it.each([1, 3])('is not deleted: %i deleted', async (count) => {
    await accounts(count)
    await failure(STALE, () =>
      database.run(async (session) => {
        const all = await readAll(session)
        await changed()
        session.delete(all)
      }),
    )
    expect(await rows()).toHaveLength(count)
  })

  it.each(['update', 'delete'])('is found by a flush before the commit too: %s', async (verb) => {
    await accounts(2)
    await using session = database.session()
    const all = await readAll(session)
    await changed('id = 2')
    if (verb === 'update') for (const account of all) account.balance = 1
    else session.delete(all)
    await expect(session.flush()).rejects.toThrow(coded(STALE, '1 row of Account'))
    await session.rollback()
    expect((await rows()).map(({ balance }) => balance)).toEqual([0, 77])
  })

  it('is found in a table with triggers', async () => {
    await query(`insert into triggered values (1, 'a'), (2, 'b')`)
    for (const verb of ['update', 'delete'])
      await failure(STALE, () =>
        database.run(async (session) => {
          const all = await session.find(Triggered).toList()
          await query('update triggered set revision = revision + 1 where id = 2')
          if (verb === 'delete') session.delete(all)
          else for (const one of all) one.name = 'x'
        }),
      )
    expect(await rows('triggered')).toHaveLength(2)
  })

  it('says how many rows', async () => {
    await accounts(3)
    const error = await failure(STALE, () =>
      database.run(async (session) => {
        const all = await readAll(session)
        await changed('id > 1')
        for (const account of all) account.balance = 1
      }),
    )
    expect(error.details).toContain('2 rows of Account were changed or deleted by others')
  })

  it('is overwritten where its table has no version', async () => {
    await query(`insert into plain values (1, 'a')`)
    await database.run(async (session) => {
      const plain = await session.getOrThrow(Plain, 1)
      await query(`update plain set name = 'theirs'`)
      plain.name = 'mine'
    })
    expect(await rows('plain')).toEqual([{ id: 1, name: 'mine' }])
  })

  it('keeps its values and its version when another query meets it', async () => {
    await accounts(2)
    await using session = database.session()
    const [account] = await readAll(session)
    await changed()
    await readAll(session)
    await session.find(Account).filter({ id: 1 }).first()
    await session.getMany(Account, [1, 2])
    expect(account).toMatchObject({ balance: 0, version: 1 })
    if (account !== undefined) account.name = 'mine'
    await expect(session.commit()).rejects.toThrow(coded(STALE))
    await session.rollback()
  })

  it('can be written after refresh() and after forUpdate(), which renew both', async () => {
    await accounts(2)
    await database.run(async (session) => {
      const [first, second] = await readAll(session)
      if (first === undefined || second === undefined) throw new Error('two')
      await changed('true')
      await session.refresh(first)
      await session.find(Account).filter({ id: 2 }).forUpdate().one()
      expect([first, second]).toMatchObject([
        { balance: 77, version: 2 },
        { balance: 77, version: 2 },
      ])
      first.balance += 1
      second.balance += 1
    })
    expect((await rows()).map((row) => [row['balance'], row['version']])).toEqual([
      [78, 3],
      [78, 3],
    ])
  })

  it.each([1, 2])('is found among %i that are deleted in a circle', async (count) => {
    const remove = async (before: string): Promise<void> => {
      await stored.truncate()
      await query(`begin; insert into eggs select no, no from generate_series(1, ${count}) no;
        insert into hens select no, no from generate_series(1, ${count}) no; commit`)
      await database.run(async (session) => {
        const hens = await session.find(Hen).toList()
        const eggs = await session.find(Egg).toList()
        await query(before)
        session.delete(hens, eggs)
      })
    }
    await remove('select 1')
    expect(await rows('hens')).toEqual([])
    for (const one of ['hens', 'eggs']) {
      const error = await failure(
        STALE,
        remove(`update ${one} set version = version + 1 where id = 1`),
      )
      expect(error.details).toContain(`1 row of ${one === 'hens' ? 'Hen' : 'Egg'} was`)
      expect(await rows(one)).toHaveLength(count)
    }
  })
})

it('statements of tables without a version have neither condition nor column', async () => {
  await query(`insert into plain values (1, 'a')`)
  await using wire = recordWire(url)
  await wire.database.run(async (session) => {
    const plain = await session.getOrThrow(Plain, 1)
    plain.name = 'b'
    await session.flush()
    session.delete(plain)
  })
  expect(wire.texts.join('\n')).not.toMatch(/version|xmin/)
  expect(wire.texts.filter((text) => text.includes('plain'))).toHaveLength(3)
})

it('what your own SQL writes has to count the version itself', async () => {
  await accounts(1)
  await database.run(async (session) => {
    const account = await session.getOrThrow(Account, 1)
    await session.execute(sql`update accounts set balance = 9, version = version + 1 where id = 1`)
    account.name = 'x'
    await expect(session.flush()).rejects.toThrow(coded(STALE))
    await session.rollback()
  })
})
