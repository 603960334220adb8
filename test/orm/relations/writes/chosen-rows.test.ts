import { beforeEach, describe, expect, it } from 'vitest'
import { selectinload, type Session } from '../../../../orm/index.ts'
import { testDatabase } from '../../../support/database.ts'
import { coded } from '../../../support/failure.ts'
import { Badge, Club, people, Person } from './people.ts'

const { database, query, truncate } = await testDatabase(people)

beforeEach(async () => {
  await truncate()
  await query(`insert into people (name, boss_id) values ('ann', null), ('bob', 1), ('cid', 1)`)
  await query(`insert into badges (code, person_id) values ('a', 1)`)
  await query(`insert into clubs (name) values ('chess'), ('go')`)
  await query(`insert into memberships (person_id, club_id) values (1, 1), (1, 2)`)
})

const bosses = (): Promise<unknown[]> =>
  query(`select boss_id from people order by id`).then((rows) => rows.map((row) => row['boss_id']))

const found = (session: Session, id: number): Promise<Person> => session.getOrThrow(Person, id)

describe('where a loader chose some rows of a relation', () => {
  it('remove() takes out a link that it left out', async () => {
    await using session = database.session()
    const ann = await found(session, 1)
    await session.load(ann, selectinload(Person.clubs).filter({ name: 'go' }))
    ann.clubs.remove(await session.getOrThrow(Club, 1))
    await session.commit()
    expect(await query(`select club_id from memberships`)).toEqual([{ club_id: 2 }])
  })

  it('add() shows what it left out, and remove() takes it out again', async () => {
    await using session = database.session()
    const [ann, cid] = [await found(session, 1), await found(session, 3)]
    await session.load(ann, selectinload(Person.staff).limit(1))
    ann.staff.add(cid)
    expect(ann.staff.value.map(({ name }) => name)).toEqual(['bob', 'cid'])
    ann.staff.remove(cid)
    expect(ann.staff.value.map(({ name }) => name)).toEqual(['bob'])
    await session.commit()
    expect(await bosses()).toEqual([null, 1, null])
  })

  it('the owner of a list lets an entity go whose own side leads to none', async () => {
    await using session = database.session()
    const [ann, bob, cid] = await Promise.all([1, 2, 3].map((id) => found(session, id)))
    if (!ann || !bob || !cid) throw new Error('not found')
    await ann.staff
    await session.load([bob, cid], selectinload(Person.boss).filter({ name: 'nobody' }))
    expect(bob.boss.value).toBeNull()
    ann.staff.remove(bob)
    cid.boss.set(bob)
    expect(ann.staff.value).toEqual([])
    await session.commit()
    expect(await bosses()).toEqual([null, null, 2])
  })

  it('set() of a relation to one row asks for the row that it left out', async () => {
    await using session = database.session()
    const ann = await found(session, 1)
    await session.load(ann, selectinload(Person.badge).filter({ code: 'b' }))
    expect(ann.badge.value).toBeNull()
    for (const badge of [null, new Badge({ code: 'new' })])
      expect(() => ann.badge.set(badge)).toThrow(
        coded('DATA_BRIDGE_ERR_ENTITY', 'load it without a filter: selectinload(Person.badge)'),
      )
    await session.load(ann, selectinload(Person.badge))
    ann.badge.set(new Badge({ code: 'new' }))
    await session.commit()
    expect(await query(`select code, person_id from badges order by id`)).toEqual([
      { code: 'a', person_id: null },
      { code: 'new', person_id: 1 },
    ])
  })

  it('set() replaces the row that it found', async () => {
    await using session = database.session()
    const ann = await found(session, 1)
    await session.load(ann, selectinload(Person.badge).filter({ code: 'a' }))
    ann.badge.set(null)
    ann.badge.set(new Badge({ code: 'new' }))
    await session.commit()
    expect(await query(`select code from badges where person_id = 1`)).toEqual([{ code: 'new' }])
  })
})
