import { CompiledQuery, Kysely, PostgresDialect, sql as kyselySql } from 'kysely'
import pg from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import { Database, Session, sql } from '../../../orm/index.ts'
import { kyselyOf, named } from '../../support/builders.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User, user } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'

const { database, query, truncate, url } = await testDatabase(blog)
beforeEach(truncate)

const names = async () =>
  (await query<{ name: string }>('select name from users order by name')).map(({ name }) => name)

const insert = (db: ReturnType<typeof kyselyOf>, name: string) =>
  db.insertInto('users').values({ ...named(name), age: null })

describe('Kysely on session.connection', () => {
  it('writes and reads in the transaction of the session', async () => {
    await database.run(async (session) => {
      const db = kyselyOf(session)
      const { id } = await insert(db, 'ann').returning('id').executeTakeFirstOrThrow()
      const ann = await session.getOrThrow(User, id)
      ann.name = 'Ann'
      const row = await db.selectFrom('users').selectAll().executeTakeFirstOrThrow()
      expect(row).toMatchObject({ id, name: 'Ann', active: true })
      expect(row.created_at).toBeInstanceOf(Date)
      const updated = await db.updateTable('users').set({ age: 9 }).executeTakeFirst()
      expect(updated.numUpdatedRows).toBe(1n)
      expect(ann.age).toBeNull()
      await session.refresh(ann)
      expect(ann.age).toBe(9)
      expect(await names()).toEqual([])
    })
    expect(await names()).toEqual(['Ann'])
  })

  it('commits its transactions with the session, and rolls them back alone', async () => {
    await database.run(async (session) => {
      const db = kyselyOf(session)
      await db.transaction().execute((trx) => insert(trx, 'kept').execute())
      const undone = db.transaction().execute(async (trx) => {
        await insert(trx, 'undone').execute()
        session.add(user('entity'))
        throw new Error('no')
      })
      await expect(undone).rejects.toThrow('no')
      const refused = db.transaction().execute(async (trx) => {
        await insert(trx, 'kept').execute()
      })
      await expect(refused).rejects.toThrow(coded('DATA_BRIDGE_ERR_UNIQUE'))
      expect(await names()).toEqual([])
      await insert(db, 'last').execute()
    })
    expect(await names()).toEqual(['kept', 'last'])
  })

  it('has savepoints that undo what entities have written too', async () => {
    await database.run(async (session) => {
      const trx = await kyselyOf(session).startTransaction().execute()
      await insert(trx, 'first').execute()
      const inner = await trx.savepoint('inner').execute()
      session.add(user('entity'))
      await session.flush()
      await insert(inner, 'undone').execute()
      const back = await inner.rollbackToSavepoint('inner').execute()
      await insert(back, 'again').execute()
      const more = await back.rollbackToSavepoint('inner').execute()
      const second = await more.savepoint('second').execute()
      await insert(second, 'second').execute()
      await second.releaseSavepoint('inner').execute()
      await insert(trx, 'third').execute()
      await trx.commit().execute()
    })
    expect(await names()).toEqual(['first', 'second', 'third'])
  })

  it('releases the savepoints that are open when its transaction commits', async () => {
    await database.run(async (session) => {
      const trx = await kyselyOf(session).startTransaction().execute()
      const inner = await trx.savepoint('inner').execute()
      await insert(inner, 'ann').execute()
      await inner.commit().execute()
    })
    expect(await names()).toEqual(['ann'])
  })

  it('may roll back after a commit that has failed', async () => {
    await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', () =>
      database.run(async (session) => {
        const db = kyselyOf(session)
        const failing = db.transaction().execute(async (trx) => {
          await insert(trx, 'ann').execute()
          await kyselySql`select 1/0`.execute(trx).catch(() => undefined)
        })
        await expect(failing).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION'))
      }),
    )
    expect(await names()).toEqual([])
  })

  it('refuses a transaction whose isolation is another one', async () => {
    await database.run(async (session) => {
      await session.execute(sql`select 1`)
      const db = kyselyOf(session)
      const begin = () =>
        db
          .transaction()
          .setIsolationLevel('serializable')
          .execute(() => ran())
      const ran = async () => 'ran'
      await expect(begin()).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_TRANSACTION', 'begins with BEGIN,'),
      )
      const usual = db.transaction().setIsolationLevel('read committed').setAccessMode('read write')
      expect(await usual.execute(ran)).toBe('ran')
    })
    await using session = database.session({ isolation: 'serializable', readOnly: true })
    const same = kyselyOf(session).transaction().setIsolationLevel('serializable')
    const level = kyselySql<object>`select current_setting('transaction_read_only') as read_only`
    const { rows } = await same.setAccessMode('read only').execute((trx) => level.execute(trx))
    expect(rows).toEqual([{ read_only: 'on' }])
  })

  it('is told to use stream() in place of a cursor', async () => {
    class Cursor {
      submit(): void {}
    }
    await database.run(async (session) => {
      const dialect = new PostgresDialect({ pool: session.connection, cursor: Cursor as never })
      const rows = new Kysely<{ users: { id: number } }>({ dialect })
        .selectFrom('users')
        .selectAll()
        .stream()
      const reading = async () => {
        for await (const row of rows) expect(row).toBeDefined()
      }
      await expect(reading()).rejects.toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'stream()'))
    })
  })

  it('does not cancel a later statement by the signal of one', async () => {
    const running = `select from pg_stat_activity
      where state = 'active' and datname = current_database() and query like '%pg_sleep(0.2)'`
    await database.run(async (session) => {
      const db = kyselyOf(session)
      const abort = new AbortController()
      const slow = db.executeQuery(CompiledQuery.raw('select 1 from pg_sleep(0.2)'), {
        signal: abort.signal,
        inflightQueryAbortStrategy: 'cancel query',
      })
      const ended = slow.catch((error: Error) => error.name)
      await expect.poll(() => query(running), { interval: 10 }).toHaveLength(1)
      abort.abort()
      expect(await ended).toBe('AbortError')
      await insert(db, 'after').execute()
    })
    expect(await names()).toEqual(['after'])
  })

  it('does not end the session when it is destroyed', async () => {
    await database.run(async (session) => {
      const db = kyselyOf(session)
      await insert(db, 'ann').execute()
      await db.destroy()
      session.add(user('ben'))
    })
    expect(await names()).toEqual(['ann', 'ben'])
  })

  it('works on a pool of the application, and on a URL', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    await using own = new Database({ pool, tables: blog })
    await own.run((session) => insert(kyselyOf(session), 'ann').execute())
    expect(await names()).toEqual(['ann'])
    await own.close()
    await pool.end()
    await using session = new Session(url)
    await insert(kyselyOf(session), 'ben').execute()
    await session.commit()
    expect(await names()).toEqual(['ann', 'ben'])
  })

  it('is counted, and commands of transactions are not', async () => {
    await database.run(async (session) => {
      const db = kyselyOf(session)
      await db.transaction().execute(async (trx) => {
        await insert(trx, 'ann').execute()
        await trx.selectFrom('users').selectAll().execute()
      })
      expect(session.stats.queryCount).toBe(2)
      expect(session.stats.durationMs).toBeGreaterThan(0)
    })
  })

  it('is refused after the end of the session', async () => {
    const session = database.session()
    const db = kyselyOf(session)
    await db.selectFrom('users').selectAll().execute()
    await session.close()
    const closed = coded('DATA_BRIDGE_ERR_SESSION_CLOSED')
    await expect(db.selectFrom('users').selectAll().execute()).rejects.toThrow(closed)
    const transaction = db.transaction().execute((trx) => insert(trx, 'ann').execute())
    await expect(transaction).rejects.toThrow(closed)
  })
})
