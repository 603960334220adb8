import { beforeEach, describe, expect, it } from 'vitest'
import { countload, type Session } from '../../../../orm/index.ts'
import { testDatabase } from '../../../support/database.ts'
import { all, fillClubs, membershipsIn } from './clubs.ts'
import { Club, Membership, people, Person } from './people.ts'

const created = await testDatabase(people)
const { database, query } = created

beforeEach(() => fillClubs(created))

const memberships = (): Promise<string[]> => membershipsIn(created)

describe('links and deleted entities in one flush', () => {
  it('removes the links of a deleted entity before it, and adds others', async () => {
    await using session = database.session()
    const { ann, judo, rugby } = await all(session)
    await ann.clubs
    ann.clubs.remove(judo)
    ann.clubs.add(rugby)
    session.delete(judo)
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '1-3', '2-1'])
    expect(ann.clubs.value.map(({ name }) => name)).toEqual(['go', 'rugby'])
  })

  it('adds no link to an entity that is deleted', async () => {
    await using session = database.session()
    const { ann, rugby } = await all(session)
    await ann.clubs
    ann.clubs.add(rugby)
    session.delete(rugby)
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '1-2', '2-1'])
    expect(ann.clubs.value.map(({ name }) => name)).toEqual(['go', 'judo'])
    expect(session.hasUnsaved).toBe(false)
  })

  it('deletes the row of a link once, if the program deletes its entity too', async () => {
    await using session = database.session()
    const { ann, judo } = await all(session)
    const link = await session.getOrThrow(Membership, { personId: 1, clubId: 2 })
    session.delete(link)
    ann.clubs.remove(judo)
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '2-1'])
    expect(await session.get(Membership, { personId: 1, clubId: 2 })).toBeNull()
  })

  it('leaves out the unsaved changes of the row of a removed link', async () => {
    await using session = database.session()
    const { ann, judo } = await all(session)
    const link = await session.getOrThrow(Membership, { personId: 1, clubId: 2 })
    link.role = 'coach'
    ann.clubs.remove(judo)
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '2-1'])
    expect(session.hasUnsaved).toBe(false)
  })

  it('replaces the row of a link by an entity of its table', async () => {
    await using session = database.session()
    const { ann, judo } = await all(session)
    ann.clubs.remove(judo)
    session.add(new Membership({ personId: 1, clubId: 2, role: 'coach' }))
    await session.commit()
    expect(await memberships()).toEqual(['1-1', '1-2', '2-1'])
    expect(await query(`select role from memberships where role = 'coach'`)).toHaveLength(1)
  })
})

describe('what a loader has counted', () => {
  it.each([
    ['awaited at once', false],
    ['flushed before', true],
  ])('is counted again after add(), %s', async (_, isFlushed) => {
    await using session = database.session()
    const { bob, judo, rugby } = await all(session)
    await session.load(bob, countload(Person.clubs))
    expect(await bob.clubs.count()).toBe(1)
    bob.clubs.add(judo, rugby)
    if (isFlushed) await session.flush()
    expect(await bob.clubs.count()).toBe(3)
  })

  it.each([
    ['awaited at once', false],
    ['flushed before', true],
  ])('is counted again after remove(), %s', async (_, isFlushed) => {
    await using session = database.session()
    const { bob, go } = await all(session)
    await session.load(bob, countload(Person.clubs))
    await session.load(go, countload(Club.members))
    bob.clubs.remove(go)
    if (isFlushed) await session.flush()
    expect(await bob.clubs.exists()).toBe(false)
    expect(await bob.clubs.count()).toBe(0)
    expect(await go.members.count()).toBe(1)
  })

  it('is counted again after set() and add() to a list', async () => {
    await using session = database.session()
    const { ann, bob } = await all(session)
    await session.load([ann, bob], countload(Person.staff))
    bob.boss.set(ann)
    expect(await ann.staff.count()).toBe(1)
    await session.load([ann, bob], countload(Person.staff))
    ann.staff.add(new Person({ name: 'dan' }))
    expect(await ann.staff.count()).toBe(2)
    await session.load([ann, bob], countload(Person.staff))
    ann.staff.remove(bob)
    expect(await ann.staff.count()).toBe(1)
  })
})

describe('afterCommit() with nothing but changed links', () => {
  it.each(['commit()', 'run()'])('runs after the links are stored, in %s', async (way) => {
    const seen: string[][] = []
    const change = async (session: Session): Promise<void> => {
      const { bob, go, rugby } = await all(session)
      bob.clubs.add(rugby)
      bob.clubs.remove(go)
      session.afterCommit(async () => {
        seen.push(await memberships())
      })
    }
    if (way === 'run()') await database.run(change)
    else {
      await using session = database.session()
      await change(session)
      await session.commit()
    }
    expect(seen).toEqual([['1-1', '1-2', '2-3']])
  })
})
