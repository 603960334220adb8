import { beforeEach, describe, expect, it } from 'vitest'
import type { Session } from '../../../../orm/index.ts'
import { testDatabase } from '../../../support/database.ts'
import { coded } from '../../../support/failure.ts'
import { Club, people, Note, Person } from './people.ts'

const { database, query, truncate } = await testDatabase(people)

beforeEach(async () => {
  await truncate()
  await query(`insert into people (name, boss_id) values ('ann', null), ('bob', 1), ('cid', 1)`)
})

const bosses = async (): Promise<unknown[]> =>
  (await query(`select boss_id from people order by id`)).map((row) => row['boss_id'])

describe('add() to a list', () => {
  it('sets the keys, also of new entities, without loading the list', async () => {
    await using session = database.session()
    const [, bob, cid] = await all(session)
    const dan = new Person({ name: 'dan' })
    const before = session.stats.queryCount
    bob.staff.add(cid, [dan])
    expect(session.stats.queryCount).toBe(before)
    expect(cid.boss.value).toBe(bob)
    expect(dan.boss.value).toBe(bob)
    await session.commit()
    expect(await bosses()).toEqual([null, 1, 2, 2])
    expect((await bob.staff).map(({ name }) => name)).toEqual(['cid', 'dan'])
  })

  it('adds to a loaded list once, and takes out of the former one', async () => {
    await using session = database.session()
    const [ann, bob, cid] = await all(session)
    await ann.staff
    await bob.staff
    bob.staff.add(cid)
    bob.staff.add(cid)
    expect(bob.staff.value).toEqual([cid])
    expect(ann.staff.value).toEqual([bob])
  })

  it('does not change a list that the program has', async () => {
    await using session = database.session()
    const [ann] = await all(session)
    const seen: string[] = []
    for (const person of await ann.staff) {
      ann.staff.remove(person)
      seen.push(person.name)
    }
    expect(seen).toEqual(['bob', 'cid'])
    expect(ann.staff.value).toEqual([])
    await session.commit()
    expect(await bosses()).toEqual([null, null, null])
  })

  it('begins the list of a new owner with those that were added with it', async () => {
    await using session = database.session()
    const dan = new Person({ name: 'dan' })
    const [eve, fay, gil] = ['eve', 'fay', 'gil'].map((name) => new Person({ name, boss: dan }))
    if (!eve || !fay || !gil) throw new Error('no persons')
    session.add(eve, fay, gil)
    expect(dan.staff.isLoaded).toBe(false)
    session.delete(eve)
    fay.boss.set(null)
    dan.staff.add(new Person({ name: 'hal' }))
    expect(dan.staff.value.map(({ name }) => name)).toEqual(['gil', 'hal'])
    await session.commit()
    expect(dan.toJSON()['staff']).toMatchObject([{ name: 'gil' }, { name: 'hal' }])
    expect(await query(`select name from people where boss_id = $1 order by 1`, [dan.id])).toEqual([
      { name: 'gil' },
      { name: 'hal' },
    ])
  })

  it('lets a new entity go that is deleted before it is stored, also from a new owner', async () => {
    await using session = database.session()
    const [dan, eve, club] = [
      new Person({ name: 'dan' }),
      new Person({ name: 'eve' }),
      new Club({ name: 'chess' }),
    ]
    session.add(dan)
    dan.staff.add(eve)
    dan.clubs.add(club)
    session.delete(eve, club)
    expect([dan.staff.value, dan.clubs.value]).toEqual([[], []])
    await session.commit()
    expect(await query(`select name from people where id > 3`)).toEqual([{ name: 'dan' }])
  })

  it('begins the list of a new owner without those that a rollback has let go', async () => {
    await using session = database.session()
    const dan = new Person({ name: 'dan' })
    session.add(new Person({ name: 'eve', boss: dan }))
    await session.rollback()
    dan.staff.add(new Person({ name: 'fay' }))
    expect(dan.staff.value.map(({ name }) => name)).toEqual(['fay'])
  })

  it('saves a new owner with its new entities', async () => {
    await using session = database.session()
    const dan = new Person({ name: 'dan' })
    const eve = new Person({ name: 'eve' })
    const fay = new Person({ name: 'fay' })
    dan.staff.add(eve)
    eve.staff.add(fay)
    session.add(dan)
    await session.commit()
    expect(await bosses()).toEqual([null, 1, 1, null, 4, 5])
    expect(dan.staff.value).toEqual([eve])
  })

  it('works for a list whose entities have no relation back', async () => {
    await using session = database.session()
    const [ann, bob] = await all(session)
    await bob.notes
    const note = new Note({ text: 'hello', personId: ann.id })
    ann.notes.add(note)
    bob.notes.add(note)
    expect(bob.notes.value).toEqual([note])
    await session.commit()
    expect(await query(`select person_id from notes`)).toEqual([{ person_id: 2 }])
    const dan = new Person({ name: 'dan' })
    dan.notes.add(note)
    await session.commit()
    expect(bob.notes.value).toEqual([])
    expect(await query(`select person_id from notes`)).toEqual([{ person_id: dan.id }])
  })

  it('shows a new entity that was given its owner, once it is added', async () => {
    await using session = database.session()
    const [ann] = await all(session)
    await ann.staff
    const dan = new Person({ name: 'dan', boss: ann })
    expect(ann.staff.value).not.toContain(dan)
    session.add(dan)
    expect(ann.staff.value).toContain(dan)
    session.delete(dan)
    expect(ann.staff.value).not.toContain(dan)
  })
})

