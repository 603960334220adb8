import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  and,
  type AnyEntityClass,
  type ColumnRef,
  Database,
  integer,
  keyOf,
  sql,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { columnOf } from '../../../orm/schema/column.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { constraintsOf, indexesOf, stateOf } from './made-objects.ts'

const id = integer().primaryKey().generated()
const nullable = (target: () => AnyEntityClass) => integer().nullable().references(target)

const { database, query, url } = await testDatabase()
const warn = vi.spyOn(process, 'emitWarning')

beforeAll(() => void warn.mockImplementation(() => {}))
beforeEach(() => void warn.mockClear())
afterAll(() => warn.mockRestore())

const state = () => stateOf(query)
const constraints = (name: string) => constraintsOf(query, name)
const indexes = (name: string) => indexesOf(query, name)

class Account extends table('accounts', { id, email: text().unique() }, { schema: 'auth' }) {}
class Follow extends table(
  'follows',
  {
    followerId: integer()
      .primaryKey()
      .references(() => Account),
    followeeId: integer()
      .primaryKey()
      .references(() => Account, { onDelete: 'cascade' }),
    createdAt: timestamptz().defaultNow(),
  },
  {
    unique: [['followeeId', 'createdAt']],
    indexes: [['createdAt', 'followerId'], ['followeeId']],
    comment: "who follows whom: it's 100 % \\ sure",
  },
) {}

class Line extends table(
  'lines',
  {
    orderId: integer().primaryKey(),
    no: integer().primaryKey(),
    code: text().unique(),
    previousOrderId: integer().nullable(),
    previousNo: integer().nullable(),
  },
  {
    schema: 'sales',
    unique: [['no', 'code']],
    foreignKeys: [
      {
        columns: ['previousOrderId', 'previousNo'],
        references: () => keyOf(Line),
        onDelete: 'set null',
      },
    ],
  },
) {}
class Delivery extends table(
  'deliveries',
  {
    id,
    no: integer(),
    code: text(),
    note: text().references(() => keyOf(Line, ['code'])),
    returnId: integer()
      .nullable()
      .references(() => Return),
  },
  {
    foreignKeys: [{ columns: ['no', 'code'], references: () => keyOf(Line, ['no', 'code']) }],
    indexes: [['code', 'no', 'id']],
  },
) {}
class Return extends table(
  'returns',
  { id, deliveryId: nullable(() => Delivery) },
  { schema: 'sales' },
) {}

class Checked extends table(
  'checked',
  {
    id,
    age: integer(),
    name: text(),
  },
  {
    checks: [
      (row: { age: ColumnRef<number> }) => row.age.gte(0),
      (row: { name: ColumnRef<string> }) => row.name.ne(`it's a \\ "name"\n`),
      (row: { age: ColumnRef<number>; name: ColumnRef<string> }) =>
        and(row.age.lt(200), row.name.ne('')),
      (row: { age: ColumnRef<number>; name: ColumnRef<string> }) =>
        sql`length(${row.name}) < ${row.age} + ${99}`,
      (row: { age: ColumnRef<number> }) => row.age.ne(13),
    ],
  },
) {}
class Named extends table(
  'named',
  { id, age: integer() },
  {
    checks: { 'of age': (row: { age: ColumnRef<number> }) => row.age.in([18, 19]) },
  },
) {}

const mood = { schema: undefined, name: 'Mood', values: ['ok', "it's", 'back\\slash'] }
const moodType = Object.freeze({
  ...text().spec.type,
  sql: '"Mood"',
  cast: '"Mood"',
  enumeration: mood,
})
const publicMoodType = { ...moodType, enumeration: { ...mood, schema: 'public' } }
const roleType = Object.freeze({
  ...text().spec.type,
  sql: 'auth.role[]',
  cast: 'auth.role[]',
  enumeration: { schema: 'auth', name: 'role', values: ['admin', 'user'] },
})
class Person extends table('people', {
  id,
  mood: columnOf<string>(moodType, undefined).default("it's"),
  other: columnOf<string>(publicMoodType, undefined).nullable(),
  roles: columnOf<string>(roleType, undefined).default('{admin}'),
}) {}

