import { beforeEach, describe, expect, it } from 'vitest'
import { selectinload } from '../../../../orm/index.ts'
import { testDatabase } from '../../../support/database.ts'
import { coded } from '../../../support/failure.ts'
import { all, fillClubs, membershipsIn } from './clubs.ts'
import { Club, Membership, people, Person, Place } from './people.ts'

const created = await testDatabase(people)
const { database, query } = created

beforeEach(() => fillClubs(created))

const memberships = (): Promise<string[]> => membershipsIn(created)

describe('add() to a many-to-many relation', () => {
  it('inserts a link, without loading the list', async () => {
    await using session = database.session()
    const { ann, rugby } = await all(session)
    const before = session.stats.queryCount
    ann.clubs.add(rugby)
    await session.flush()
    expect(session.stats.queryCount).toBe(before + 1)
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '1-2', '1-3', '2-1'])
    expect(await query(`select role from memberships where club_id = 3`)).toEqual([
      { role: 'member' },
    ])
    expect(await ann.clubs).toContain(rugby)
  })

  it('changes the loaded lists of both sides', async () => {
    await using session = database.session()
    const { ann, bob, rugby } = await all(session)
    await session.find(Person).options(selectinload(Person.clubs)).toList()
    await rugby.members
    rugby.members.add(ann, bob)
    expect(rugby.members.value).toEqual([ann, bob])
    expect(bob.clubs.value).toContain(rugby)
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '1-2', '1-3', '2-1', '2-3'])
  })

  it('stores a link once, if it is there already or was added from both sides', async () => {
    await using session = database.session()
    const { ann, bob, go, judo } = await all(session)
    ann.clubs.add(go)
    go.members.add(ann)
    judo.members.add(bob)
    bob.clubs.add(judo)
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '1-2', '2-1', '2-2'])
  })

  it('links new entities of both tables', async () => {
    await using session = database.session()
    const dan = new Person({ name: 'dan' })
    const chess = new Club({ name: 'chess' })
    dan.clubs.add(chess)
    expect(chess.members.value).toEqual([dan])
    session.add(chess)
    await session.commit()
    expect(await memberships()).toContain('3-4')
    expect(dan.clubs.value).toEqual([chess])
    expect(session.hasUnsaved).toBe(false)
  })

  it('is found by queries of the session', async () => {
    await using session = database.session()
    const { bob, rugby } = await all(session)
    bob.clubs.add(rugby)
    const count = await session
      .find(Person)
      .filter((person) => person.clubs.any((club) => club.name.eq('rugby')))
      .count()
    expect(count).toBe(1)
  })

  it('refuses a link table that needs more than its two keys', async () => {
    await using session = database.session()
    const { ann } = await all(session)
    const place = new Place({ name: 'here' })
    expect(() => place.visitors.add(ann)).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'cannot make a Visit without days'),
    )
    expect(session.hasUnsaved).toBe(false)
  })
})

describe('remove() from a many-to-many relation', () => {
  it('deletes the link, and changes both sides', async () => {
    await using session = database.session()
    const { ann, go } = await all(session)
    await ann.clubs
    await go.members
    go.members.remove(ann)
    expect(ann.clubs.value.map(({ name }) => name)).toEqual(['judo'])
    expect(go.members.value.map(({ name }) => name)).toEqual(['bob'])
    await session.commit()
    expect(await memberships()).toEqual(['1-2', '2-1'])
  })

  it('needs no loaded list, and takes a link that is gone for done', async () => {
    await using session = database.session()
    const { ann, bob, go, rugby } = await all(session)
    ann.clubs.remove(go, rugby)
    await query(`delete from memberships where person_id = 2`)
    bob.clubs.remove(go)
    await session.commit()
    expect(await memberships()).toEqual(['1-2'])
  })

  it('lets the last word count', async () => {
    await using session = database.session()
    const { ann, go, rugby } = await all(session)
    ann.clubs.remove(go)
    go.members.add(ann)
    rugby.members.add(ann)
    ann.clubs.remove(rugby)
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '1-2', '2-1'])
  })

  it('lets the entity of the link go', async () => {
    await using session = database.session()
    const { ann, go } = await all(session)
    const link = await session.get(Membership, { personId: 1, clubId: 1 })
    ann.clubs.remove(go)
    await session.flush()
    expect(await session.get(Membership, { personId: 1, clubId: 1 })).toBeNull()
    expect(() => session.delete(link as Membership)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
  })
})

describe('a relation of rows of one table', () => {
  it('has its two directions', async () => {
    await using session = database.session()
    const { ann, bob } = await all(session)
    await ann.friends
    await bob.friendOf
    ann.friends.add(bob, ann)
    expect(bob.friendOf.value).toEqual([ann])
    await session.commit()
    expect(await query(`select one_id, other_id from friendships order by 2`)).toEqual([
      { one_id: 1, other_id: 1 },
      { one_id: 1, other_id: 2 },
    ])
    bob.friendOf.remove(ann)
    expect(ann.friends.value).toEqual([ann])
    await session.commit()
    expect(await query(`select one_id, other_id from friendships`)).toEqual([
      { one_id: 1, other_id: 1 },
    ])
  })
})

describe('links that are not committed', () => {
  it('are gone after a rollback', async () => {
    await using session = database.session()
    const { ann, rugby } = await all(session)
    ann.clubs.add(rugby)
    await session.rollback()
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '1-2', '2-1'])
  })

  it('are undone with a savepoint, flushed or not, and the lists load again', async () => {
    for (const isFlushed of [true, false]) {
      await using session = database.session()
      const { ann, bob, go, rugby } = await all(session)
      await ann.clubs
      await session.transaction(async (outer) => {
        bob.clubs.add(rugby)
        await outer
          .transaction(async (inner) => {
            ann.clubs.add(rugby)
            ann.clubs.remove(go)
            if (isFlushed) await inner.flush()
            throw new Error('undone')
          })
          .catch(() => undefined)
        expect((await ann.clubs).map(({ name }) => name)).toEqual(['go', 'judo'])
        bob.clubs.remove(rugby)
      })
      expect(await memberships()).toEqual(['1-1', '1-2', '2-1'])
    }
  })

  it('are unsaved changes', async () => {
    await using session = database.session()
    const { ann, rugby } = await all(session)
    ann.clubs.add(rugby)
    expect(session.hasUnsaved).toBe(true)
    await session.flush()
    expect(session.hasUnsaved).toBe(true)
    await session.commit()
    expect(session.hasUnsaved).toBe(false)
  })

  it('are dropped with an entity that is deleted or not added after all', async () => {
    await using session = database.session()
    const { ann, rugby } = await all(session)
    const chess = new Club({ name: 'chess' })
    ann.clubs.add(chess, rugby)
    session.delete(chess, rugby)
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '1-2', '2-1'])
    expect(session.hasUnsaved).toBe(false)
  })
})
