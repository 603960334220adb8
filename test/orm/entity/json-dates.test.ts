import { describe, expect, it } from 'vitest'
import {
  array,
  hasMany,
  belongsTo,
  integer,
  jsonb,
  selectinload,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { jsonOfDate } from '../../../orm/entity/iso-text.ts'
import { testDatabase } from '../../support/database.ts'

class Group extends table('groups', {
  id: integer().primaryKey(),
  at: timestamptz(),
  members: () => hasMany(Member, 'groupId'),
}) {}

class Member extends table('members', {
  id: integer().primaryKey(),
  groupId: integer().references(() => Group),
  at: timestamptz().nullable(),
  times: array(timestamptz()).default([]),
  data: jsonb().nullable(),
  secret: text().hidden().default('x'),
  group: () => belongsTo(Group, 'groupId'),
}) {}

class Shouting extends table('groups', { id: integer().primaryKey(), at: timestamptz() }) {
  override toJSON(): Record<string, unknown> {
    const { at, ...rest } = super.toJSON()
    return { ...rest, year: (at as Date).getUTCFullYear() }
  }
}

const { database, query } = await testDatabase([Group, Member])
await query(`insert into groups values (1, '2024-02-29 12:00:00.5Z'), (2, '0044-03-15 BC')`)
await query(
  `insert into members values (1, 1, '2024-02-29 23:59:59.999Z', '{2024-01-01 00:00Z}', '{"at": 1}', 'x'),
   (2, 1, '2024-03-01 00:00:00Z', '{}', null, 'x'), (3, 1, null, '{}', null, 'x')`,
)

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('a Date in the JSON of an entity', () => {
  it('is a Date where the program asks, and a text for JSON.stringify', async () => {
    await using session = database.session()
    const group = (await session.get(Group, 1)) as Group
    expect(group.toJSON()).toEqual({ id: 1, at: new Date('2024-02-29T12:00:00.500Z') })
    expect(group.toJSON('')).toEqual({ id: 1, at: '2024-02-29T12:00:00.500Z' })
    expect(JSON.stringify({ group })).toBe('{"group":{"id":1,"at":"2024-02-29T12:00:00.500Z"}}')
  })

  it('is what it is in relations and lists too', async () => {
    await using session = database.session()
    const groups = await session
      .find(Group)
      .options(selectinload(Group.members).options(selectinload(Member.group)))
      .orderBy((row) => row.id.asc())
      .toList()
    const list = groups as unknown as {
      toJSON(key?: string): { at: unknown; members: { at: unknown; times: unknown[] }[] }[]
    }
    const [dates] = list.toJSON()
    expect([dates?.at, dates?.members[0]?.at, dates?.members[0]?.times[0]]).toEqual([
      new Date('2024-02-29T12:00:00.500Z'),
      new Date('2024-02-29T23:59:59.999Z'),
      new Date('2024-01-01T00:00:00.000Z'),
    ])
    const [texts, ancient] = list.toJSON('')
    expect([texts?.at, texts?.members[0]?.at, texts?.members[0]?.times[0]]).toEqual([
      '2024-02-29T12:00:00.500Z',
      '2024-02-29T23:59:59.999Z',
      '2024-01-01T00:00:00.000Z',
    ])
    expect(texts?.members.map(({ at }) => at)).toEqual([
      '2024-02-29T23:59:59.999Z',
      '2024-03-01T00:00:00.000Z',
      null,
    ])
    expect(ancient?.at).toBe('-000043-03-15T00:00:00.000Z')
    expect(json(groups)).toEqual(json(list.toJSON()))
    expect(json(groups)).toEqual(list.toJSON(''))
  })

  it('is a Date for a method that overrides toJSON', async () => {
    await using session = database.session()
    const [first] = await session
      .find(Shouting)
      .orderBy((row) => row.id.asc())
      .toList()
    expect(json(first)).toEqual({ id: 1, year: 2024 })
  })
})

describe('the text of a Date', () => {
  it('is that of JSON.stringify', () => {
    const days = [0, 1, 59, 60, 365, 11016, -1, -719_528, -719_529, 2_932_896, 2_932_897]
    const times = [0, 1, 999, 59_999, 3_599_999, 43_200_000, 86_399_999]
    for (const day of days) {
      for (const time of times) {
        const date = new Date(day * 86_400_000 + time)
        expect(jsonOfDate(date)).toBe(JSON.parse(JSON.stringify(date)))
      }
    }
    expect(jsonOfDate(new Date(8.64e15))).toBe('+275760-09-13T00:00:00.000Z')
    expect(jsonOfDate(new Date(Number.NaN))).toBeNull()
  })

  it('is that of Node on each day of a cycle of the calendar', () => {
    const dayMs = 86_400_000
    const differing: string[] = []
    for (let day = Date.UTC(1599, 0, 1); day < Date.UTC(2001, 0, 1); day += dayMs) {
      const date = new Date(day + (day % 7919))
      if (jsonOfDate(date) !== date.toISOString()) differing.push(date.toISOString())
    }
    expect(differing).toEqual([])
  })

  it("is the program's own where it has changed how Dates are written", () => {
    const date = Object.assign(new Date(0), { toJSON: () => 'mine' })
    expect(JSON.stringify(jsonOfDate(date))).toBe('"mine"')
    const other = Object.assign(new Date(0), { toISOString: () => 'mine too' })
    expect(JSON.stringify(jsonOfDate(other))).toBe('"mine too"')
  })
})
