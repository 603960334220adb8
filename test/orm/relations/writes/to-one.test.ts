import { beforeEach, describe, expect, it } from 'vitest'
import { selectinload } from '../../../../orm/index.ts'
import { testDatabase } from '../../../support/database.ts'
import { coded } from '../../../support/failure.ts'
import { Badge, Locker, people, Person } from './people.ts'

const { database, query, truncate } = await testDatabase(people)

beforeEach(async () => {
  await truncate()
  await query(`insert into people (name, boss_id) values ('ann', null), ('bob', 1), ('cid', 1)`)
})

const bossOf = (id: number): Promise<unknown> =>
  query(`select boss_id from people where id = $1`, [id]).then(([row]) => row?.['boss_id'])

describe('set() on a foreign key', () => {
  it('changes the key, the relation, and the loaded lists of both targets', async () => {
    await using session = database.session()
    const [ann, bob, cid] = (await session
      .find(Person)
      .options(selectinload(Person.staff))
      .orderBy((person) => person.id.asc())
      .toList()) as [Person, Person, Person]
    const list = ann.staff.value
    cid.boss.set(bob)
    expect(cid.bossId).toBe(bob.id)
    expect(cid.boss.value).toBe(bob)
    expect(ann.staff.value).toEqual([bob])
    expect(bob.staff.value).toEqual([cid])
    expect(list).toEqual([bob, cid])
    await session.commit()
    expect(await bossOf(3)).toBe(2)
  })

  it('finds the former target in the session where the relation is not loaded', async () => {
    await using session = database.session()
    const [ann, bob, cid] = await all(session)
    await ann.staff
    expect(cid.boss.isLoaded).toBe(false)
    cid.boss.set(bob)
    expect(ann.staff.value).toEqual([bob])
    expect(bob.staff.isLoaded).toBe(false)
    expect(await bob.staff).toEqual([cid])
  })

  it('takes null where the column is nullable', async () => {
    await using session = database.session()
    const [ann, bob] = await all(session)
    await ann.staff
    bob.boss.set(null)
    expect(bob.bossId).toBeNull()
    expect(ann.staff.value.map(({ name }) => name)).toEqual(['cid'])
    await session.commit()
    expect(await bossOf(2)).toBeNull()
  })

  it('gives a stored row the key of a new one in the same flush', async () => {
    await using session = database.session()
    const [, bob] = await all(session)
    const dan = new Person({ name: 'dan' })
    bob.boss.set(dan)
    expect(dan.staff.value).toEqual([bob])
    bob.name = 'bert'
    await session.commit()
    expect(bob.bossId).toBe(dan.id)
    expect(bob.boss.value).toBe(dan)
    expect(await query(`select name, boss_id from people where id in (2, 4) order by id`)).toEqual([
      { name: 'bert', boss_id: 4 },
      { name: 'dan', boss_id: null },
    ])
  })

  it('tracks the new one of two with the other', async () => {
    await using session = database.session()
    const [ann] = await all(session)
    const dan = new Person({ name: 'dan' })
    dan.boss.set(ann)
    await session.commit()
    expect(await bossOf(4)).toBe(1)
  })

  it('is saved with a row that was detached meanwhile, or before', async () => {
    await using session = database.session()
    const [, bob] = await all(session)
    bob.boss.set(new Person({ name: 'dan' }))
    await session.rollback()
    session.add(bob)
    await session.commit()
    expect(await query(`select name from people where id = $1`, [await bossOf(2)])).toEqual([
      { name: 'dan' },
    ])
    await session.close()
    bob.boss.set(new Person({ name: 'eve' }))
    await using other = database.session()
    other.add(bob)
    await other.commit()
    expect(await query(`select name from people where id = $1`, [await bossOf(2)])).toEqual([
      { name: 'eve' },
    ])
  })

  it('lets the last word count', async () => {
    await using session = database.session()
    const [ann, bob, cid] = await all(session)
    const dan = new Person({ name: 'dan' })
    cid.boss.set(dan)
    cid.boss.set(bob)
    expect(dan.staff.value).toEqual([])
    await session.commit()
    expect(await bossOf(3)).toBe(2)
    cid.boss.set(ann)
    cid.bossId = bob.id
    expect(cid.boss.isLoaded).toBe(false)
    expect(await cid.boss).toBe(bob)
  })

  it('writes nothing where nothing changes', async () => {
    await using session = database.session()
    const [ann, bob] = await all(session)
    bob.boss.set(ann)
    expect(session.hasUnsaved).toBe(false)
  })

  it('keeps a key that the program set after it', async () => {
    await using session = database.session()
    const [ann, , cid] = await all(session)
    cid.boss.set(new Person({ name: 'dan' }))
    cid.bossId = ann.id
    await session.commit()
    expect(await bossOf(3)).toBe(1)
  })
})

