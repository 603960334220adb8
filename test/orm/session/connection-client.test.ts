import { beforeEach, describe, expect, it } from 'vitest'
import { Database, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, User, user } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

const { database, query, truncate, url } = await testDatabase(blog)
beforeEach(truncate)

const names = async () =>
  (await query<{ name: string }>('select name from users order by name')).map(({ name }) => name)

const insert = 'insert into users (name, email) values ($1, $1)'

const inTransaction = async (session: Session, work: () => Promise<unknown>) => {
  await session.connection.query('begin')
  await work()
  await session.connection.query('commit')
}

describe('session.connection.query()', () => {
  it('gives the results of pg', async () => {
    await database.run(async (session) => {
      const { connection } = session
      expect(connection).toBe(session.connection)
      const inserted = await connection.query(insert, ['ann'])
      expect(inserted).toMatchObject({ command: 'INSERT', rowCount: 1, rows: [] })
      const read = await connection.query('select name, age from users')
      expect(read).toMatchObject({ command: 'SELECT', rowCount: 1 })
      expect(read.rows).toEqual([{ name: 'ann', age: null }])
      expect(read.fields.map(({ name }) => name)).toEqual(['name', 'age'])
    })
  })

  it('takes an object with values, rows as arrays, and parsers of types', async () => {
    await database.run(async (session) => {
      const { rows } = await session.connection.query({
        name: 'prepared',
        text: 'select $1::int as a, 2 as a',
        values: [1],
        rowMode: 'array',
        types: { getTypeParser: () => (value: string) => `<${value}>` },
      })
      expect(rows).toEqual([['<1>', '<2>']])
      const last = await session.connection.query({ text: 'select $1::int as a' }, [3])
      expect(last.rows).toEqual([{ a: 3 }])
    })
  })

  it('gives a result for each statement of a text', async () => {
    await database.run(async (session) => {
      const results: unknown = await session.connection.query('select 1 as a; select 2 as a')
      expect(results).toMatchObject([{ rows: [{ a: 1 }] }, { rows: [{ a: 2 }] }])
    })
  })

  it('calls back', async () => {
    await database.run(async (session) => {
      const { connection } = session
      const result = await new Promise((resolve, reject) => {
        connection.query('select $1::int as a', [1], (error: Error | null, { rows }) =>
          error ? reject(error) : resolve(rows),
        )
      })
      expect(result).toEqual([{ a: 1 }])
      const client = await new Promise<unknown>((resolve) => {
        connection.connect((error, given, release) => {
          release()
          resolve(error ?? given)
        })
      })
      expect(client).toHaveProperty('release')
    })
    await using session = database.session()
    const error = await new Promise((resolve) => {
      session.connection.query('select 1/0', (failed: Error) => resolve(failed))
    })
    expect(error).toEqual(coded('DATA_BRIDGE_ERR_INVALID_VALUE'))
    await session.rollback()
  })

  it('refuses what is no SQL', async () => {
    await database.run(async ({ connection }) => {
      const wrong: unknown[] = [undefined, 5, {}, { text: 5 }, null]
      for (const each of wrong) {
        const error = await failure('DATA_BRIDGE_ERR_QUERY', () => connection.query(each as never))
        expect(error.message).toContain('expected a text of SQL')
      }
    })
  })

  it('sees what the session has changed, and is seen by its rollback', async () => {
    await using session = database.session()
    session.add(user('ann'))
    const { rows } = await session.connection.query('select name from users')
    expect(rows).toEqual([{ name: 'ann' }])
    await session.connection.query(insert, ['ben'])
    expect(session.hasUnsaved).toBe(true)
    await session.rollback()
    expect(await names()).toEqual([])
  })

  it('commits what was not awaited', async () => {
    await database.run((session) => {
      void session.connection.query(insert, ['ann'])
      void session.connection.query(insert, ['ben'])
    })
    expect(await names()).toEqual(['ann', 'ben'])
  })

  it('keeps the order of a client, awaited or not', async () => {
    await database.run(async (session) => {
      const client = await session.connection.connect()
      const statements = [
        client.query(insert, ['before']),
        client.query('begin'),
        client.query(insert, ['undone']),
        client.query('rollback'),
        client.query('begin'),
        client.query(insert, ['kept']),
        client.query('commit'),
      ]
      const results = await Promise.all(statements)
      expect(results.map(({ command }) => command)).toEqual(
        'INSERT BEGIN INSERT ROLLBACK BEGIN INSERT COMMIT'.split(' '),
      )
      client.release()
    })
    expect(await names()).toEqual(['before', 'kept'])
  })
})

