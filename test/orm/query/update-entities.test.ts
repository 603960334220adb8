import { beforeEach, describe, expect, it } from 'vitest'
import {
  belongsTo,
  hasMany,
  hasOne,
  integer,
  manyToMany,
  type Refs,
  selectinload,
  type Session,
  sql,
  table,
  text,
  undefer,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { failure } from '../../support/failure.ts'
import { recordSession, recordWire } from '../../support/recorder.ts'
import { recordWarnings } from '../../support/warnings.ts'

class Team extends table('teams', {
  id: integer().primaryKey(),
  code: text().unique(),
  members: () => hasMany(Member, 'teamId'),
  pet: () => hasOne(Pet, 'teamId'),
  tags: () => manyToMany(Tag, { through: TeamTag }),
}) {}

class Member extends table('members', {
  id: integer().primaryKey(),
  name: text(),
  age: integer().nullable(),
  note: text().deferred().default('long'),
  teamId: integer().references(() => Team),
  version: integer().version(),
  changes: integer().onUpdate(() => (changes += 1)),
  team: () => belongsTo(Team, 'teamId'),
}) {}

class Pet extends table('pets', {
  id: integer().primaryKey(),
  teamId: integer().references(() => Team),
}) {}

class Tag extends table('tags', { id: integer().primaryKey(), name: text() }) {}

class TeamTag extends table('team_tags', {
  teamId: integer()
    .primaryKey()
    .references(() => Team),
  no: integer().primaryKey(),
  tagId: integer().references(() => Tag),
}) {}

let changes = 0
const tables = [Team, Member, Pet, Tag, TeamTag] as const
const { database, query, truncate, url } = await testDatabase([...tables])

const warnings = recordWarnings()

beforeEach(async () => {
  await truncate()
  changes = 0
  await database.run((session) => {
    session.add(
      ['A', 'B'].map((code, index) => new Team({ id: index + 1, code })),
      [1, 2, 3].map((id) => new Member({ id, name: `m${id}`, age: id * 10, teamId: 1 })),
      new Pet({ id: 1, teamId: 1 }),
      [1, 2].map((id) => new Tag({ id, name: `t${id}` })),
      new TeamTag({ teamId: 1, no: 1, tagId: 1 }),
    )
  })
})

const members = (session: Session): Promise<Member[]> =>
  session
    .find(Member)
    .orderBy((row) => row.id.asc())
    .toList()

const ofAge = (session: Session, age: number) =>
  session.find(Member).filter((row) => row.age.gte(age))

describe('entities of changed rows', () => {
  it('have the new values, their version and what onUpdate() makes, with one statement', async () => {
    await using session = database.session()
    const [one, two, three] = (await members(session)) as [Member, Member, Member]
    const before = session.stats.queryCount
    changes = 100
    expect(await ofAge(session, 20).update((row) => ({ age: sql`${row.age} + 1` }))).toBe(2)
    expect(session.stats.queryCount).toBe(before + 1)
    expect([one, two, three]).toMatchObject([
      { age: 10, version: 1 },
      { age: 21, version: 2, changes: 101 },
      { age: 31, version: 2, changes: 101 },
    ])
    expect(await session.get(Member, 2)).toBe(two)
    two.name = 'new'
    await session.commit()
    expect(two.version).toBe(3)
    expect(await query('select name, age, version, changes from members where id = 2')).toEqual([
      { name: 'new', age: 21, version: 3, changes: 102 },
    ])
  })

  it('have them beside the rows that are asked for', async () => {
    await using session = database.session()
    const [, two] = (await members(session)) as [Member, Member]
    await session.find(Member).filter({ id: 2 }).forUpdate().one()
    const rows = await ofAge(session, 20)
      .orderBy((row) => row.age.desc())
      .update(
        { name: 'x', changes: 7 },
        {
          returning: (row) => ({
            id: row.id,
            version: row.version,
            team: row.team.code,
            now: sql<Date>`now()`,
          }),
        },
      )
    const others = { version: 2, team: 'A', now: expect.any(Date) }
    expect(rows).toEqual([
      { id: 3, ...others },
      { id: 2, ...others },
    ])
    expect(two).toMatchObject({ name: 'x', version: 2, changes: 7 })
  })

  it('bring back only rows that the session holds', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    const one = await session.getOrThrow(Member, 1)
    expect(await session.find(Member).all().update({ name: 'all' })).toBe(3)
    expect(one.name).toBe('all')
    const [update] = recorder.statements.filter(({ kind }) => kind === 'write')
    expect(update).toMatchObject({ rows: 1, summary: 'UPDATE members' })
    expect((await session.getOrThrow(Member, 2)).name).toBe('all')
    expect(recorder.statements.filter(({ kind }) => kind === 'read')).toHaveLength(2)
  })

  it('keep values that the program changes while the statement runs', async () => {
    await using session = database.session()
    const [, two] = (await members(session)) as [Member, Member]
    const updating = ofAge(session, 20).update({ age: 1 })
    two.name = 'mine'
    await updating
    expect(two).toMatchObject({ age: 1, name: 'mine', version: 2 })
    await session.commit()
    expect(await query('select name, age from members where id = 2')).toEqual([
      { name: 'mine', age: 1 },
    ])
  })

  it('have the values of a row that others have changed, when that is written too', async () => {
    await using session = database.session()
    const [, two, three] = (await members(session)) as [Member, Member, Member]
    await query(`update members set name = 'others', version = 9 where id > 1`)
    await session.find(Member).filter({ id: 2 }).update({ age: 1 })
    expect(two).toMatchObject({ name: 'others', age: 1, version: 10 })
    // Not of this row: its next write has to see that it is stale.
    expect(three).toMatchObject({ name: 'm3', version: 1 })
    three.age = 0
    await failure('DATA_BRIDGE_ERR_STALE', session.flush())
  })

  it('are found even if they are being read when the update is called', async () => {
    await using session = database.session()
    const [all, count] = await Promise.all([
      members(session),
      ofAge(session, 20).update({ name: 'x' }),
    ])
    expect(count).toBe(2)
    expect(all.map(({ name }) => name)).toEqual(['m1', 'x', 'x'])
  })

  it('know a deferred column only if they knew it before', async () => {
    await using session = database.session()
    const one = await session.find(Member).filter({ id: 1 }).options(undefer(Member, 'note')).one()
    const two = (await session.get(Member, 2)) as Member
    await session.find(Member).all().update({ note: 'short' })
    expect([one.note, two.note]).toEqual(['short', undefined])
    expect([one.version, two.version]).toEqual([2, 2])
    expect(session.hasUnsaved).toBe(true)
    await session.commit()
    expect(session.hasUnsaved).toBe(false)
  })

  it('have them on a pool of the application too, which reads texts', async () => {
    await using wire = recordWire(url)
    await using session = wire.database.session()
    const [one, two] = (await members(session)) as [Member, Member]
    const rows = await session
      .find(Member)
      .filter({ id: 2 })
      .update({ age: 7 }, { returning: (row) => ({ age: row.age, now: sql<Date>`now()` }) })
    expect(rows).toEqual([{ age: 7, now: expect.any(Date) }])
    await session.find(Member).filter({ id: 1 }).update({ age: 8 })
    expect([one.age, two.age, one.version]).toEqual([8, 7, 2])
    await session.commit()
  })

  it('leave the session if they are frozen', async () => {
    await using session = database.session()
    const one = Object.freeze(await session.getOrThrow(Member, 1))
    await session.find(Member).filter({ id: 1 }).update({ name: 'x' })
    const again = await session.getOrThrow(Member, 1)
    expect([one.name, again.name, again === one]).toEqual(['m1', 'x', false])
  })
})

