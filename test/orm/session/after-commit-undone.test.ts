import { beforeEach, describe, expect, it } from 'vitest'
import { Database, integer, type Session, sql, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { WireProxy } from '../../support/wire-proxy.ts'

class Slot extends table('slots', { id: integer().primaryKey().generated(), name: text() }) {}

const stored = await testDatabase([...blog, Slot])
const { database, query, url } = stored
await query('alter table slots add constraint one_name unique (name) deferrable initially deferred')

let ran: string[] = []
beforeEach(async () => {
  await stored.truncate()
  ran = []
})
const note = (name: string) => (): void => void ran.push(name)

/** What is committed next runs its own callbacks, and no earlier one. */
async function expectForgotten(session: Session): Promise<void> {
  session.add(user('next'))
  session.afterCommit(note('next'))
  await session.commit()
  expect(ran).toEqual(['next'])
}

describe('a callback does not run, and is forgotten,', () => {
  it('after rollback()', async () => {
    await using session = database.session()
    session.add(user('ann'))
    session.afterCommit(note('never'))
    await session.rollback()
    await session.commit()
    expect(ran).toEqual([])
    await expectForgotten(session)
  })

  it('where the session is closed, with changes or without', async () => {
    const session = database.session()
    session.afterCommit(note('never'))
    await session.close()
    await database.run(async (job) => {
      job.afterCommit(note('never'))
      await job.close()
    })
    expect(ran).toEqual([])
  })

  it('where a job fails', async () => {
    const failing = (session: Session): void => {
      session.add(user('ann'))
      session.afterCommit(note('never'))
      throw new Error('boom')
    }
    await expect(database.run(failing)).rejects.toThrow('boom')
    await expect(database.transaction(failing)).rejects.toThrow('boom')
    await using session = database.session()
    await expect(session.transaction(failing)).rejects.toThrow('boom')
    await expectForgotten(session)
  })

  it('where PostgreSQL refuses the COMMIT: a deferred constraint', async () => {
    await using session = database.session()
    session.add(new Slot({ name: 'x' }), new Slot({ name: 'x' }))
    session.afterCommit(note('never'))
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED'))
    const failing = (job: Session): void => {
      job.add(new Slot({ name: 'x' }), new Slot({ name: 'x' }))
      job.afterCommit(note('never'))
    }
    await expect(database.run(failing)).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED'))
    await expect(database.transaction(failing)).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_COMMIT_FAILED'),
    )
    await expectForgotten(session)
  })

  it('where COMMIT would be answered with ROLLBACK: a statement has failed', async () => {
    await using session = database.session()
    session.add(user('ann'))
    session.afterCommit(note('never'))
    await session.flush()
    await session.execute(sql`select 1 / 0`).catch(() => undefined)
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_FAILED'))
    await expectForgotten(session)
  })

  it('where nobody knows whether it was committed: the connection is lost during COMMIT', async () => {
    await using proxy = await WireProxy.to(url)
    await using fragile = new Database({ connectionString: proxy.url })
    await using session = fragile.session()
    session.add(user('ann'))
    session.afterCommit(note('never'))
    await session.flush()
    void proxy.before('toClient', 'COMMIT', (wire) => wire.cut())
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_COMMIT_UNKNOWN'))
    expect(await query('select from users')).toHaveLength(1)
    await expectForgotten(session)
  })

  it('where the connection is lost before COMMIT', async () => {
    await using proxy = await WireProxy.to(url)
    await using fragile = new Database({ connectionString: proxy.url })
    await using session = fragile.session()
    session.add(user('ann'))
    session.afterCommit(note('never'))
    await session.flush()
    for (const wire of proxy.open) wire.cut()
    await expect(session.commit()).rejects.toThrow(/nothing was committed|nobody knows|lost/)
    await expectForgotten(session)
  })

  it('where a time limit ends the transaction', async () => {
    await using limited = new Database({ connectionString: url, timeouts: { transaction: 300 } })
    await using session = limited.session()
    session.afterCommit(note('never'))
    await expect(session.execute(sql`select pg_sleep(30)`)).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT'),
    )
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION_TIMEOUT'))
    session.afterCommit(note('next'))
    await session.commit()
    expect(ran).toEqual(['next'])
  })

  it('where its signal ends the session', async () => {
    const ending = new AbortController()
    const job = database.run(
      (session) => {
        session.add(user('ann'))
        session.afterCommit(note('never'))
        ending.abort()
      },
      { signal: ending.signal },
    )
    await expect(job).rejects.toThrow(coded('DATA_BRIDGE_ERR_ABORTED'))
    expect(ran).toEqual([])
  })

  it('where the database closes', async () => {
    const closing = new Database({ connectionString: url })
    const session = closing.session()
    session.add(user('ann'))
    session.afterCommit(note('never'))
    await session.flush()
    await closing.close()
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_SESSION_CLOSED'))
    expect(ran).toEqual([])
  })
})