describe('set() on a key of the other side', () => {
  it('changes the key of the new one, and lets the former one go', async () => {
    await query(`insert into badges (code, person_id) values ('a', 1), ('b', null)`)
    await using session = database.session()
    const [ann] = await all(session)
    const [a, b] = (await session
      .find(Badge)
      .orderBy((badge) => badge.id.asc())
      .toList()) as [Badge, Badge]
    await ann.badge
    ann.badge.set(b)
    expect([a.personId, b.personId]).toEqual([null, 1])
    expect(b.person.value).toBe(ann)
    expect(a.person.value).toBeNull()
    await session.commit()
    expect(await query(`select person_id from badges order by id`)).toEqual([
      { person_id: null },
      { person_id: 1 },
    ])
  })

  it('gives up the former one also from its own side', async () => {
    await query(`insert into badges (code, person_id) values ('a', 1), ('b', 2)`)
    await using session = database.session()
    const [ann, bob] = await all(session)
    const [a, b] = [await ann.badge, await bob.badge]
    b?.person.set(ann)
    expect(ann.badge.value).toBe(b)
    expect(bob.badge.value).toBeNull()
    expect(a?.personId).toBeNull()
    await session.commit()
    expect(await query(`select person_id from badges order by id`)).toEqual([
      { person_id: null },
      { person_id: 1 },
    ])
  })

  it('gives up the one that was added with a new owner', async () => {
    await using session = database.session()
    const dan = new Person({ name: 'dan' })
    session.add(new Badge({ code: 'a', person: dan }))
    dan.badge.set(new Badge({ code: 'b' }))
    await session.commit()
    expect(await query(`select person_id from badges order by code`)).toEqual([
      { person_id: null },
      { person_id: 4 },
    ])
  })

  it('needs a loaded relation, since a row in the database would have to let go', async () => {
    await using session = database.session()
    const [ann] = await all(session)
    expect(() => ann.badge.set(null)).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'Person.badge.set() expected a loaded relation'),
    )
  })

  it('refuses to leave a row without its key', async () => {
    await query(`insert into lockers values (1, 'hall')`)
    await using session = database.session()
    const [ann, bob] = await all(session)
    const locker = await ann.locker
    expect(() => ann.locker.set(null)).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'personId cannot be null'),
    )
    const other = new Locker({ person: bob, place: 'roof' })
    expect(() => other.person.set(ann)).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'delete the other one first'),
    )
    expect(ann.locker.value).toBe(locker)
    expect(other.personId).toBe(2)
  })

  it('refuses to change the primary key of a stored row', async () => {
    await query(`insert into lockers values (1, 'hall')`)
    await using session = database.session()
    const [ann, bob] = await all(session)
    const locker = await ann.locker
    expect(() => locker?.person.set(bob)).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'primary key of a stored row'),
    )
  })
})

describe('set() refuses', () => {
  it('what is no entity of the target', async () => {
    await using session = database.session()
    const [ann] = await all(session)
    for (const [value, got] of [
      [{ id: 1 }, 'an object'],
      [undefined, 'undefined'],
      [new Badge({ code: 'x' }), 'an object of Badge'],
    ] as const) {
      expect(() => ann.boss.set(value as never)).toThrow(
        coded('DATA_BRIDGE_ERR_ENTITY', `Person.boss.set() expected a Person, got ${got}`),
      )
    }
  })

  it('entities that are deleted, or of another session', async () => {
    await using session = database.session()
    await using other = database.session()
    const [ann, bob] = await all(session)
    const [, , theirs] = await all(other)
    session.delete(bob)
    expect(() => ann.boss.set(bob)).toThrow(coded('DATA_BRIDGE_ERR_ENTITY', 'got a deleted Person'))
    expect(() => ann.boss.set(theirs)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED', 'another session'))
    expect(ann.bossId).toBeNull()
  })

  it('a second entity of one row', async () => {
    await using session = database.session()
    const [ann] = await all(session)
    await session.rollback()
    const [, bob] = await all(session)
    expect(() => bob.boss.set(ann)).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'the session holds another entity of the same row'),
    )
    expect(bob.boss.isLoaded).toBe(false)
  })
})

async function all(
  session: ReturnType<typeof database.session>,
): Promise<[Person, Person, Person]> {
  const found = await session
    .find(Person)
    .orderBy((person) => person.id.asc())
    .toList()
  return found as [Person, Person, Person]
}
