import { beforeEach, describe, expect, it } from 'vitest'
import { type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
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

interface Entities {
  first: User
  second: User
  added: User
}

describe('a nested transaction', () => {
  it('is a savepoint: what it wrote is kept with the rest', async () => {
    await using wire = recordWire(url)
    await wire.database.transaction(async (session) => {
      session.add(user('a'))
      await session.transaction(async () => {
        session.add(user('b'))
        await session.transaction(() => session.add(user('c')))
      })
    })
    expect(wire.texts.map((text) => text.split(' "')[0])).toEqual([
      'begin',
      'insert into',
      'savepoint data_bridge_2',
      'insert into',
      'savepoint data_bridge_3',
      'insert into',
      'release savepoint data_bridge_3',
      'release savepoint data_bridge_2',
      'commit',
    ])
    expect(await names()).toEqual(['a', 'b', 'c'])
  })

  it('is undone alone where it rejects', async () => {
    await database.transaction(async (session) => {
      session.add(user('a'))
      await expect(
        session.transaction(async () => {
          session.add(user('b'))
          await session.transaction(() => session.add(user('c')))
          fail()
        }),
      ).rejects.toThrow(Own)
      session.add(user('d'))
    })
    expect(await names()).toEqual(['a', 'd'])
  })

  it('lets the outer one go on after a statement that PostgreSQL refused', async () => {
    await database.transaction(async (session) => {
      session.add(user('a'))
      await expect(session.transaction(() => session.add(user('a')))).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_UNIQUE'),
      )
      expect(await session.find(User).count()).toBe(1)
    })
    expect(await names()).toEqual(['a'])
  })

  it.each<[string, (session: Session, entities: Entities) => unknown, keyof Entities]>([
    ['added', (session, { added }) => session.add(added), 'added'],
    [
      'added and flushed',
      async (session, { added }) => {
        session.add(added)
        await session.flush()
      },
      'added',
    ],
    ['changed', (_, { first }) => (first.name = 'changed'), 'first'],
    [
      'changed and flushed',
      async (session, { first }) => {
        first.name = 'changed'
        await session.flush()
      },
      'first',
    ],
    ['deleted', (session, { first }) => session.delete(first), 'first'],
    [
      'deleted and flushed',
      async (session, { first }) => {
        session.delete(first)
        await session.flush()
      },
      'first',
    ],
    [
      'flushed in a savepoint that was released',
      (session, { first }) => session.transaction(() => void (first.name = 'changed')),
      'first',
    ],
  ])('detaches what was %s in it, where it is undone', async (_, work, which) => {
    await using session = database.session()
    const entities = { first: user('first'), second: user('second'), added: user('added') }
    const { first, second } = entities
    session.add(first, second)
    await session.transaction(async () => {
      await expect(
        session.transaction(async () => {
          await work(session, entities)
          fail()
        }),
      ).rejects.toThrow(Own)
      expect(() => session.delete(entities[which])).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
      expect(await session.get(User, second.id)).toBe(second)
      expect((await session.get(User, first.id))?.name).toBe('first')
      second.name = 'second, still tracked'
    })
    expect(await names()).toEqual(['first', 'second, still tracked'])
  })

  it('saves again what is added after it was undone', async () => {
    await using session = database.session()
    const [first, added] = [user('first'), user('added')]
    session.add(first)
    await session.transaction(async () => {
      await expect(
        session.transaction(async () => {
          first.name = 'changed'
          session.add(added)
          await session.flush()
          fail()
        }),
      ).rejects.toThrow(Own)
      session.add(first, added)
    })
    expect(await names()).toEqual(['changed', 'added'])
  })

  it('gives back the state of before the outer one where both are undone', async () => {
    await using session = database.session()
    const first = user('first')
    session.add(first)
    await session.commit()
    const work = session.transaction(async () => {
      first.name = 'outer'
      await session.transaction(() => void (first.name = 'inner'))
      fail()
    })
    await expect(work).rejects.toThrow(Own)
    session.add(first)
    await session.commit()
    expect(await names()).toEqual(['inner'])
  })

  it('is undone with the outer one that ends before it, and cannot go on', async () => {
    await database.run(async (session) => {
      const [kept, outer, inner] = [user('kept'), user('outer'), user('inner')]
      session.add(kept)
      let proceed = (): void => {}
      const gate = new Promise<void>((resolve) => (proceed = resolve))
      let left: Promise<unknown> | undefined
      const work = session.transaction(async () => {
        session.add(outer)
        await new Promise<void>((resolve) => {
          left = session.transaction(async () => {
            session.add(inner)
            await session.flush()
            resolve()
            await gate
          })
        })
        fail()
      })
      await expect(work).rejects.toThrow(Own)
      proceed()
      await expect(left).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION', 'rolled back before'))
      for (const undone of [outer, inner])
        expect(() => session.delete(undone)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
      expect(await session.get(User, kept.id)).toBe(kept)
      session.add(outer)
    })
    expect(await names()).toEqual(['kept', 'outer'])
  })

  it('is refused where two of them overlap, and all is undone', async () => {
    await using session = database.session()
    const results = await Promise.allSettled(
      ['a', 'b', 'c'].map((name) =>
        session.transaction(async () => {
          session.add(user(name))
          await session.flush()
        }),
      ),
    )
    expect(results.map(({ status }) => status)).toContain('rejected')
    const overlap = coded(
      'DATA_BRIDGE_ERR_TRANSACTION',
      'calls of transaction() on one session overlap',
    )
    expect(results).toContainEqual({ status: 'rejected', reason: overlap })
    await session.rollback()
    expect(await names()).toEqual([])
    await session.transaction(() => session.add(user('later')))
    expect(await names()).toEqual(['later'])
  })
})

describe('what SQL of your own wrote in a savepoint that is rolled back', () => {
  const raise = (session: Session): Promise<unknown> =>
    session.execute(sql`update users set age = age + 1`)

  it('is known to no entity any more, read or refreshed behind it', async () => {
    await query(`insert into users (name, email, age) values ('a', 'a', 1), ('b', 'b', 1)`)
    await database.run(async (session) => {
      const first = (await session.get(User, 1)) as User
      const seen: unknown[] = []
      const work = session.transaction(async () => {
        await raise(session)
        await session.refresh(first)
        await session.execute(sql`insert into users (name, email) values ('ghost', 'ghost')`)
        for (const each of await session.find(User).toList()) seen.push(each.age)
        fail()
      })
      await expect(work).rejects.toThrow(Own)
      expect(seen).toEqual([2, 2, null])
      expect([await session.get(User, 1), await session.get(User, 2)]).toMatchObject([
        { age: 1 },
        { age: 1 },
      ])
      expect(await session.get(User, 3)).toBeNull()
    })
  })

  it('is known as long as the savepoint around it is kept', async () => {
    await query(`insert into users (name, email, age) values ('a', 'a', 1), ('b', 'b', 1)`)
    await database.run(async (session) => {
      let [first, second]: (User | null)[] = []
      await expect(
        session.transaction(async () => {
          await raise(session)
          await session
            .transaction(async () => {
              first = await session.get(User, 1)
              fail()
            })
            .catch(() => undefined)
          await session.transaction(async () => (second = await session.get(User, 2)))
          expect([await session.get(User, 1), await session.get(User, 2)]).toEqual([first, second])
          expect([first?.age, second?.age]).toEqual([2, 2])
          fail()
        }),
      ).rejects.toThrow(Own)
      const ages = (await session.find(User).toList()).map(({ age }) => age)
      expect(ages).toEqual([1, 1])
    })
  })

  it('harms no entity that was read in it before', async () => {
    await query(`insert into users (name, email, age) values ('a', 'a', 1)`)
    await database.run(async (session) => {
      let read: User | null = null
      const work = session.transaction(async () => {
        read = await session.get(User, 1)
        await raise(session)
        fail()
      })
      await expect(work).rejects.toThrow(Own)
      expect(await session.get(User, 1)).toBe(read)
    })
  })
})
