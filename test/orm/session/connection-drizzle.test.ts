import { eq, sql as drizzleSql } from 'drizzle-orm'
import { integer, jsonb, numeric, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { beforeEach, describe, expect, it } from 'vitest'
import { drizzleOf, named, users } from '../../support/builders.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User, user } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'

const { database, query, truncate } = await testDatabase(blog)
await query(`create table samples
  (id integer primary key, tags text[], document jsonb, price numeric, at timestamptz, day date)`)
beforeEach(truncate)

const names = async () =>
  (await query<{ name: string }>('select name from users order by name')).map(({ name }) => name)

describe('Drizzle on session.connection', () => {
  it('writes and reads in the transaction of the session', async () => {
    await database.run(async (session) => {
      const db = drizzleOf(session)
      const [row] = await db.insert(users).values(named('ann')).returning()
      expect(row).toMatchObject({ name: 'ann', active: true })
      expect(row?.createdAt).toBeInstanceOf(Date)
      expect(await session.find(User).filter({ name: 'ann' }).count()).toBe(1)
      session.add(user('ben'))
      const all = await db.select({ name: users.name }).from(users).orderBy(users.name)
      expect(all).toEqual([{ name: 'ann' }, { name: 'ben' }])
      expect(await names()).toEqual([])
    })
    expect(await names()).toEqual(['ann', 'ben'])
  })

  it('gives the values and counts that Drizzle knows from pg', async () => {
    const samples = pgTable('samples', {
      id: integer().primaryKey(),
      tags: text().array(),
      document: jsonb(),
      price: numeric(),
      at: timestamp({ withTimezone: true }),
    })
    const row = {
      id: 1,
      tags: ['a', "b'c", 'd,e'],
      document: { deep: [1, null] },
      price: '12.50',
      at: new Date('2026-01-02T03:04:05.678Z'),
    }
    await database.run(async (session) => {
      const db = drizzleOf(session)
      await db.insert(samples).values(row)
      expect(await db.select().from(samples)).toEqual([row])
      expect(await db.$count(samples)).toBe(1)
      const changed = await db.update(samples).set({ price: '1' }).where(eq(samples.id, 1))
      expect(changed).toMatchObject({ command: 'UPDATE', rowCount: 1 })
      const prepared = db
        .select()
        .from(samples)
        .where(eq(samples.id, drizzleSql.placeholder('id')))
      const byId = prepared.prepare('by_id')
      expect(await byId.execute({ id: 1 })).toMatchObject([{ price: '1' }])
      expect(await byId.execute({ id: 2 })).toEqual([])
    })
  })

  it('commits its transactions with the session', async () => {
    await database.run(async (session) => {
      const db = drizzleOf(session)
      const result = await db.transaction(async (tx) => {
        await tx.insert(users).values(named('ann'))
        return 'done'
      })
      expect(result).toBe('done')
      expect(await names()).toEqual([])
    })
    expect(await names()).toEqual(['ann'])
  })

  it('rolls back its own transaction alone, with what the session did in it', async () => {
    const ran: string[] = []
    await database.run(async (session) => {
      const db = drizzleOf(session)
      session.add(user('before'))
      const undone = db.transaction(async (tx) => {
        await tx.insert(users).values(named('inside'))
        session.add(user('entity'))
        await session.flush()
        session.afterCommit(() => ran.push('inside'))
        throw new Error('no')
      })
      await expect(undone).rejects.toThrow('no')
      session.afterCommit(() => ran.push('outside'))
      await db.insert(users).values(named('after'))
    })
    expect(await names()).toEqual(['after', 'before'])
    expect(ran).toEqual(['outside'])
  })

  it('detaches entities of a transaction that is rolled back', async () => {
    await database.run(async (session) => {
      const ann = user('ann')
      const undone = drizzleOf(session).transaction(async (tx) => {
        session.add(ann)
        await session.flush()
        tx.rollback()
      })
      await expect(undone).rejects.toThrow('Rollback')
      await failure('DATA_BRIDGE_ERR_DETACHED', () => session.refresh(ann))
    })
    expect(await names()).toEqual([])
  })

  it('nests its transactions', async () => {
    await database.run(async (session) => {
      await drizzleOf(session).transaction(async (tx) => {
        await tx.insert(users).values(named('outer'))
        const inner = tx.transaction(async (nested) => {
          await nested.insert(users).values(named('inner'))
          await nested.insert(users).values(named('inner'))
        })
        await expect(inner).rejects.toThrow('Failed query')
        await tx.transaction((nested) => nested.insert(users).values(named('second')))
        await tx.insert(users).values(named('last'))
      })
    })
    expect(await names()).toEqual(['last', 'outer', 'second'])
  })

  it('nests a transaction of the database in another one, each on its own client', async () => {
    await database.run(async (session) => {
      const db = drizzleOf(session)
      await db.transaction(async (tx) => {
        await tx.insert(users).values(named('outer'))
        const inner = db.transaction(async (other) => {
          await other.insert(users).values(named('inner'))
          other.rollback()
        })
        await expect(inner).rejects.toThrow('Rollback')
      })
    })
    expect(await names()).toEqual(['outer'])
  })

  it('refuses transactions that overlap', async () => {
    const unit = database.run(async (session) => {
      const db = drizzleOf(session)
      const both = ['ann', 'ben'].map((name, index) =>
        db.transaction(async (tx) => {
          await tx.insert(users).values(named(name))
          if (index === 1) await tx.execute(drizzleSql`select pg_sleep(0.05)`)
        }),
      )
      expect(await Promise.allSettled(both)).toMatchObject([
        { reason: { cause: coded('DATA_BRIDGE_ERR_TRANSACTION', 'overlap') } },
        { reason: { cause: coded('DATA_BRIDGE_ERR_TRANSACTION', 'rolled back before') } },
      ])
    })
    await unit
    expect(await names()).toEqual([])
  })

  it('takes the isolation of a transaction that begins with it, and refuses another one later', async () => {
    const serializable = { isolationLevel: 'serializable', accessMode: 'read write' } as const
    const level = drizzleSql`select current_setting('transaction_isolation') as level`
    await database.run(async (session) => {
      const db = drizzleOf(session)
      await db.transaction(async (tx) => {
        expect((await tx.execute(level)).rows).toEqual([{ level: 'serializable' }])
        await tx.setTransaction({ isolationLevel: 'serializable' })
      }, serializable)
      await db.transaction((tx) => tx.insert(users).values(named('same')), serializable)
      const other = db.transaction(async () => undefined, { isolationLevel: 'repeatable read' })
      await expect(other).rejects.toMatchObject({
        cause: coded('DATA_BRIDGE_ERR_TRANSACTION', 'BEGIN ISOLATION LEVEL SERIALIZABLE'),
      })
    })
    expect(await names()).toEqual(['same'])
  })

  it('begins no transaction for writes in a read-only session', async () => {
    await using session = database.session({ readOnly: true })
    const db = drizzleOf(session)
    expect(await db.select().from(users)).toEqual([])
    await expect(db.insert(users).values(named('ann'))).rejects.toMatchObject({
      cause: coded('DATA_BRIDGE_ERR_STATEMENT', 'read-only'),
    })
    await session.rollback()
    const begun = db.transaction(async () => undefined, { accessMode: 'read write' })
    await expect(begun).rejects.toMatchObject({
      cause: coded('DATA_BRIDGE_ERR_TRANSACTION', 'BEGIN READ ONLY'),
    })
  })

  it('keeps the error of the library as the cause', async () => {
    await using session = database.session()
    const db = drizzleOf(session)
    await db.insert(users).values(named('ann'))
    await expect(db.insert(users).values(named('ann'))).rejects.toMatchObject({
      cause: {
        code: 'DATA_BRIDGE_ERR_UNIQUE',
        statusCode: 409,
        sqlState: '23505',
        columns: ['email'],
      },
    })
    await session.rollback()
  })

  it('is retried by transaction() like other work', async () => {
    let attempts = 0
    await database.transaction(
      async (session) => {
        attempts += 1
        const raise = drizzleSql`do $$ begin raise exception 'again' using errcode = '40001'; end $$`
        await drizzleOf(session).insert(users).values(named('ann'))
        if (attempts === 1) await drizzleOf(session).execute(raise)
      },
      { retries: 1 },
    )
    expect(attempts).toBe(2)
    expect(await names()).toEqual(['ann'])
  })
})

describe('a session without a request', () => {
  it('is committed by a transaction of Drizzle, as by transaction()', async () => {
    await using session = database.session()
    const db = drizzleOf(session)
    await db.insert(users).values(named('before'))
    expect(await names()).toEqual([])
    await db.transaction((tx) => tx.insert(users).values(named('inside')))
    expect(await names()).toEqual(['before', 'inside'])
    await expect(
      db.transaction(async (tx) => {
        await tx.insert(users).values(named('undone'))
        tx.rollback()
      }),
    ).rejects.toThrow('Rollback')
    expect(await names()).toEqual(['before', 'inside'])
  })
})
