import { beforeEach, describe, expect, it } from 'vitest'
import { selectinload } from '../../../../orm/index.ts'
import { testDatabase } from '../../../support/database.ts'
import { Club, people, Person } from './people.ts'

const { database, query, truncate } = await testDatabase(people)

beforeEach(async () => {
  await truncate()
  await query(`insert into people (name, boss_id) values ('ann', null), ('bob', 1), ('cid', 1)`)
  await query(`insert into clubs (name) values ('go'), ('chess')`)
  await query(`insert into memberships (person_id, club_id) values (2, 1)`)
})

const namesOf = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name).sort()

describe('a list that the program changes while it is loaded is what the program has made of it', () => {
  it('with an added row', async () => {
    await database.run(async (session) => {
      const ann = await session.getOrThrow(Person, 1)
      const loading = ann.staff.load()
      ann.staff.add(new Person({ name: 'dan' }))
      expect(namesOf(await loading)).toEqual(['bob', 'cid', 'dan'])
      expect(namesOf(ann.staff.value)).toEqual(['bob', 'cid', 'dan'])
    })
  })

  it('with a row that was given its owner', async () => {
    await database.run(async (session) => {
      const ann = await session.getOrThrow(Person, 1)
      const loading = ann.staff.load()
      session.add(new Person({ name: 'dan', boss: ann }))
      expect(namesOf(await loading)).toEqual(['bob', 'cid', 'dan'])
    })
  })

  it('without a row that has another owner now', async () => {
    await database.run(async (session) => {
      const [ann, bob, cid] = (await session.getMany(Person, [1, 2, 3])) as [Person, Person, Person]
      const loading = ann.staff.load()
      cid.boss.set(bob)
      expect(namesOf(await loading)).toEqual(['bob'])
      expect(namesOf(await bob.staff)).toEqual(['cid'])
    })
  })

  it('with the links of both sides', async () => {
    await database.run(async (session) => {
      const bob = await session.getOrThrow(Person, 2)
      const [go, chess] = (await session.getMany(Club, [1, 2])) as [Club, Club]
      const loading = bob.clubs.load()
      bob.clubs.remove(go)
      bob.clubs.add(chess)
      expect(namesOf(await loading)).toEqual(['chess'])
      expect(await go.members).toEqual([])
    })
  })
})

describe('session.load() of a row whose foreign key is changed meanwhile', () => {
  it('leaves the relation to the new key', async () => {
    await database.run(async (session) => {
      const bob = await session.getOrThrow(Person, 2)
      const loading = session.load(bob, selectinload(Person.boss))
      bob.bossId = 3
      await loading
      expect((await bob.boss)?.name).toBe('cid')
    })
    await database.run(async (session) => {
      const [bob, cid] = (await session.getMany(Person, [2, 3])) as [Person, Person]
      const loading = session.load(cid, selectinload(Person.boss))
      cid.boss.set(bob)
      await loading
      expect(cid.boss.value).toBe(bob)
    })
    expect(await query(`select boss_id from people order by id`)).toEqual(
      [null, 3, 2].map((id) => ({ boss_id: id })),
    )
  })
})
