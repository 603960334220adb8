import { beforeAll, describe, expect, it } from 'vitest'
import {
  type AnyEntityClass,
  belongsTo,
  char,
  citext,
  hasMany,
  hasOne,
  integer,
  manyToMany,
  table,
  text,
  varchar,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { bothWays, countOrLabel, selected } from './both-ways.ts'

const { database, query } = await testDatabase()

// The types of a key, and of the columns that refer to it. They are declared as they are in the database.
const pairs = {
  text_citext: [text, citext],
  varchar_citext: [varchar, citext],
  citext_text: [citext, text],
  text_varchar: [text, () => varchar({ length: 6 })],
  text_char: [text, () => char({ length: 6 })],
  citext_char: [citext, () => char({ length: 6 })],
} as const

function entitiesOf(name: string, [key, reference]: (typeof pairs)[keyof typeof pairs]) {
  class Owner extends table(`${name}_owners`, {
    code: key().primaryKey(),
    label: text(),
    rows: () => hasMany(Item, 'code'),
    one: () => hasOne(Item, 'code'),
    linked: () => manyToMany(Item, { through: Link, from: 'code', to: 'itemId' }),
  }) {}
  class Item extends table(`${name}_items`, {
    id: integer().primaryKey(),
    code: reference(),
    label: text(),
    owner: () => belongsTo(Owner, 'code'),
  }) {}
  class Link extends table(`${name}_links`, {
    code: reference().primaryKey(),
    itemId: integer().primaryKey(),
  }) {}
  return { Owner, Item, Link }
}

const entities = Object.entries(pairs).map(([name, pair]) => ({ name, ...entitiesOf(name, pair) }))

beforeAll(async () => {
  await query('create extension citext')
  for (const { name, Owner, Item, Link } of entities) {
    await database.createSchema([Owner, Item, Link])
    await query(
      `insert into ${name}_owners values ('Bergen', 'o1'), ('Oslo', 'o2'), ('Rome ', 'o3')`,
    )
    await query(
      `insert into ${name}_items values (1, 'Bergen', 'i1'), (2, 'BERGEN', 'i2'), (3, 'Oslo', 'i3'), (4, 'Rome', 'i4')`,
    )
    await query(`insert into ${name}_links values ('Bergen', 1), ('OSLO', 3), ('Rome', 4)`)
  }
})

/** What a relation leads to where it is loaded, and where it is counted or joined. */
async function bothOf(entity: AnyEntityClass, relation: string) {
  const labels = await bothWays(database, entity, relation)
  expect(labels.flat().some((label) => label !== null)).toBe(true)
  return { loaded: labels.map(countOrLabel), read: await selected(database, entity, relation) }
}

describe.each(entities)('a key of another text type: $name', ({ Owner }) => {
  it.each(['rows', 'one', 'linked'])(
    'has the same rows counted, joined and loaded: %s',
    async (relation) => {
      const { loaded, read } = await bothOf(Owner, relation)
      expect(read).toEqual(loaded)
    },
  )

  it('has the same rows in a filter', async () => {
    const lists = await bothWays(database, Owner, 'rows')
    for (const item of ['i1', 'i2', 'i3', 'i4']) {
      const found = await database.run((session) =>
        session
          .find(Owner)
          .filter((row) => row.rows.any((each) => each.label.eq(item)))
          .orderBy((row) => row.label.asc())
          .toList(),
      )
      const expected = ['o1', 'o2', 'o3'].filter((_, index) => lists[index]?.includes(item))
      expect(found.map(({ label }) => label)).toEqual(expected)
    }
  })
})

// Without those of char: a loader sends their text with its padding, which means something in the other types.
describe.each(entities.slice(0, 4))('what refers to it: $name', ({ Item }) => {
  it('has the same row joined and loaded', async () => {
    const { loaded, read } = await bothOf(Item, 'owner')
    expect(read).toEqual(loaded)
  })
})
