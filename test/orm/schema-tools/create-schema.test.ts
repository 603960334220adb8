import { describe, expect, it } from 'vitest'
import {
  bigint,
  boolean,
  Database,
  double,
  integer,
  jsonb,
  numeric,
  table,
  text,
  timestamptz,
  uuid,
} from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, user, User } from '../../support/entities.ts'

const id = integer().primaryKey().generated()

class Everything extends table('everything', {
  id: bigint().primaryKey().generated(),
  int: integer('an int').default(-5),
  text: text().unique().default(`it's a \\ "default"`),
  hidden: text().hidden().nullable(),
  bool: boolean().default(false),
  double: double().default(-1.5e-7),
  numeric: numeric({ precision: 6, scale: 2 }).default('12.50'),
  exact: numeric({ precision: 6 }).nullable(),
  json: jsonb<{ a: string }>().default({ a: `it's` }),
  at: timestamptz().default(new Date('2020-02-29T12:00:00.123Z')),
  now: timestamptz().defaultNow(),
  uuid: uuid().generated(),
}) {}

// Each refers to the other, and one to itself.
class Hen extends table('hens', {
  id,
  eggId: integer()
    .nullable()
    .references(() => Egg),
  rivalId: integer()
    .nullable()
    .references(() => Hen, { onDelete: 'set null' }),
}) {}
class Egg extends table('eggs', { id, henId: integer().references(() => Hen) }) {}

const long = 'a_very_long_name_which_takes_all_of_the_space_that_there_is_for'
class Long extends table(long, { id, [long]: integer(long).nullable(), ...twins() }) {}
function twins() {
  return {
    one: integer(`${long.slice(0, -1)}1`)
      .nullable()
      .references(() => Long),
    two: integer(`${long.slice(0, -1)}2`)
      .nullable()
      .references(() => Long),
  }
}

const { database, query, url } = await testDatabase()

const foreignKeys = () =>
  query<{ name: string }>(
    `select conname as name from pg_constraint where contype = 'f' order by 1`,
  )
const indexes = () =>
  query<{ name: string }>(
    `select indexname as name from pg_indexes where schemaname = 'public' and indexname like '%idx' order by 1`,
  )
const columns = (name: string) =>
  query(
    `select attname as name, format_type(atttypid, atttypmod) as type, not attnotnull as nullable,
       case when attidentity <> '' then 'identity' else pg_get_expr(adbin, adrelid) end as default
     from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
     where attrelid = $1::regclass and attnum > 0 order by attnum`,
    [`"${name}"`],
  )

describe('createSchema', () => {
  it('creates columns with their types, defaults and constraints', async () => {
    await database.createSchema([Everything])
    const rows = await columns('everything')
    const column = (name: string, type: string, fallback: string | null, nullable = false) => ({
      name,
      type,
      default: fallback,
      nullable,
    })
    expect(rows).toEqual([
      column('id', 'bigint', 'identity'),
      column('an int', 'integer', `'-5'::integer`),
      column('text', 'text', String.raw`'it''s a \ "default"'::text`),
      column('hidden', 'text', null, true),
      column('bool', 'boolean', 'false'),
      column('double', 'double precision', `'-1.5e-07'::double precision`),
      column('numeric', 'numeric(6,2)', '12.50'),
      column('exact', 'numeric(6,0)', null, true),
      column('json', 'jsonb', `'{"a": "it''s"}'::jsonb`),
      column('at', timestamptz().spec.type.sql, expect.stringContaining('2020-02-29') as never),
      column('now', timestamptz().spec.type.sql, 'now()'),
      column('uuid', 'uuid', 'gen_random_uuid()'),
    ])
    await query('insert into everything default values')
    const [row] = await database.run((session) => session.find(Everything).toList())
    expect(row).toMatchObject(
      Object.fromEntries(
        Object.entries(new Everything({})).filter(([, value]) => value !== undefined),
      ),
    )
    await expect(query('insert into everything default values')).rejects.toMatchObject({
      constraint: 'everything_text_key',
    })
  })

  it('creates foreign keys with their rules, and an index for each', async () => {
    await database.createSchema([Comment, Post, User])
    expect(await foreignKeys()).toEqual([
      { name: 'comments_post_id_fkey' },
      { name: 'posts_author_id_fkey' },
    ])
    expect(await indexes()).toEqual([
      { name: 'comments_post_id_idx' },
      { name: 'posts_author_id_idx' },
    ])
    await database.run((session) =>
      session.add(new Comment({ body: 'B', post: new Post({ title: 'T', author: user('ann') }) })),
    )
    await query('delete from posts')
    expect(await query('select from comments')).toEqual([])
  })

  it('is done again without harm, and leaves data and strange columns alone', async () => {
    await query('alter table users add column extra text')
    await query('alter table posts drop constraint posts_author_id_fkey')
    await database.createSchema(blog)
    await database.createSchema(blog)
    expect(await foreignKeys()).toHaveLength(2)
    expect(await query('select name, extra from users')).toEqual([{ name: 'ann', extra: null }])
    expect(await database.run((session) => session.find(User).count())).toBe(1)
  })

  it('creates tables that refer to each other and to themselves', async () => {
    await database.createSchema([Hen, Egg])
    const keys = await query(
      `select conname as name, confdeltype as rule from pg_constraint
       where contype = 'f' and conrelid in ('hens'::regclass, 'eggs'::regclass) order by 1`,
    )
    expect(keys).toEqual([
      { name: 'eggs_hen_id_fkey', rule: 'a' },
      { name: 'hens_egg_id_fkey', rule: 'a' },
      { name: 'hens_rival_id_fkey', rule: 'n' },
    ])
  })

  it('gives names of their own to constraints and indexes of long names', async () => {
    await database.createSchema([Long])
    await database.createSchema([Long])
    const names = [...(await foreignKeys()), ...(await indexes())]
      .map(({ name }) => name)
      .filter((name) => name.startsWith('a_very'))
    expect(names).toHaveLength(4)
    expect(new Set(names).size).toBe(4)
    expect(names.every((name) => name.length <= 63)).toBe(true)
  })

  it('can be called by several processes at the same time', async () => {
    await query('drop table comments, posts, users')
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        await using own = new Database({ connectionString: url, tables: blog })
        await own.createSchema()
      }),
    )
    expect(await database.run((session) => session.find(User).count())).toBe(0)
  })

  it('creates all or nothing', async () => {
    await query('create view broken_name_key as select 1')
    class Fine extends table('fine', { id }) {}
    class Broken extends table('broken', { id, name: text().unique() }) {}
    await expect(database.createSchema([Fine, Broken])).rejects.toMatchObject({
      sqlState: '42P07',
      details: expect.stringContaining('could not create the table public.broken') as string,
    })
    expect(await query(`select from pg_tables where tablename in ('fine', 'broken')`)).toEqual([])
  })

  it('works in the schema of the connection, whatever its name', async () => {
    await using admin = await connect(url)
    await admin.query('create schema "My Schema"')
    const options = '-c search_path="My\\ Schema"'
    await using own = new Database({ connectionString: url, options, tables: blog })
    await own.createSchema()
    await own.createSchema()
    expect(await query(`select from pg_tables where schemaname = 'My Schema'`)).toHaveLength(3)
    await own.run((session) => session.add(user('there')))
    expect(await query('select name from "My Schema".users')).toEqual([{ name: 'there' }])
  })
})