describe('the name of a prepared statement', () => {
  it('is left out: a connection may have been reset in between', async () => {
    await using single = new Database({ connectionString: url, max: 1 })
    for (const _ of ['first', 'again']) {
      await single.run(async (session) => {
        const named = { name: 'by_number', text: 'select $1::int as a', values: [1] }
        expect((await session.connection.query(named)).rows).toEqual([{ a: 1 }])
        await session.execute(sql`set application_name = 'changed'`)
      })
    }
  })
})

describe('commands of transactions', () => {
  it('send what they need, and no more', async () => {
    await using recorder = recordWire(url)
    await recorder.database.run(async ({ connection }) => {
      for (const text of ['begin', 'savepoint a', 'savepoint b', 'select 1', 'rollback'])
        await connection.query(text)
    })
    expect(recorder.texts).toEqual([
      'begin',
      'savepoint data_bridge_1',
      'savepoint data_bridge_2',
      'savepoint data_bridge_3',
      'select 1',
      'rollback to savepoint data_bridge_1',
      'commit',
    ])
  })

  it('are those of the session, in every form', async () => {
    const pairs = [
      ['BEGIN;', 'COMMIT;'],
      ['start transaction isolation level read committed, read write', 'end work'],
      ['begin transaction not deferrable', 'commit and no chain'],
    ] as const
    for (const [begin, commit] of pairs) {
      await database.run(async (session) => {
        await session.connection.query(begin)
        session.add(user(begin))
        await session.connection.query(commit)
        await session.rollback()
      })
    }
    expect(await names()).toEqual([])
  })

  it('undo entities with a savepoint', async () => {
    await database.run(async (session) => {
      await inTransaction(session, async () => {
        const { connection } = session
        await connection.query('savepoint "One"')
        const ann = user('ann')
        session.add(ann)
        await session.flush()
        await connection.query('SAVEPOINT two')
        await connection.query('rollback to savepoint "One"')
        await failure('DATA_BRIDGE_ERR_DETACHED', () => session.refresh(ann))
        session.add(user('ben'))
        await connection.query('release "One"')
      })
    })
    expect(await names()).toEqual(['ben'])
  })

  it('that would end the transaction of the session fail it', async () => {
    for (const text of ['commit', 'rollback', 'begin; commit', 'savepoint a; rollback']) {
      await failure('DATA_BRIDGE_ERR_COMMIT_FAILED', () =>
        database.run(async (session) => {
          await session.connection.query(insert, ['ann'])
          await failure('DATA_BRIDGE_ERR_TRANSACTION', () => session.connection.query(text))
        }),
      )
    }
    expect(await names()).toEqual([])
  })

  it('are refused where they do not fit', async () => {
    await database.run(async (session) => {
      const { connection } = session
      await connection.query('begin')
      const again = await failure('DATA_BRIDGE_ERR_TRANSACTION', () => connection.query('begin'))
      expect(again.message).toContain('overlap')
      const other = await failure('DATA_BRIDGE_ERR_TRANSACTION', () =>
        connection.query('set transaction read only'),
      )
      expect(other.message).toContain('access mode')
      await connection.query('rollback')
      const deferrable = await failure('DATA_BRIDGE_ERR_TRANSACTION', () =>
        connection.query('begin isolation level serializable, read only, deferrable'),
      )
      expect(deferrable.message).toContain('DEFERRABLE')
    })
  })

  it('that are left open fail the commit of the session', async () => {
    const error = await failure('DATA_BRIDGE_ERR_TRANSACTION', () =>
      database.run(async (session) => {
        await session.connection.query('begin')
        session.add(user('ann'))
      }),
    )
    expect(error.message).toContain('is under way')
    expect(await names()).toEqual([])
  })

  it('cannot commit what session.rollback() has undone', async () => {
    await database.run(async (session) => {
      const { connection } = session
      await connection.query('begin')
      await connection.query(insert, ['ann'])
      await session.rollback()
      await failure('DATA_BRIDGE_ERR_TRANSACTION', () => connection.query('commit'))
      expect(await connection.query('rollback')).toMatchObject({ command: 'ROLLBACK' })
      session.add(user('ben'))
    })
    expect(await names()).toEqual(['ben'])
  })

  it('nest in transaction(), and transaction() in them', async () => {
    await database.run(async (session) => {
      await session.transaction(async () => {
        await inTransaction(session, async () => {
          await session.transaction(() => session.add(user('inner')))
        })
        await session.connection.query('begin')
        await session.connection.query(insert, ['undone'])
        await session.connection.query('rollback')
      })
    })
    expect(await names()).toEqual(['inner'])
  })

  it('begin the transaction of a session with their mode', async () => {
    await using session = database.session()
    await session.connection.query('begin isolation level repeatable read read only')
    const [row] = await session.execute(sql`
      select current_setting('transaction_isolation') as level,
        current_setting('transaction_read_only') as read_only`)
    expect(row).toEqual({ level: 'repeatable read', read_only: 'on' })
    await session.connection.query('commit')
    await session.find(User).count()
  })
})
