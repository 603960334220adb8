import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { Club, people, Person } from '../relations/writes/people.ts'

const { database, query, truncate } = await testDatabase(people)

beforeEach(async () => {
  await truncate()
  await query(`insert into people (name, boss_id) values ('ann', null), ('bob', 1)`)
  await query(`insert into clubs (name) values ('go')`)
  await query(`insert into memberships (person_id, club_id) values (2, 1)`)
})

describe('the relations of a detached entity that is added again', () => {
  it('lead to the entities of the session, so that their changes are saved', async () => {
    await using session = database.session()
    const bob = await session.getOrThrow(Person, 2)
    const before = [await bob.boss, ...(await bob.clubs)]
    await session.rollback()
    session.add(bob)
    const boss = (await bob.boss) as Person
    const [club] = (await bob.clubs) as [Club]
    expect(before).not.toContain(boss)
    expect(await session.get(Person, 1)).toBe(boss)
    expect(await session.get(Club, 1)).toBe(club)
    boss.name = 'eve'
    club.name = 'chess'
    await session.commit()
    expect(await query('select name from people order by id')).toEqual([
      { name: 'eve' },
      { name: 'bob' },
    ])
    expect(await query('select name from clubs')).toEqual([{ name: 'chess' }])
  })

  it('stay loaded if what they lead to is added with it', async () => {
    await using session = database.session()
    const bob = await session.getOrThrow(Person, 2)
    const ann = (await bob.boss) as Person
    await ann.staff
    await session.rollback()
    session.add(bob, ann)
    expect(bob.boss.value).toBe(ann)
    expect(ann.staff.value).toEqual([bob])
  })

  it('keep the new entities that were never stored', async () => {
    await using session = database.session()
    const bob = await session.getOrThrow(Person, 2)
    bob.boss.set(new Person({ name: 'dan' }))
    await session.rollback()
    session.add(bob)
    expect(bob.boss.value).toMatchObject({ name: 'dan' })
    await session.commit()
    expect(await query('select boss_id from people where id = 2')).toEqual([
      { boss_id: bob.boss.value?.id },
    ])
  })
})
