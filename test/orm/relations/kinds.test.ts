import { beforeAll, describe, expect, it } from 'vitest'
import {
  belongsTo,
  hasMany,
  hasOne,
  integer,
  joinedload,
  keyOf,
  manyToMany,
  selectinload,
  table,
  text,
} from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { recordSession } from '../../support/recorder.ts'
import { bothWays, countOrLabel, selected } from './both-ways.ts'

class Person extends table(
  'people',
  {
    id: integer().primaryKey(),
    label: text(),
    bossId: integer()
      .nullable()
      .references(() => Person),
    boss: () => belongsTo(Person, 'bossId'),
    staff: () => hasMany(Person, 'bossId'),
    badge: () => hasOne(Badge, 'personId'),
    following: () => manyToMany(Person, { through: Follow, from: 'followerId', to: 'followeeId' }),
    followers: () => manyToMany(Person, { through: Follow, from: 'followeeId', to: 'followerId' }),
    tags: () => manyToMany(Tag, { through: PersonTag }),
  },
  { schema: 'staff' },
) {}

class Badge extends table('badges', {
  id: integer().primaryKey(),
  label: text(),
  // No foreign key in the database: its row may be missing.
  personId: integer().nullable(),
  person: () => belongsTo(Person, 'personId'),
}) {}

class Follow extends table('follows', {
  followerId: integer()
    .primaryKey()
    .references(() => Person),
  followeeId: integer()
    .primaryKey()
    .references(() => Person),
}) {}

class Tag extends table(
  'tags',
  {
    id: integer().primaryKey(),
    label: text(),
    people: () => manyToMany(Person, { through: PersonTag }),
  },
  { schema: 'other "schema"' },
) {}

// It has an id, so it may have one pair twice.
class PersonTag extends table(
  'person_tags',
  {
    id: integer().primaryKey(),
    personId: integer().references(() => Person),
    tagId: integer().references(() => Tag),
  },
  { schema: 'other "schema"' },
) {}

class Line extends table('lines', {
  order: text().primaryKey(),
  no: integer().primaryKey(),
  label: text(),
  sku: text().unique(),
  parts: () => hasMany(Part, ['order', 'no']),
  part: () => hasOne(Part, ['order', 'no']),
  stocks: () => hasMany(Stock, 'sku'),
  related: () =>
    manyToMany(Line, { through: Pair, from: ['order', 'no'], to: ['otherOrder', 'otherNo'] }),
}) {}

class Part extends table(
  'parts',
  {
    id: integer().primaryKey(),
    label: text(),
    no: integer(),
    order: text().nullable(),
    line: () => belongsTo(Line, ['order', 'no']),
  },
  { foreignKeys: [{ columns: ['order', 'no'], references: () => keyOf(Line) }] },
) {}

class Stock extends table(
  'stocks',
  {
    id: integer().primaryKey(),
    label: text(),
    sku: text().nullable(),
    line: () => belongsTo(Line, 'sku'),
  },
  { foreignKeys: [{ columns: ['sku'], references: () => keyOf(Line, ['sku']) }] },
) {}

class Pair extends table(
  'pairs',
  {
    order: text().primaryKey(),
    no: integer().primaryKey(),
    otherOrder: text().primaryKey(),
    otherNo: integer().primaryKey(),
  },
  {
    foreignKeys: [
      { columns: ['order', 'no'], references: () => Line },
      { columns: ['otherOrder', 'otherNo'], references: () => Line },
    ],
  },
) {}

const tables = [Person, Badge, Follow, Tag, PersonTag, Line, Part, Stock, Pair]
const { database, query, url } = await testDatabase()