describe('remove() from a list', () => {
  it('leaves alone what is not in it', async () => {
    await using session = database.session()
    const [ann, bob, cid] = await all(session)
    bob.staff.remove(cid, ann)
    expect(session.hasUnsaved).toBe(false)
    expect(cid.bossId).toBe(1)
  })

  it('refuses to leave a row without its key, and changes nothing', async () => {
    await query(`insert into notes (text, person_id) values ('a', 1)`)
    await using session = database.session()
    const [ann] = await all(session)
    const [note] = (await ann.notes) as [Note]
    expect(() => ann.notes.remove(note)).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'personId cannot be null; delete the Note'),
    )
    expect(ann.notes.value).toEqual([note])
    session.delete(note)
    ann.notes.remove(note)
    expect(ann.notes.value).toEqual([])
    await session.commit()
    expect(await query(`select 1 from notes`)).toEqual([])
  })
})

describe('a deleted entity', () => {
  it('leaves the loaded lists with its row', async () => {
    await using session = database.session()
    const [ann, bob, cid] = await all(session)
    await ann.staff
    session.delete(bob)
    expect(ann.staff.value).toEqual([bob, cid])
    await session.flush()
    expect(ann.staff.value).toEqual([cid])
  })
})

describe('a savepoint that is rolled back', () => {
  it('takes back what was added and removed', async () => {
    await using session = database.session()
    const [ann, bob, cid] = await all(session)
    await ann.staff
    await bob.staff
    await undone(session, () => {
      bob.staff.add(cid)
      ann.staff.add(new Person({ name: 'dan' }))
    })
    expect(bob.staff.isLoaded).toBe(false)
    expect((await ann.staff).map(({ name }) => name)).toEqual(['bob', 'cid'])
    expect(await bob.staff).toEqual([])
    const again = await session.get(Person, 3)
    expect(again).not.toBe(cid)
    expect((await ann.staff)[1]).toBe(again)
    await session.commit()
    expect(await bosses()).toEqual([null, 1, 1])
  })

  it('forgets a loaded relation to an entity that it detached', async () => {
    await using session = database.session()
    const [ann, bob] = await all(session)
    await ann.staff
    await undone(session, () => {
      bob.name = 'bert'
    })
    const names = (await ann.staff).map(({ name }) => name)
    expect(names).toEqual(['bob', 'cid'])
    expect(ann.staff.value).not.toContain(bob)
  })
})

describe('methods of a relation', () => {
  it('are those of its kind', async () => {
    const ann = new Person({ name: 'ann' })
    const { boss, staff } = ann as unknown as Record<string, Record<string, () => void>>
    expect(() => boss?.['add']?.()).toThrow(coded('DATA_BRIDGE_ERR_ENTITY', 'it has set()'))
    expect(() => staff?.['set']?.()).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'it has add() and remove()'),
    )
  })

  it('refuse what is no entity of the target', async () => {
    const ann = new Person({ name: 'ann' })
    const note = new Note({ text: 'a', personId: 1 })
    expect(() => ann.staff.add(note as never)).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'Person.staff.add() expected a Person'),
    )
    expect(() => ann.staff.remove(null as never)).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'Person.staff.remove() expected a Person, got null'),
    )
  })
})

async function undone(session: Session, work: () => void): Promise<void> {
  await session.transaction(async (outer) => {
    const inner = outer.transaction(async () => {
      work()
      await outer.flush()
      throw new Error('undone')
    })
    await expect(inner).rejects.toThrow('undone')
  })
}

async function all(session: Session): Promise<[Person, Person, Person]> {
  const found = await session
    .find(Person)
    .orderBy((person) => person.id.asc())
    .toList()
  return found as [Person, Person, Person]
}
