import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  bigint,
  boolean,
  type ColumnRef,
  integer,
  jsonb,
  keyOf,
  numeric,
  table,
  text,
  timestamptz,
  uuid,
} from '../../../orm/index.ts'
import { columnOf } from '../../../orm/schema/column.ts'
import { testDatabase } from '../../support/database.ts'

const id = integer().primaryKey()

const { database, query } = await testDatabase()

const emitWarning = vi.spyOn(process, 'emitWarning')
beforeEach(() => void emitWarning.mockReset().mockImplementation(() => {}))
afterAll(() => emitWarning.mockRestore())

const warnings = () => emitWarning.mock.calls.map(([message]) => String(message))
/** The differences that the one warning names. */
const differences = () => {
  expect(warnings()).toHaveLength(1)
  return [...(warnings()[0] ?? '').matchAll(/^- (.*)$/gm)].map(([, difference]) => difference)
}

describe('createSchema warns', () => {
  it('where columns of a table are missing or of another type, and how to mend it', async () => {
    await query(
      `create table users (id integer primary key, name integer not null, at timestamp not null)`,
    )
    class User extends table(
      'users',
      { id, name: text().unique(), at: timestamptz(), age: integer().nullable() },
      {
        indexes: [['age'], ['at']],
        checks: [(row: { age: ColumnRef<number | null> }) => row.age.gte(0)],
      },
    ) {}
    await database.createSchema([User])
    expect(emitWarning.mock.calls).toEqual([
      [
        [
          'The table public.users differs from the declaration of User:',
          '- column name: expected text, found integer',
          `- column at: expected ${timestamptz().spec.type.sql}, found timestamp without time zone`,
          '- column age: expected integer, found no such column',
          'createSchema() does not alter columns, and creates no constraint or index over a column that differs. Alter the table in a migration, or change the declaration of User.',
        ].join('\n'),
        { code: 'DATA_BRIDGE_SCHEMA_DIFFERS' },
      ],
    ])
    expect(await query(`select from pg_indexes where tablename = 'users'`)).toHaveLength(1)
    expect(
      await query(`select from pg_constraint where contype = 'c' and conrelid = 'users'::regclass`),
    ).toEqual([])
  })

  it('once for each table, and creates the others', async () => {
    await query(
      'create table lefts (id text primary key); create table rights (id text primary key)',
    )
    class Left extends table('lefts', { id }) {}
    class Right extends table('rights', { id }) {}
    class Middle extends table('middles', { id, leftId: integer().references(() => Left) }) {}
    await database.createSchema([Left, Middle, Right])
    expect(warnings().map((message) => message.split('\n').slice(0, 2))).toEqual([
      [
        'The table public.lefts differs from the declaration of Left:',
        '- column id: expected integer, found text',
      ],
      [
        'The table public.middles differs from the declaration of Middle:',
        '- foreign key (left_id): expected that public.lefts has a primary key or a unique constraint of its types on (id), found none, so the foreign key is not created',
      ],
      [
        'The table public.rights differs from the declaration of Right:',
        '- column id: expected integer, found text',
      ],
    ])
    expect(await query('select from middles')).toEqual([])
  })

  it('where NULL or the default differs', async () => {
    await query(
      'create table nulls (id integer primary key, a text, b text not null, c timestamptz not null)',
    )
    class Nulls extends table('nulls', {
      id: integer().primaryKey().generated(),
      a: text(),
      b: text().nullable(),
      c: timestamptz().defaultNow(),
    }) {}
    await database.createSchema([Nulls])
    expect(differences()).toEqual([
      'column id: expected a default or a generated value, found neither',
      'column a: expected NOT NULL, found that it allows NULL',
      'column b: expected that it allows NULL, found NOT NULL',
      'column c: expected a default or a generated value, found neither',
    ])
  })

  it('where the primary key is another one, or missing', async () => {
    await query(
      'create table another (id integer not null, b integer not null, primary key (id, b))',
    )
    await query('create table none (id integer not null)')
    class Another extends table('another', { id, b: integer() }) {}
    class None extends table('none', { id }) {}
    await database.createSchema([Another])
    expect(differences()).toEqual(['primary key: expected (id), found (id, b)'])
    emitWarning.mockClear()
    await database.createSchema([None])
    expect(differences()).toEqual(['primary key: expected (id), found none'])
  })

  it('where a column that is not declared makes inserts fail', async () => {
    await query(`create table more (id integer primary key, a text not null, b text not null default '',
      c text, d integer not null generated by default as identity, e integer not null generated always as (1) stored)`)
    class More extends table('more', { id }) {}
    await database.createSchema([More])
    expect(differences()).toEqual([
      'column a: expected no such column, or one with a default, found text NOT NULL without a default, so inserts fail',
    ])
  })

  it('where a foreign key has another rule', async () => {
    await query('create table parents (id integer primary key)')
    await query(
      'create table children (id integer primary key, parent_id integer not null references parents)',
    )
    class Parent extends table('parents', { id }) {}
    class Child extends table('children', {
      id,
      parentId: integer().references(() => Parent, { onDelete: 'cascade' }),
    }) {}
    await database.createSchema([Parent, Child])
    expect(differences()).toEqual([
      'foreign key (parent_id): expected on delete cascade, found on delete no action',
    ])
  })

  it('where a foreign key needs a key that is deferrable', async () => {
    await query(
      'create table deferred (id integer primary key, code text not null unique deferrable)',
    )
    class Deferred extends table('deferred', { id, code: text().unique() }) {}
    class User extends table('users_of_it', {
      id,
      code: text().references(() => keyOf(Deferred, ['code'])),
    }) {}
    await database.createSchema([Deferred, User])
    expect(differences()).toEqual([
      expect.stringContaining('foreign key (code): expected that public.deferred has'),
    ])
    const keys = await query(
      `select from pg_constraint where conrelid = 'deferred'::regclass and contype = 'u'`,
    )
    expect(keys).toHaveLength(1)
  })

  it('where an enum type lacks values, and alters nothing', async () => {
    const enumeration = { schema: 'public', name: 'mood', values: ['ok', 'sad', 'new'] }
    const moodType = { ...text().spec.type, sql: 'public.mood', cast: 'public.mood', enumeration }
    await query(`create type mood as enum ('sad', 'old', 'ok')`)
    class Mood extends table('moods', { id, mood: columnOf<string>(moodType, undefined) }) {}
    await database.createSchema([Mood])
    expect(emitWarning.mock.calls).toEqual([
      [
        [
          'The enum type public.mood differs from its declaration: expected the values ok, sad and new, found it without new.',
          'createSchema() does not alter enum types. Add the values in a migration:',
          `alter type "public"."mood" add value 'new';`,
        ].join('\n'),
        { code: 'DATA_BRIDGE_SCHEMA_DIFFERS' },
      ],
    ])
    expect(await query(`select enumlabel from pg_enum order by enumsortorder`)).toHaveLength(3)
  })

  it('where an enum column is declared as text', async () => {
    await query(
      `create type hue as enum ('red'); create table hues (id integer primary key, hue hue not null)`,
    )
    class Hue extends table('hues', { id, hue: text() }) {}
    await database.createSchema([Hue])
    expect(differences()).toEqual(['column hue: expected text, found hue'])
  })

  it('where a view lacks columns', async () => {
    await query('create view views as select 1 as id')
    class View extends table('views', { id, name: text().unique() }, { comment: 'a view' }) {}
    await database.createSchema([View])
    expect(differences()).toEqual(['column name: expected text, found no such column'])
  })
})