beforeAll(async () => {
  await query('create schema staff')
  await query('create schema "other ""schema"""')
  await database.createSchema(tables)
  await query(`insert into staff.people values
    (1, 'ann', null), (2, 'bob', 1), (3, 'cid', 1), (4, 'dan', 4)`)
  await query(`insert into badges values
    (1, 'b1', 1), (2, 'b2', 2), (3, 'late', 2), (4, 'none', null), (5, 'dangling', 99)`)
  await query('insert into follows values (1, 2), (1, 3), (2, 1), (4, 4)')
  await query(`insert into "other ""schema""".tags values (1, 't1'), (2, 't2'), (3, 't3')`)
  await query(`insert into "other ""schema""".person_tags values
    (1, 1, 2), (2, 1, 2), (3, 1, 1), (4, 2, 2), (5, 3, 3), (6, 3, 3), (7, 3, 2)`)
  await query(`insert into lines values
    ('a', 1, 'a1', 's1'), ('a', 2, 'a2', 's2'), ('a,1', 1, 'comma', 's3'), ('b', 1, 'b1', 'S1')`)
  await query(`insert into parts values
    (1, 'p1', 1, 'a'), (2, 'p2', 1, 'a'), (3, 'p3', 1, 'a,1'), (4, 'half', 1, null), (5, 'p5', 1, 'b')`)
  await query(
    `insert into stocks values (1, 'x', 's1'), (2, 'y', 'S1'), (3, 'z', 's1'), (4, 'none', null)`,
  )
  await query(`insert into pairs values ('a', 1, 'a', 2), ('a', 1, 'b', 1), ('b', 1, 'b', 1)`)
})

describe('a relation gives the same lazily, eagerly and to select:', () => {
  it.each([
    ['hasMany', Person, 'staff', [['bob', 'cid'], [], [], ['dan']]],
    ['hasOne of one, several and no rows', Person, 'badge', ['b1', 'b2', null, null]],
    ['belongsTo of null and of itself', Person, 'boss', [null, 'ann', 'ann', 'dan']],
    [
      'belongsTo of null and of a row that is missing',
      Badge,
      'person',
      ['ann', 'bob', 'bob', null, null],
    ],
    [
      'manyToMany in other schemas, with pairs that the table between has twice',
      Person,
      'tags',
      [['t1', 't2'], ['t2'], ['t2', 't3'], []],
    ],
    ['manyToMany from the other side', Tag, 'people', [['ann'], ['ann', 'bob', 'cid'], ['cid']]],
    ['manyToMany to itself', Person, 'following', [['bob', 'cid'], ['ann'], [], ['dan']]],
    ['manyToMany to itself, backwards', Person, 'followers', [['bob'], ['ann'], ['ann'], ['dan']]],
    ['hasMany by a composite key', Line, 'parts', [['p1', 'p2'], [], ['p3'], ['p5']]],
    ['hasOne by a composite key', Line, 'part', ['p1', null, 'p3', 'p5']],
    [
      'belongsTo by a composite key, of which a column is null',
      Part,
      'line',
      ['a1', 'a1', 'comma', null, 'b1'],
    ],
    ['hasMany by a key that is not the primary key', Line, 'stocks', [['x', 'z'], [], [], ['y']]],
    ['belongsTo by a key that is not the primary key', Stock, 'line', ['a1', 'b1', 'a1', null]],
    ['manyToMany to itself by composite keys', Line, 'related', [['a2', 'b1'], [], [], ['b1']]],
  ] as const)('%s', async (_, entity, name, expected) => {
    expect(await bothWays(database, entity, name)).toEqual(expected)
    expect(await selected(database, entity, name)).toEqual(expected.map(countOrLabel))
  })
})

describe('hasOne', () => {
  it.each([['selectinload', selectinload] as const, ['joinedload', joinedload] as const])(
    'of several rows loads by %s only below the first one',
    async (_name, load) => {
      await using session = database.session()
      const loader = load(Person.badge).options(load(Badge.person))
      const people = await session.find(Person).options(loader).toList()
      const badges = await session.find(Badge).toList()
      const given = badges.filter((badge) => people.some((person) => person.badge.value === badge))
      expect(given.map(({ label }) => label)).toEqual(['b1', 'b2'])
      expect(badges.filter((badge) => badge.person.isLoaded)).toEqual(given)
    },
  )
})