describe('a flush that fails before COMMIT', () => {
  it('keeps the callbacks with the changes, which a later commit may save', async () => {
    await query(`insert into users (name, email) values ('taken', 'ann@example.com')`)
    await using session = database.session()
    const ann = user('ann')
    session.add(ann)
    session.afterCommit(note('kept'))
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_UNIQUE'))
    expect(ran).toEqual([])
    ann.email = 'free@example.com'
    await session.commit()
    expect(await query('select from users')).toHaveLength(2)
    expect(ran).toEqual(['kept'])
  })
})

describe('a savepoint', () => {
  it('that is rolled back takes its callbacks along, and leaves the others', async () => {
    await database.transaction(async (session) => {
      session.afterCommit(note('before'))
      await session.transaction(() => session.afterCommit(note('released')))
      const failing = session.transaction(async () => {
        session.afterCommit(note('never'))
        await session.transaction(() => session.afterCommit(note('never, inside')))
        throw new Error('boom')
      })
      await expect(failing).rejects.toThrow('boom')
      session.afterCommit(note('after'))
      expect(ran).toEqual([])
    })
    expect(ran).toEqual(['before', 'released', 'after'])
  })

  it('in a job does so too, and in a session whose transaction has begun', async () => {
    const work = async (session: Session): Promise<void> => {
      session.add(user(`u${ran.length}`))
      session.afterCommit(note('outer'))
      const failing = session.transaction(async () => {
        session.afterCommit(note('never'))
        await session.execute(sql`select 1 / 0`)
      })
      await expect(failing).rejects.toThrow(coded('DATA_BRIDGE_ERR_INVALID_VALUE'))
    }
    await database.run(work)
    await using session = database.session()
    await session.execute(sql`select 1`)
    await work(session)
    await session.commit()
    expect(ran).toEqual(['outer', 'outer'])
  })

  it('that encloses the one that fails forgets nothing of its own', async () => {
    await database.transaction(async (session) => {
      await session.transaction(async () => {
        session.afterCommit(note('middle'))
        await session
          .transaction(() => {
            session.afterCommit(note('never'))
            throw new Error('boom')
          })
          .catch(() => undefined)
      })
    })
    expect(ran).toEqual(['middle'])
  })

  it('that SQL of the program rolls back takes its callbacks along', async () => {
    await database.transaction(async (session) => {
      await session.execute(sql`savepoint a`)
      session.afterCommit(note('never'))
      await session.execute(sql`rollback to a`)
      session.afterCommit(note('after'))
      await session.execute(sql`savepoint b`)
      session.afterCommit(note('released'))
      await session.execute(sql`release b`)
    })
    expect(ran).toEqual(['after', 'released'])
  })
})

describe('a transaction that is tried again', () => {
  it('begins without the callbacks of the attempt before', async () => {
    let attempts = 0
    await database.transaction(
      async (session) => {
        attempts += 1
        session.afterCommit(note(`attempt ${attempts}`))
        session.add(user(`attempt${attempts}`))
        if (attempts < 3)
          await session.execute(sql`do $$ begin raise exception using errcode = '40001'; end $$`)
      },
      { retries: 5 },
    )
    expect(ran).toEqual(['attempt 3'])
    expect(await query('select name from users')).toEqual([{ name: 'attempt3' }])
  })

  it('is refused where the session has a callback already, which it could not repeat', async () => {
    await using session = database.session()
    session.afterCommit(note('earlier'))
    await expect(session.transaction(() => 1, { retries: 1 })).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_TRANSACTION', 'retries expected a new transaction'),
    )
    await session.transaction(() => session.add(user('ann')))
    expect(ran).toEqual(['earlier'])
    expect(await session.find(User).count()).toBe(1)
  })
})
