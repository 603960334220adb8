import { beforeEach, describe, expect, it } from 'vitest'
import { sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

const { database, query, truncate } = await testDatabase(blog)
beforeEach(truncate)

const names = async (): Promise<unknown[]> =>
  (await query<{ name: string }>('select name from users order by id')).map(({ name }) => name)

/** Work for a flush of two statements. */
const work = (): Post => new Post({ title: 'T', author: user('ann') })

describe('a rollback that is asked for while a flush is under way', () => {
  it('takes back the whole of it, and leaves nothing to the next transaction', async () => {
    await using session = database.session()
    const apart = user('apart')
    session.add(apart)
    await session.commit()
    session.add(user('ann'))
    apart.name = 'changed'
    await Promise.all([session.flush(), session.rollback()])
    await session.commit()
    expect(await names()).toEqual(['apart'])
  })

  it('takes back the whole of it with a savepoint', async () => {
    const apart = user('apart')
    await database.run((session) => session.add(apart))
    await database.run(async (session) => {
      const held = (await session.get(User, apart.id)) as User
      let flush: Promise<void> | undefined
      const savepoint = session.transaction(() => {
        session.add(user('ann'))
        held.name = 'changed'
        flush = session.flush()
        throw new Error('changed my mind')
      })
      await expect(savepoint).rejects.toThrow('changed my mind')
      await flush
    })
    expect(await names()).toEqual(['apart'])
  })

  it('takes nothing of it back with a savepoint that begins in the middle of it', async () => {
    await database.run(async (session) => {
      session.add(user('before'))
      await session.flush()
      const savepoint = session.transaction(() => {
        throw new Error('changed my mind')
      })
      session.add(work())
      await Promise.all([session.flush(), expect(savepoint).rejects.toThrow('changed my mind')])
    })
    expect(await names()).toEqual(['before', 'ann'])
    expect(await query('select title from posts')).toEqual([{ title: 'T' }])
  })

  it('comes after a commit that was asked for before it', async () => {
    await using session = database.session()
    session.add(work())
    await Promise.all([session.commit(), session.rollback()])
    expect(await names()).toEqual(['ann'])
    expect(await query('select title from posts')).toEqual([{ title: 'T' }])
  })
})

it('a commit that waits for SQL of your own is refused where a transaction has begun meanwhile', async () => {
  await using session = database.session()
  await session.execute(sql`insert into users (name, email) values ('first', 'first')`)
  const executing = session.execute(sql`select 1`)
  const committing = session.commit()
  const transaction = session.transaction(async () => {
    await committing.catch(() => undefined)
    session.add(user('ann'))
  })
  await expect(committing).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION', 'commit() was'))
  await Promise.all([executing, transaction])
  expect(await names()).toEqual(['first', 'ann'])
})

describe('while a flush is under way', () => {
  it('an entity that it inserts may be deleted', async () => {
    const ann = user('ann')
    await database.run(async (session) => {
      session.add(ann)
      const flush = session.flush()
      session.delete(ann)
      await flush
      expect(await session.get(User, ann.id)).toBeNull()
    })
    expect(await names()).toEqual([])
  })

  it('an entity that it deletes may be added again', async () => {
    const ann = user('ann')
    await database.run(async (session) => {
      session.add(ann)
      await session.flush()
      session.delete(ann)
      const flush = session.flush()
      session.add(ann)
      await flush
      ann.name = 'anna'
    })
    expect(await names()).toEqual(['anna'])
  })

  it('the session may be closed: what it was to write is lost', async () => {
    const session = database.session()
    session.add(work())
    await Promise.all([
      expect(session.flush()).rejects.toThrow(coded('DATA_BRIDGE_ERR_SESSION_CLOSED')),
      session.discard(),
    ])
    expect(await names()).toEqual([])
  })
})
