import { beforeEach, describe, expect, it } from 'vitest'
import { testDatabase } from '../../../support/database.ts'
import { Club, people, Person } from './people.ts'

const { database, query, truncate } = await testDatabase(people)

beforeEach(async () => {
  await truncate()
  await query(`insert into people (name) values ('ann'), ('bob')`)
  await query(`insert into clubs (name) values ('go')`)
})

describe('what is related while a flush runs', () => {
  it('is written by the next flush: a new target of a new row', async () => {
    await using session = database.session()
    const ann = await session.getOrThrow(Person, 1)
    session.add(new Person({ name: 'cid' })) // now the session knows the table
    await session.flush()
    const dan = new Person({ name: 'dan', boss: ann })
    session.add(dan)
    const flushing = session.flush()
    const eve = new Person({ name: 'eve' })
    dan.boss.set(eve)
    await flushing
    expect(dan.boss.value).toBe(eve)
    await session.commit()
    expect(await query(`select boss_id from people where name = 'dan'`)).toEqual([
      { boss_id: eve.id },
    ])
  })

  it('is written by the next flush: a new target of a changed row', async () => {
    await using session = database.session()
    const [ann, bob] = (await session.getMany(Person, [1, 2])) as [Person, Person]
    ann.boss.set(bob)
    const flushing = session.flush()
    const eve = new Person({ name: 'eve' })
    ann.boss.set(eve)
    await flushing
    expect(ann.boss.value).toBe(eve)
    await session.commit()
    expect(await query(`select boss_id from people where id = 1`)).toEqual([{ boss_id: eve.id }])
  })

  it('is written by the next flush: a link that is taken back', async () => {
    await using session = database.session()
    const ann = await session.getOrThrow(Person, 1)
    const go = await session.getOrThrow(Club, 1)
    ann.clubs.add(go)
    const flushing = session.flush()
    ann.clubs.remove(go)
    await flushing
    expect(session.hasUnsaved).toBe(true)
    await session.commit()
    expect(await query(`select 1 from memberships`)).toEqual([])
  })
  it('is written by the next flush: a link of a new row that is taken back', async () => {
    await using session = database.session()
    const cid = new Person({ name: 'cid' })
    const chess = new Club({ name: 'chess' })
    cid.clubs.add(chess)
    session.add(cid)
    const flushing = session.flush()
    cid.clubs.remove(chess)
    await flushing
    expect(session.hasUnsaved).toBe(true)
    await session.commit()
    expect(cid.clubs.value).toEqual([])
    expect(await query(`select 1 from memberships`)).toEqual([])
  })
})