describe('relations, after foreign keys have changed', () => {
  it('load again where they may have gained or lost rows', async () => {
    await using session = database.session()
    const [a, b] = (await session
      .find(Team)
      .orderBy((row) => row.id.asc())
      .options(selectinload(Team.members), selectinload(Team.pet), selectinload(Team.tags))
      .toList()) as [Team, Team]
    const [first] = a.members.value
    expect((await first?.team)?.code).toBe('A')
    const loaded = () =>
      [a, b].map(({ members: list, pet, tags }) => [list, pet, tags].map((one) => one.isLoaded))
    await session.find(Member).filter({ id: 1 }).update({ age: 5 })
    expect(loaded()).toEqual([
      [true, true, true],
      [true, true, true],
    ])
    await session.find(Member).filter({ id: 1 }).update({ teamId: 2 })
    expect(loaded()).toEqual([
      [false, true, true],
      [false, true, true],
    ])
    expect((await a.members).map(({ id }) => id).toSorted((one, other) => one - other)).toEqual([
      2, 3,
    ])
    expect((await b.members).map(({ id }) => id)).toEqual([1])
    expect((await first?.team)?.code).toBe('B')
    await session.find(Pet).all().update({ teamId: 2 })
    expect([await a.pet, (await b.pet)?.id]).toEqual([null, 1])
    await session.find(TeamTag).all().update({ tagId: 2 })
    expect((await a.tags).map(({ id }) => id)).toEqual([2])
    await session.find(TeamTag).all().delete()
    expect(await a.tags).toEqual([])
  })

  it('keep what the program has changed meanwhile', async () => {
    await using session = database.session()
    const [a, b] = (await session
      .find(Team)
      .orderBy((row) => row.id.asc())
      .options(selectinload(Team.members))
      .toList()) as [Team, Team]
    const moving = session.find(Member).filter({ id: 1 }).update({ teamId: 2 })
    const added = new Member({ id: 9, name: 'new', teamId: 2 })
    await Promise.resolve()
    b.members.add(added)
    await moving
    expect([a.members.isLoaded, b.members.value]).toEqual([false, [added]])
    await session.commit()
    expect(await query('select id from members where team_id = 2 order by id')).toEqual([
      { id: 1 },
      { id: 9 },
    ])
  })

  it('find rows, and set columns, behind a relation whose target is not unique', async () => {
    await using session = database.session()
    session.add(new Pet({ id: 2, teamId: 1 }))
    const owners = session.find(Team).filter((team) => team.pet.id.eq(1))
    const code = (team: Refs<Team>) => ({ code: sql<string>`'pet' || ${team.pet.id}` })
    const rows = await owners.update(code, { returning: (team) => ({ code: team.code }) })
    expect(rows).toEqual([{ code: 'pet1' }])
  })

  it('count anew', async () => {
    await using session = database.session()
    const team = await session.getOrThrow(Team, 1)
    expect(await team.members.count()).toBe(3)
    await session.find(Member).filter({ id: 1 }).update({ teamId: 2 })
    expect(await team.members.count()).toBe(2)
  })
})