describe('belongsTo', () => {
  it('is taken from the identity map by its key, a composite one too, without a statement', async () => {
    await using session = database.session()
    await session.find(Line).toList()
    const parts = await session.find(Part).options(selectinload(Part.line)).toList()
    expect(session.stats.queryCount).toBe(2)
    expect(parts.map(({ line }) => line.value?.label)).toEqual([
      'a1',
      'a1',
      'comma',
      undefined,
      'b1',
    ])
    await session.find(Part).filter({ id: 1 }).options(selectinload(Part.line)).toList()
    expect(session.stats.queryCount).toBe(3)
  })

  it('gives one entity to all that refer to the same row, however it was loaded', async () => {
    await using session = database.session()
    const stocks = session.find(Stock).orderBy((row) => row.id.asc())
    const [first, , third] = await stocks.options(selectinload(Stock.line)).toList()
    const line = await session.get(Line, { order: 'a', no: 1 })
    expect([first?.line.value, third?.line.value]).toEqual([line, line])
    expect(first?.line.value).toBe(line)
    expect(third?.line.value).toBe(line)
  })

  it('is loaded anew after a column of its composite key was changed', async () => {
    await using session = database.session()
    const part = await session.find(Part).filter({ id: 1 }).options(selectinload(Part.line)).one()
    part.order = 'b'
    expect(part.line.isLoaded).toBe(false)
    expect((await part.line)?.label).toBe('b1')
    part.order = null
    expect(await part.line).toBeNull()
    part.order = 'a'
    expect((await part.line)?.label).toBe('a1')
    await session.rollback()
  })

  it('is not given what was loaded for the key that it had before the load', async () => {
    await using other = await connect(url)
    await using recorder = recordSession(url)
    const { session, statements } = recorder
    const part = await session.find(Part).filter({ id: 1 }).one()
    await other.query('begin')
    await other.query('lock table lines in access exclusive mode')
    const loading = session.find(Part).filter({ id: 1 }).options(selectinload(Part.line)).toList()
    await expect.poll(() => statements.length).toBe(3)
    part.order = 'b'
    await other.query('commit')
    await loading
    expect(part.line.isLoaded).toBe(false)
    expect((await part.line)?.label).toBe('b1')
    await session.rollback()
  })
})

describe('a list', () => {
  it('is a separate array for each owner of one key', async () => {
    await using session = database.session()
    const people = session.find(Person).orderBy((row) => row.id.asc())
    const loader = selectinload(Person.boss).options(selectinload(Person.staff))
    const [, bob, cid] = await people.options(loader, selectinload(Person.tags)).toList()
    expect(bob?.boss.value).toBe(cid?.boss.value)
    bob?.tags.value.pop()
    expect(cid?.tags.value.map(({ label }) => label)).toEqual(['t2', 't3'])
  })

  it('costs no statement where no owner has a key', async () => {
    await using session = database.session()
    const badge = session.find(Badge).filter({ personId: null })
    const [none] = await badge.options(selectinload(Badge.person)).toList()
    expect(none?.person.value).toBeNull()
    const half = session.find(Part).filter({ order: null })
    const [part] = await half.options(selectinload(Part.line)).toList()
    expect(part?.line.value).toBeNull()
    expect(session.stats.queryCount).toBe(2)
  })

  it('counts and tests the rows of a table between once, as it lists them', async () => {
    await using session = database.session()
    const rows = await session
      .find(Person)
      .orderBy((row) => row.id.asc())
      .select((row) => ({
        tags: row.tags.count(),
        twos: row.tags.count((tag) => tag.label.eq('t2')),
      }))
      .toList()
    expect(rows).toEqual([
      { tags: 2, twos: 1 },
      { tags: 1, twos: 1 },
      { tags: 2, twos: 1 },
      { tags: 0, twos: 0 },
    ])
  })
})