describe('createSchema does not warn', () => {
  it('where types have other names, other modifiers, or are domains and strings of any kind', async () => {
    await query('create extension citext')
    await query(`create domain email as varchar(100)`)
    await query(`create table alike (
      id int4 primary key, big int8 not null, price decimal(8, 3) not null, flag bool not null, at timestamptz not null,
      day timestamp(6) with time zone not null, a varchar(20) not null, b char(3) not null, c citext not null,
      d email not null, json jsonb not null, uuid uuid not null default gen_random_uuid(),
      list varchar(10)[] not null)`)
    const listType = { ...text().spec.type, sql: 'text[]', cast: 'text[]' }
    const dayType = { ...timestamptz().spec.type, sql: 'timestamp(3) with time zone' }
    class Alike extends table('alike', {
      id,
      big: bigint(),
      price: numeric({ precision: 6, scale: 2 }),
      flag: boolean(),
      at: columnOf<Date>(dayType, undefined),
      day: timestamptz(),
      a: text(),
      b: text(),
      c: text(),
      d: text(),
      json: jsonb(),
      uuid: uuid().generated(),
      list: columnOf<string>(listType, undefined),
    }) {}
    await database.createSchema([Alike])
    expect(warnings()).toEqual([])
  })

  it('for an identity column that is declared as nullable', async () => {
    class Counter extends table('counters', { id, no: integer().generated().nullable() }) {}
    await database.createSchema([Counter])
    await database.createSchema([Counter])
    expect(warnings()).toEqual([])
  })

  it('where a partitioned table or a materialized view serves', async () => {
    await query(
      `create table parts (id integer not null, primary key (id)) partition by range (id)`,
    )
    await query(`create materialized view stored as select 1 as id`)
    class Part extends table('parts', { id }) {}
    class Stored extends table('stored', { id }) {}
    await database.createSchema([Part, Stored])
    expect(warnings()).toEqual([])
  })
})