describe('a rollback', () => {
  it('of the transaction detaches all, and takes back what the update has put into them', async () => {
    await using session = database.session()
    const [one, two] = (await members(session)) as [Member, Member]
    two.name = 'mine'
    await session.flush()
    await session.find(Member).all().update({ age: 0 })
    two.changes = 50
    await session.rollback()
    expect([one, two]).toMatchObject([
      { age: 10, version: 1 },
      { age: 20, version: 1, name: 'mine', changes: 50 },
    ])
    expect(await query('select distinct version from members')).toEqual([{ version: 1 }])
    session.add(one)
    expect(session.hasUnsaved).toBe(false)
    session.add(two)
    await session.commit()
    expect(await query('select name, age from members where id = 2')).toEqual([
      { name: 'mine', age: 20 },
    ])
  })

  it('of a savepoint detaches those that were written or read since', async () => {
    await database.run(async (session) => {
      const [one, two, three] = (await members(session)) as [Member, Member, Member]
      await session.find(Member).filter({ id: 1 }).update({ age: 1 })
      const nested = session.transaction(async () => {
        await session
          .find(Member)
          .filter({ id: [1, 2] })
          .update({ age: 0 })
        const pets = await session.find(Pet).toList()
        expect([one.age, two.age, three.age, pets.length]).toEqual([0, 0, 30, 1])
        throw new TypeError('undo')
      })
      await expect(nested).rejects.toThrow('undo')
      expect([one.age, two.age, three.age]).toEqual([1, 20, 30])
      expect(await session.get(Member, 3)).toBe(three)
      const again = await session.getOrThrow(Member, 1)
      expect([again === one, again.age, again.version]).toEqual([false, 1, 2])
      expect((await session.getOrThrow(Member, 2)).age).toBe(20)
    })
  })

  it('of a savepoint that was released before undoes it with the outer one', async () => {
    await database.run(async (session) => {
      const one = await session.getOrThrow(Member, 1)
      const outer = session.transaction(async () => {
        await session.transaction(() => session.find(Member).all().update({ age: 0 }))
        await session.find(Member).all().update({ age: 5 })
        expect(one.age).toBe(5)
        throw new TypeError('undo')
      })
      await expect(outer).rejects.toThrow('undo')
      expect([one.age, one.version]).toEqual([10, 1])
      expect((await session.getOrThrow(Member, 1)).age).toBe(10)
    })
  })

  it('happens with a warning if the session is closed without a commit', async () => {
    await warnings()
    const session = database.session()
    await session.find(Member).filter({ id: 1 }).update({ age: 0 })
    expect(session.hasUnsaved).toBe(true)
    await session.close()
    expect(await warnings()).toEqual(['DATA_BRIDGE_UNSAVED_CHANGES'])
    expect(await query('select age from members where id = 1')).toEqual([{ age: 10 }])
  })
})