const all = [Delivery, Return, Follow, Account, Line, Checked, Named, Person]

describe('createSchema', () => {
  it('creates all that tables declare, and changes nothing when it is called again', async () => {
    await database.createSchema(all)
    const before = await state()
    await database.createSchema([...all, ...all].toReversed())
    expect(await state()).toEqual(before)
    expect(warn).not.toHaveBeenCalled()
  })

  it('creates tables in schemas, which it creates too', async () => {
    const rows = await query(
      `select schemaname || '.' || tablename as name from pg_tables where schemaname in ('auth', 'sales') order by 1`,
    )
    expect(rows.map(({ name }) => name)).toEqual(['auth.accounts', 'sales.lines', 'sales.returns'])
  })

  it('creates composite primary keys, unique constraints and foreign keys with the names of PostgreSQL', async () => {
    expect(await constraints('follows')).toEqual({
      follows_pkey: 'PRIMARY KEY (follower_id, followee_id)',
      follows_followee_id_created_at_key: 'UNIQUE (followee_id, created_at)',
      follows_follower_id_fkey: 'FOREIGN KEY (follower_id) REFERENCES auth.accounts(id)',
      follows_followee_id_fkey:
        'FOREIGN KEY (followee_id) REFERENCES auth.accounts(id) ON DELETE CASCADE',
    })
    expect(await constraints('sales.lines')).toEqual({
      lines_pkey: 'PRIMARY KEY (order_id, no)',
      lines_code_key: 'UNIQUE (code)',
      lines_no_code_key: 'UNIQUE (no, code)',
      lines_previous_order_id_previous_no_fkey:
        'FOREIGN KEY (previous_order_id, previous_no) REFERENCES sales.lines(order_id, no) ON DELETE SET NULL',
    })
  })

  it('creates foreign keys to unique columns, to other schemas and in a circle', async () => {
    expect(await constraints('deliveries')).toEqual({
      deliveries_pkey: 'PRIMARY KEY (id)',
      deliveries_note_fkey: 'FOREIGN KEY (note) REFERENCES sales.lines(code)',
      deliveries_no_code_fkey: 'FOREIGN KEY (no, code) REFERENCES sales.lines(no, code)',
      deliveries_return_id_fkey: 'FOREIGN KEY (return_id) REFERENCES sales.returns(id)',
    })
    expect(await constraints('sales.returns')).toMatchObject({
      returns_delivery_id_fkey: 'FOREIGN KEY (delivery_id) REFERENCES deliveries(id)',
    })
  })

  it('creates indexes, and one for each foreign key that no other index begins with', async () => {
    expect(await indexes('follows')).toEqual({
      follows_created_at_follower_id_idx: '(created_at, follower_id)',
      follows_followee_id_idx: '(followee_id)',
    })
    expect(await indexes('deliveries')).toEqual({
      deliveries_code_no_id_idx: '(code, no, id)',
      deliveries_note_idx: '(note)',
      deliveries_return_id_idx: '(return_id)',
    })
    expect(await indexes('sales.lines')).toEqual({
      'sales.lines_previous_order_id_previous_no_idx': '(previous_order_id, previous_no)',
    })
  })

  it('creates checks, named as PostgreSQL names them', async () => {
    expect(Object.keys(await constraints('checked'))).toEqual([
      'checked_age_check',
      'checked_age_check1',
      'checked_check',
      'checked_check1',
      'checked_name_check',
      'checked_pkey',
    ])
    const insert = (age: number, name: string) =>
      query('insert into checked (age, name) values ($1, $2)', [age, name])
    await insert(5, 'Ann')
    for (const [age, name, constraint] of [
      [-1, 'Ann', 'checked_age_check'],
      [5, `it's a \\ "name"\n`, 'checked_name_check'],
      [200, 'Ann', 'checked_check'],
      [5, 'x'.repeat(104), 'checked_check1'],
      [13, 'Ann', 'checked_age_check1'],
    ] as const)
      await expect(insert(age, name)).rejects.toMatchObject({ constraint })
    expect(Object.keys(await constraints('named'))).toEqual(['named_pkey', 'of age'])
  })

  it('creates comments and enum types', async () => {
    const [comment] = await query(`select obj_description('follows'::regclass, 'pg_class') as text`)
    expect(comment?.['text']).toBe("who follows whom: it's 100 % \\ sure")
    await query(`insert into people (other) values ($1)`, ['back\\slash'])
    expect(await query('select mood::text, other::text, roles::text from people')).toEqual([
      { mood: "it's", other: 'back\\slash', roles: '{admin}' },
    ])
  })

  it('adds what an existing table lacks, in every schema', async () => {
    const before = (await state()).map(({ kind, name }) => ({ kind, name }))
    await query(`alter table sales.lines drop constraint lines_code_key cascade`)
    await query(`alter table sales.lines drop constraint lines_previous_order_id_previous_no_fkey`)
    await query(`alter table checked drop constraint checked_check1`)
    await query(`drop index sales.lines_previous_order_id_previous_no_idx`)
    await query(`drop index follows_created_at_follower_id_idx`)
    await query(`comment on table follows is null`)
    await database.createSchema(all)
    expect((await state()).map(({ kind, name }) => ({ kind, name }))).toEqual(before)
    expect(warn).not.toHaveBeenCalled()
  })

  it('takes the constraints and indexes of a migration for its own, whatever their names', async () => {
    await query(`alter table sales.lines rename constraint lines_no_code_key to migrated_unique`)
    await query(`alter table follows rename constraint follows_follower_id_fkey to migrated_key`)
    await query(`alter index follows_created_at_follower_id_idx rename to migrated_index`)
    await query(`drop index deliveries_note_idx`)
    await query(`create index migrated_longer_index on deliveries (note, id)`)
    const before = await state()
    await database.createSchema(all)
    expect(await state()).toEqual(before)
  })

  it('creates extensions that types need', async () => {
    const citext = Object.freeze({
      ...text().spec.type,
      sql: 'citext',
      cast: 'citext',
      extension: 'citext',
    })
    class Tag extends table('tags', { name: columnOf<string>(citext, undefined).primaryKey() }) {}
    await database.createSchema([Tag])
    await database.createSchema([Tag])
    expect(await query(`select from pg_extension where extname = 'citext'`)).toHaveLength(1)
    expect(warn).not.toHaveBeenCalled()
  })

  it('creates a table once that two entities declare alike', async () => {
    class One extends table('shared', { id, name: text().unique() }) {}
    class Two extends table(
      'shared',
      { name: text().unique(), id },
      { schema: 'public', indexes: [['name', 'id']] },
    ) {}
    await database.createSchema([One, Two])
    expect(Object.keys(await constraints('shared'))).toEqual(['shared_name_key', 'shared_pkey'])
    expect(await indexes('shared')).toEqual({ shared_name_id_idx: '(name, id)' })
  })

  it('needs no privilege where nothing is missing', async () => {
    await using admin = await connect(url)
    const role = `reader_${process.pid}_${Date.now()}`
    await admin.query(`create role ${role} login password 'reader'`)
    await admin.query(`grant usage on schema auth, sales to ${role}`)
    const reader = new URL(url)
    reader.username = role
    reader.password = 'reader'
    await using own = new Database({ connectionString: reader.href })
    await expect(own.createSchema(all)).resolves.toBeUndefined()
    await admin.query(`drop owned by ${role}`)
    await admin.query(`drop role ${role}`)
  })
})
