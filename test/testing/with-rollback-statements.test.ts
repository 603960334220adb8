import { beforeEach, describe, expect, it } from 'vitest'
import { custom, integer, sql, table } from '../../orm/index.ts'
import { withRollback } from '../../plugin/testing/index.ts'
import { watchForLeaks } from '../plugin/serve.ts'
import { testDatabase } from '../support/database.ts'
import { blog, user, User } from '../support/entities.ts'
import { seenNames } from './seen-names.ts'

const { database, query, truncate } = await testDatabase(blog)

watchForLeaks({ database, query })
beforeEach(async () => {
  await truncate()
  await query(`insert into users (name, email) values ('ann', 'ann')`)
})

class Place extends table('places', {
  id: integer().primaryKey(),
  at: custom<string>({
    sql: 'text',
    encode: (value) => value,
    decode: () => {
      throw new Error('unreadable')
    },
  }),
}) {}

describe('a session in withRollback', () => {
  it('goes on after a statement that fails outside of a transaction', async () => {
    await withRollback(database, async () => {
      await using session = database.session()
      const broken = session.find(User).filter(() => sql<boolean>`1 / 0 = 1`)
      await expect(broken.toList()).rejects.toThrow('PostgreSQL cannot take a value')
      expect(await session.find(User).count()).toBe(1)
    })
  })

  it('rolls back to a savepoint of transaction(), also after an error of SQL', async () => {
    await withRollback(database, async () => {
      await database.run(async (session) => {
        await session.transaction(async () => {
          session.add(user('bob'))
          const inner = session.transaction(async () => {
            session.add(user('cid'))
            await session.flush()
            await session.execute(sql`select 1 / 0`)
          })
          await expect(inner).rejects.toThrow('PostgreSQL cannot take a value')
          await session.transaction(() => session.add(user('dan')))
        })
      })
      expect(await seenNames(database)).toEqual(['ann', 'bob', 'dan'])
    })
  })

  it('takes savepoints in your own SQL', async () => {
    await withRollback(database, async () => {
      await database.transaction(async (session) => {
        const insert = sql`insert into users (name, email) values ('sql', 'sql')`
        await session.execute(sql`savepoint here`)
        await session.execute(insert)
        await session.execute(sql`rollback to here`)
        await session.execute(insert)
        await session.execute(sql`release here`)
      })
      expect(await seenNames(database)).toEqual(['ann', 'sql'])
    })
  })

  it('takes the transactions of other libraries', async () => {
    await withRollback(database, async () => {
      await database.run(async ({ connection }) => {
        const client = await connection.connect()
        await client.query('begin')
        await client.query(`insert into users (name, email) values ('bob', 'bob')`)
        await client.query('savepoint one')
        await expect(client.query('select 1 / 0')).rejects.toMatchObject({ sqlState: '22012' })
        await client.query('rollback to savepoint one')
        await client.query('commit')
      })
      expect(await seenNames(database)).toEqual(['ann', 'bob'])
    })
  })

  it('refuses to end the transaction by SQL, as ever', async () => {
    await withRollback(database, async () => {
      const ending = database.run((session) => session.execute(sql`commit`))
      await expect(ending).rejects.toThrow('COMMIT')
      const hidden = database.run((session) => session.execute(sql`do $$ begin commit; end $$`))
      await expect(hidden).rejects.toMatchObject({ sqlState: '2D000' })
      expect(await seenNames(database)).toEqual(['ann'])
    })
  })

  it('copies and streams', async () => {
    await withRollback(database, async () => {
      await database.run(async (session) => {
        const rows = ['bob', 'cid'].map((name) => ({ name, email: name }))
        expect(await session.copy(User, rows)).toBe(2)
      })
      const streamed = await database.run(async (session) => {
        const found: string[] = []
        for await (const { name } of session.find(User).stream()) found.push(name)
        return found.toSorted()
      })
      expect(streamed).toEqual(['ann', 'bob', 'cid'])
      const broken = database.run((session) => {
        function* rows() {
          yield { name: 'dan', email: 'dan' }
          throw new Error('no more')
        }
        return session.copy(User, rows())
      })
      await expect(broken).rejects.toThrow('no more')
      expect(await seenNames(database)).toEqual(['ann', 'bob', 'cid'])
    })
  })

  it('takes the schema back too', async () => {
    await withRollback(database, async () => {
      await database.run((session) => session.execute(sql`create table extra (id int)`))
      await database.run((session) => session.execute(sql`alter table users add extra int`))
      expect(await seenNames(database)).toEqual(['ann'])
    })
    expect(await query(`select to_regclass('extra') as extra`)).toEqual([{ extra: null }])
    expect(await seenNames(database)).toEqual(['ann'])
  })

  it('retries a transaction that PostgreSQL refuses', async () => {
    await withRollback(database, async () => {
      let attempts = 0
      await database.transaction(
        async (session) => {
          attempts += 1
          session.add(user(`bob${attempts}`))
          await session.flush()
          if (attempts === 1)
            await session.execute(
              sql`do $$ begin raise 'busy' using errcode = 'serialization_failure'; end $$`,
            )
        },
        { retries: 1, isolation: 'serializable' },
      )
      expect(await seenNames(database)).toEqual(['ann', 'bob2'])
    })
  })

  it('refuses writes of read-only sessions, and only theirs', async () => {
    await withRollback(database, async () => {
      const write = sql`insert into users (name, email) values ('bob', 'bob')`
      const readOnly = { readOnly: true, isolation: 'serializable' } as const
      const refused = database.run((session) => session.execute(write), readOnly)
      await expect(refused).rejects.toMatchObject({ sqlState: '25006' })
      await database.run(async (session) => {
        expect(await session.find(User).count()).toBe(1)
        await database.run((inner) => inner.execute(write))
        const [{ mode } = {}] = await session.execute(
          sql`select current_setting('transaction_read_only') as mode`,
        )
        expect(mode).toBe('on')
      }, readOnly)
      await database.run((session) => session.add(user('cid')))
      expect(await seenNames(database)).toEqual(['ann', 'bob', 'cid'])
    })
  })

  it('does not leave settings, roles, locks and temporary tables to the next session', async () => {
    await withRollback(database, async () => {
      await database.run(async (session) => {
        await session.execute(sql`set local work_mem = '1MB'`)
        await session.execute(sql`set statement_timeout = '9s'`)
        await session.execute(sql`set role pg_monitor`)
        await session.execute(sql`create temp table own (id int)`)
        await session.execute(sql`select pg_advisory_lock(5)`)
      })
      const state = sql`select current_setting('work_mem') as memory, current_setting('statement_timeout') as time,
        current_user = session_user as usual, to_regclass('own') as own,
        (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks`
      const [left] = await database.run((session) => session.execute(state))
      expect(left).toEqual({ memory: '4MB', time: '0', usual: true, own: null, locks: 0 })
    })
  })

  it('keeps its transaction where a row cannot be read', async () => {
    await query('create table places (id int primary key, at text)')
    await query(`insert into places values (1, 'here')`)
    await withRollback(database, async () => {
      await database.run(async (session) => {
        await expect(session.find(Place).toList()).rejects.toThrow('could not be decoded')
        await session.transaction(async () => {
          session.add(user('bob'))
          await session.flush()
          await expect(session.find(Place).toList()).rejects.toThrow('could not be decoded')
          session.add(user('cid'))
        })
      })
      expect(await seenNames(database)).toEqual(['ann', 'bob', 'cid'])
    })
  })

  it('makes others wait while only it can go back to a savepoint', async () => {
    await withRollback(database, async () => {
      let others: Promise<string[]> | undefined
      const failing = database.transaction(async (session) => {
        session.add(user('bob'))
        await session.execute(sql`savepoint here`)
        const wrong = session.execute(sql`release elsewhere`)
        await expect(wrong).rejects.toMatchObject({ sqlState: '3B001' })
        others = seenNames(database)
      })
      await expect(failing).rejects.toMatchObject({ code: 'DATA_BRIDGE_ERR_COMMIT_FAILED' })
      expect(await others).toEqual(['ann'])
    })
  })
})
