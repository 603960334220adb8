import { beforeAll, describe, expect, it } from 'vitest'
import {
  type AnyEntityClass,
  array,
  belongsTo,
  bigint,
  boolean,
  bytea,
  char,
  citext,
  custom,
  date,
  double,
  enumeration,
  hasMany,
  hasOne,
  inet,
  integer,
  interval,
  manyToMany,
  numeric,
  real,
  smallint,
  table,
  text,
  time,
  timestamp,
  timestamptz,
  uuid,
  varchar,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { bothWays, countOrLabel, type Labels, selected } from './both-ways.ts'

const { database, query } = await testDatabase()

/** A key that one table has and another refers to. */
interface Case {
  /** How both columns are declared. */
  readonly declared: () => unknown
  /** The types that they have in the database. */
  readonly key: string
  readonly reference?: string
  readonly keys: readonly string[]
  readonly references: readonly string[]
  /** How many pairs of both PostgreSQL finds equal. */
  readonly pairs: number
}

const words = ['Oslo', 'Bergen', 'x,"}\\']
const otherWords = ['OSLO', 'oslo', 'BERGEN', 'X,"}\\', 'Rome']
const bothCases = ['Oslo', 'OSLO', 'NULL', '']
const ignoring = 'text collate ignoring_case'
const uuids = ['0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f', '0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e50']
const moments = ['2020-01-01 00:00:00.123456+00', '2020-01-01 00:00:00.123457+00', '0044-03-15 BC']
const numbers = { keys: ['1', '-2', '3'], references: ['1', '1', '-2', '4'], pairs: 3 }
const large = {
  keys: ['9007199254740993', '-1'],
  references: ['9007199254740993', '9007199254740992'],
  pairs: 1,
}

const cases: Readonly<Record<string, Case>> = {
  citext: { declared: citext, key: 'citext', keys: words, references: otherWords, pairs: 4 },
  citext_as_text: { declared: text, key: 'citext', keys: words, references: otherWords, pairs: 4 },
  citext_by_text: {
    declared: text,
    key: 'text',
    reference: 'citext',
    keys: bothCases,
    references: ['oslo', 'OSLO', 'Null', '', ' '],
    pairs: 6,
  },
  citext_by_text_as_citext: {
    declared: citext,
    key: 'text',
    reference: 'citext',
    keys: bothCases,
    references: ['oslo', 'OSLO', 'Null', '', ' '],
    pairs: 6,
  },
  collation: { declared: text, key: ignoring, keys: words, references: otherWords, pairs: 4 },
  collation_by_text: {
    declared: varchar,
    key: 'text',
    reference: ignoring,
    keys: bothCases,
    references: ['oslo', 'OSLO', 'Null', '', ' '],
    pairs: 6,
  },
  text: { declared: text, key: 'text', keys: words, references: [...words, 'OSLO'], pairs: 3 },
  varchar: {
    declared: varchar,
    key: 'text',
    reference: 'varchar(4)',
    keys: ['Oslo', 'Oslo longer'],
    references: ['Oslo', 'Osl'],
    pairs: 1,
  },
  domain: {
    declared: text,
    key: 'text',
    reference: 'short_code',
    keys: ['Oslo', 'longer than the domain takes'],
    references: ['Oslo', 'Osl'],
    pairs: 1,
  },
  char: {
    declared: () => char({ length: 5 }),
    key: 'char(5)',
    reference: 'char(8)',
    keys: ['ab', 'abc'],
    references: ['ab', 'ab   ', 'abcd'],
    pairs: 2,
  },
  char_as_text: {
    declared: text,
    key: 'char(5)',
    keys: ['ab', 'abc'],
    references: ['ab', 'ab   ', 'abcd'],
    pairs: 2,
  },
  numeric: {
    declared: numeric,
    key: 'numeric',
    keys: ['1.0', '2', '1e3', 'NaN'],
    references: ['1.00', '1', '2.000', '1000.0', 'NaN', '3'],
    pairs: 5,
  },
  double: { declared: double, key: 'double precision', ...numbers },
  real: { declared: real, key: 'real', ...numbers },
  smallint: { declared: smallint, key: 'smallint', ...numbers },
  integer: { declared: integer, key: 'integer', ...numbers },
  integer_in_bigint: { declared: integer, key: 'integer', reference: 'bigint', ...numbers },
  bigint_text: { declared: bigint, key: 'bigint', ...large },
  bigint_number: { declared: () => bigint({ mode: 'number' }), key: 'bigint', ...numbers },
  bigint_bigint: { declared: () => bigint({ mode: 'bigint' }), key: 'bigint', ...large },
  boolean: {
    declared: boolean,
    key: 'boolean',
    keys: ['t', 'f'],
    references: ['t', 't', 'f'],
    pairs: 3,
  },
  timestamptz: {
    declared: timestamptz,
    key: 'timestamptz',
    keys: moments,
    references: [...moments, '2020-01-01 01:00:00.123457+01', '2020-01-01 00:00:00.123458+00'],
    pairs: 4,
  },
  timestamp: {
    declared: timestamp,
    key: 'timestamp',
    keys: ['2020-01-01 00:00:00.123456', '2020-01-01 00:00:00.123457'],
    references: ['2020-01-01 00:00:00.123456', '2020-01-01 00:00:00.1234'],
    pairs: 1,
  },
  date: {
    declared: date,
    key: 'date',
    keys: ['2024-02-29', '0044-03-15 BC'],
    references: ['2024-02-29', '2024-03-01', '0044-03-15 BC'],
    pairs: 2,
  },
  time: {
    declared: time,
    key: 'time',
    keys: ['09:30:00', '09:30:00.5'],
    references: ['09:30', '09:30:00.50', '10:00'],
    pairs: 2,
  },
  interval: {
    declared: interval,
    key: 'interval',
    keys: ['1 day', '1 hour'],
    references: ['24:00:00', '60 minutes', '2 hours'],
    pairs: 2,
  },
  uuid: {
    declared: uuid,
    key: 'uuid',
    keys: uuids,
    references: uuids.map((each) => each.toUpperCase()),
    pairs: 2,
  },
  uuid_in_text: { declared: uuid, key: 'text', keys: uuids, references: uuids, pairs: 2 },
  enumeration: {
    declared: () => enumeration('mood', ['ok', 'sad']),
    key: 'mood',
    keys: ['ok', 'sad'],
    references: ['ok', 'ok'],
    pairs: 2,
  },
  enumeration_as_text: {
    declared: text,
    key: 'mood',
    keys: ['ok', 'sad'],
    references: ['ok', 'ok'],
    pairs: 2,
  },
  bytea: {
    declared: bytea,
    key: 'bytea',
    keys: ['\\x00ff', '\\x'],
    references: ['\\x00FF', '\\x01', '\\x'],
    pairs: 2,
  },
  inet: {
    declared: inet,
    key: 'inet',
    keys: ['10.0.0.1', '::1'],
    references: ['10.0.0.1/32', '0::1', '10.0.0.2'],
    pairs: 2,
  },
  array: {
    declared: () => array(integer()),
    key: 'integer[]',
    keys: ['{1,2}', '{}'],
    references: ['{1,2}', '{2,1}', '{}'],
    pairs: 2,
  },
  custom: {
    declared: () => custom({ sql: 'macaddr', decode: String, encode: String }),
    key: 'macaddr',
    keys: ['08:00:2b:01:02:03'],
    references: ['08002b:010203', '08:00:2b:01:02:04'],
    pairs: 1,
  },
}

type TextColumn = ReturnType<typeof text>

function entitiesOf(name: string, declared: Case['declared']) {
  const column = (): TextColumn => declared() as TextColumn
  class Owner extends table(`${name}_owners`, {
    code: column().primaryKey(),
    label: text(),
    rows: () => hasMany(Item, 'code'),
    one: () => hasOne(Item, 'code'),
    linked: () => manyToMany(Item, { through: Link, from: 'code', to: 'itemId' }),
  }) {}
  class Item extends table(`${name}_items`, {
    id: integer().primaryKey(),
    code: column(),
    label: text(),
    owner: () => belongsTo(Owner, 'code'),
    owners: () => manyToMany(Owner, { through: Link, from: 'itemId', to: 'code' }),
  }) {}
  class Link extends table(`${name}_links`, {
    code: column().primaryKey(),
    itemId: integer()
      .primaryKey()
      .references(() => Item),
  }) {}
  return { Owner, Item }
}

async function create(name: string, each: Case): Promise<void> {
  const { key, reference = key, keys, references } = each
  await query(`create table ${name}_owners (code ${key} primary key, label text)`)
  await query(`create table ${name}_items (id integer primary key, code ${reference}, label text)`)
  await query(`create table ${name}_links (code ${reference}, item_id integer)`)
  const [ofKey, ofReference] = [key, reference].map(withoutCollation)
  for (const [index, text] of keys.entries())
    await query(`insert into ${name}_owners values ($1::text::${ofKey}, $2)`, [text, `o${index}`])
  for (const [index, text] of references.entries()) {
    const value = `$1::text::${ofReference}`
    await query(`insert into ${name}_items values ($2, ${value}, $3)`, [text, index, `r${index}`])
    // Twice, as tables of others may have it.
    for (const item of [index, index, 0])
      await query(`insert into ${name}_links values (${value}, $2)`, [text, item])
  }
}

function withoutCollation(type: string): string {
  return type.replace(/ collate .*/, '')
}

interface Search {
  /** The table whose rows are looked at, in the order of their keys, and the column that is given. */
  readonly from: string
  readonly given: 'code' | 'id'
  readonly to: string
  readonly where: string
}

/** What PostgreSQL itself finds for each row of one table in the other, by a parameter without a type. */
async function found({ from, given, to, where }: Search): Promise<string[][]> {
  const key = from.endsWith('_items') ? 'id' : 'code'
  const order = to.endsWith('_items') ? 'id' : 'code'
  const rows = await query<{ given: string }>(
    `select ${given}::text as given from ${from} order by ${key}`,
  )
  const lists: string[][] = []
  for (const row of rows) {
    const labels = await query<{ label: string }>(
      `select label from ${to} as t where ${where} order by ${order}`,
      [row.given],
    )
    lists.push(labels.map(({ label }) => label))
  }
  return lists
}

const firsts = (lists: readonly (readonly string[])[]): Labels[] =>
  lists.map(([first]) => first ?? null)

beforeAll(async () => {
  await query('create extension citext')
  await query(
    `create collation ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  )
  await query('create domain short_code as text check (length(value) <= 4)')
  await query(`create type mood as enum ('ok', 'sad')`)
})

describe.each(Object.entries(cases))('a key of the type %s', (name, each) => {
  const { Owner, Item } = entitiesOf(name, each.declared)
  const [owners, items, links] = [`${name}_owners`, `${name}_items`, `${name}_links`]
  const both = async (entity: AnyEntityClass, relation: string): Promise<readonly Labels[]> => {
    // PostgreSQL compares columns of two types, such as text and citext, by other rules than a parameter.
    const isOneType = each.reference === undefined
    const labels = await bothWays(database, entity, relation, isOneType)
    if (!isOneType) return labels
    expect(await selected(database, entity, relation)).toEqual(labels.map(countOrLabel))
    return labels
  }

  beforeAll(() => create(name, each))

  it('finds the rows that refer to it, lazily and eagerly', async () => {
    const lists = await found({ from: owners, given: 'code', to: items, where: 't.code = $1' })
    expect(lists.flat()).toHaveLength(each.pairs)
    expect(await both(Owner, 'rows')).toEqual(lists)
    expect(await both(Owner, 'one')).toEqual(firsts(lists))
  })

  it('is found by the rows that refer to it', async () => {
    const lists = await found({ from: items, given: 'code', to: owners, where: 't.code = $1' })
    expect(lists.flat().length).toBeGreaterThan(0)
    expect(await both(Item, 'owner')).toEqual(firsts(lists))
  })

  it('is found in a table between, each row once', async () => {
    const where = `t.id in (select item_id from ${links} where code = $1)`
    const lists = await found({ from: owners, given: 'code', to: items, where })
    expect(lists.flat().length).toBeGreaterThan(0)
    expect(await both(Owner, 'linked')).toEqual(lists)
  })

  it('is what a table between leads to, each row once', async () => {
    const where = `exists (select from ${links} as l where item_id = $1 and l.code = t.code)`
    const lists = await found({ from: items, given: 'id', to: owners, where })
    expect(lists.flat().length).toBeGreaterThan(0)
    expect(await both(Item, 'owners')).toEqual(lists)
  })
})
