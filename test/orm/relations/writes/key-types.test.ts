import { describe, expect, it } from 'vitest'
import {
  type AnyEntityClass,
  belongsTo,
  bigint,
  citext,
  hasMany,
  integer,
  manyToMany,
  table,
  text,
  timestamptz,
  uuid,
} from '../../../../orm/index.ts'
import { testDatabase } from '../../../support/database.ts'

class Big extends table('bigs', {
  id: bigint({ mode: 'bigint' }).primaryKey().generated(),
  nextId: bigint({ mode: 'bigint' })
    .nullable()
    .references(() => Big),
  next: () => belongsTo(Big, 'nextId'),
  previous: () => hasMany(Big, 'nextId'),
  linked: () => manyToMany(Big, { through: BigLink, from: 'oneId', to: 'otherId' }),
}) {}

class BigLink extends table('big_links', {
  id: integer().primaryKey().generated(),
  oneId: bigint({ mode: 'bigint' }).references(() => Big),
  otherId: bigint({ mode: 'bigint' }).references(() => Big),
}) {}

class Long extends table('longs', {
  id: bigint().primaryKey().generated(),
  nextId: bigint()
    .nullable()
    .references(() => Long),
  next: () => belongsTo(Long, 'nextId'),
  previous: () => hasMany(Long, 'nextId'),
  linked: () => manyToMany(Long, { through: LongLink, from: 'oneId', to: 'otherId' }),
}) {}

class LongLink extends table('long_links', {
  oneId: bigint()
    .primaryKey()
    .references(() => Long),
  otherId: bigint()
    .primaryKey()
    .references(() => Long),
}) {}

class Unique extends table('uniques', {
  id: uuid().primaryKey().generated(),
  nextId: uuid()
    .nullable()
    .references(() => Unique),
  next: () => belongsTo(Unique, 'nextId'),
  previous: () => hasMany(Unique, 'nextId'),
  linked: () => manyToMany(Unique, { through: UniqueLink, from: 'oneId', to: 'otherId' }),
}) {}

class UniqueLink extends table('unique_links', {
  oneId: uuid()
    .primaryKey()
    .references(() => Unique),
  otherId: uuid()
    .primaryKey()
    .references(() => Unique),
}) {}

class Moment extends table('moments', {
  id: timestamptz({ precision: 6 }).primaryKey().defaultNow(),
  nextId: timestamptz({ precision: 6 })
    .nullable()
    .references(() => Moment),
  note: text().default(''),
  next: () => belongsTo(Moment, 'nextId'),
  previous: () => hasMany(Moment, 'nextId'),
  linked: () => manyToMany(Moment, { through: MomentLink, from: 'oneId', to: 'otherId' }),
}) {}

class MomentLink extends table('moment_links', {
  oneId: timestamptz({ precision: 6 })
    .primaryKey()
    .references(() => Moment),
  otherId: timestamptz({ precision: 6 })
    .primaryKey()
    .references(() => Moment),
}) {}

const classes = [Big, Long, Unique, Moment] as const
const { database, query } = await testDatabase([
  ...classes,
  BigLink,
  LongLink,
  UniqueLink,
  MomentLink,
])

describe.each(classes.map((entity) => [entity.name, entity] as const))(
  'a key of %s',
  (_, entity) => {
    // All have the same relations.
    const Entity = entity as unknown as typeof Unique & AnyEntityClass

    it('is filled in where a stored row refers to a new one', async () => {
      await using session = database.session()
      const first = new Entity({})
      session.add(first)
      await session.commit()
      for (let time = 0; time < 2; time += 1) {
        const next = new Entity({})
        first.next.set(next)
        expect(first.nextId).toBeUndefined()
        await session.commit()
        expect(first.nextId).toEqual(next.id)
        expect(first.next.value).toBe(next)
        expect(session.hasUnsaved).toBe(false)
        expect(await next.previous).toEqual([first])
      }
    })

    it('links rows', async () => {
      await using session = database.session()
      const [one, other] = [new Entity({}), new Entity({})]
      session.add(one)
      await session.commit()
      one.linked.add(other)
      await session.commit()
      await session.refresh(one)
      expect(await one.linked).toEqual([other])
      one.linked.remove(other)
      await session.commit()
      await session.refresh(one)
      expect(await one.linked).toEqual([])
      const { name } = Entity
      const rows = await query(`select 1 from ${name.toLowerCase()}_links`)
      expect(rows).toEqual([])
    })
  },
)

class Area extends table('areas', {
  code: citext().primaryKey(),
  places: () => hasMany(Place, 'areaCode'),
}) {}

class Place extends table('places', {
  id: integer().primaryKey().generated(),
  areaCode: citext()
    .nullable()
    .references(() => Area),
  area: () => belongsTo(Area, 'areaCode'),
}) {}

it('remove() takes out of a loaded list what PostgreSQL has found by an equal key', async () => {
  const { database, query } = await testDatabase([Area, Place])
  await query(`insert into areas values ('no'), ('so')`)
  await query(`insert into places (area_code) values ('NO'), ('no'), ('No')`)
  await using session = database.session()
  const [north] = (await session.getMany(Area, ['no'])) as [Area]
  const [first, second, third] = (await north.places) as [Place, Place, Place]
  third.areaCode = 'so'
  north.places.remove(first, second, third)
  expect(north.places.value).toEqual([third])
  await session.commit()
  expect(await query('select area_code from places order by id')).toEqual([
    { area_code: null },
    { area_code: null },
    { area_code: 'so' },
  ])
})
