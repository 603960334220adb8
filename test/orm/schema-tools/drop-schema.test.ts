import { describe, expect, it } from 'vitest'
import { type AnyEntityClass, Database, integer, table, text } from '../../../orm/index.ts'
import { columnOf } from '../../../orm/schema/column.ts'
import { testDatabase } from '../../support/database.ts'
import { coded, failure } from '../../support/failure.ts'

const id = integer().primaryKey().generated()
const enumeration = { schema: 'zoo', name: 'mood', values: ['ok', 'sad'] }
const moodType = { ...text().spec.type, sql: 'zoo.mood', cast: 'zoo.mood', enumeration }

class Hen extends table(
  'hens',
  {
    id,
    eggId: integer()
      .nullable()
      .references(() => Egg),
  },
  { schema: 'zoo' },
) {}
class Egg extends table('eggs', {
  id,
  henId: integer().references(() => Hen),
  mood: columnOf<string>(moodType, undefined),
}) {}
class Nest extends table(
  'nests',
  { id, mood: columnOf<string>(moodType, undefined), hens: integer() },
  { indexes: [['hens']] },
) {}
const all = [Hen, Egg, Nest]

const { database, query, url } = await testDatabase()

const tables = async () => {
  const rows = await query(
    `select schemaname || '.' || tablename as name from pg_tables where schemaname in ('zoo', 'public') order by 1`,
  )
  return rows.map(({ name }) => name)
}
const types = () => query(`select typname from pg_type where typtype = 'e'`)

describe('dropSchema', () => {
  it('drops tables that refer to each other, and their types, but no schema', async () => {
    await database.createSchema(all)
    await query('create table others (id integer)')
    await database.dropSchema(all)
    expect(await tables()).toEqual(['public.others'])
    expect(await types()).toEqual([])
    expect(await query(`select from pg_namespace where nspname = 'zoo'`)).toHaveLength(1)
  })

  it('does nothing where nothing is left, and takes the option tables', async () => {
    await using own = new Database({ connectionString: url, tables: all })
    await own.dropSchema()
    await own.createSchema()
    await own.dropSchema()
    await own.dropSchema()
    expect(await tables()).toEqual(['public.others'])
  })

  it('keeps a type that another table uses', async () => {
    await database.createSchema(all)
    await database.dropSchema([Hen, Egg])
    expect(await tables()).toEqual(['public.nests', 'public.others'])
    expect(await types()).toHaveLength(1)
    await query(
      'create function moods() returns zoo.mood[] language sql as $$ select null::zoo.mood[] $$',
    )
    await database.dropSchema([Nest])
    expect(await types()).toHaveLength(1)
    await query('drop function moods')
    await database.dropSchema([Nest])
    expect(await types()).toEqual([])
  })

  it('drops nothing of others, and says what stands in the way', async () => {
    await database.createSchema(all)
    await query('create view "Eggs" as select id from eggs')
    await query('create materialized view more as select id from eggs')
    await query('create table omelettes (egg_id integer references eggs)')
    await query('create table big_eggs () inherits (eggs)')
    const error = await failure('DATA_BRIDGE_ERR_STATEMENT', database.dropSchema(all))
    expect(error).toMatchObject({
      sqlState: '2BP01',
      message:
        'dropSchema() dropped nothing, since other objects depend on the tables: ' +
        'constraint omelettes_egg_id_fkey on table omelettes, materialized view more, table big_eggs and view "Eggs". ' +
        'Drop these objects first, or give their entities to dropSchema() too.',
    })
    expect(await tables()).toContain('zoo.hens')
    await query('drop view "Eggs"; drop materialized view more; drop table omelettes, big_eggs')
  })

  it('leaves the refusal of what else depends on a table to PostgreSQL', async () => {
    await query(
      'create function eggs_of() returns setof eggs language sql as $$ select * from eggs $$',
    )
    await expect(database.dropSchema(all)).rejects.toMatchObject({
      sqlState: '2BP01',
      details: expect.stringMatching(
        /^dropSchema\(\) could not drop the tables \w+, \w+ and \w+: .*depend/,
      ) as string,
    })
    await query('drop function eggs_of')
    await database.dropSchema(all)
  })

  it('leaves views alone', async () => {
    class View extends table('views', { id }) {}
    await query('create view views as select 1 as id')
    await database.dropSchema([View])
    expect(await query('select from views')).toHaveLength(1)
  })

  it.each([[Hen], ['users'], [[class {}]], [[]], [null]])(
    'refuses %j in the place of entities',
    async (given) => {
      await expect(database.dropSchema(given as never as AnyEntityClass[])).rejects.toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/^DATA_BRIDGE_ERR_(ENTITY|OPTION)$/) as string,
        }),
      )
    },
  )

  it('refuses to guess where no tables are given', async () => {
    await expect(database.dropSchema()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', 'dropSchema() expected entity classes, got none'),
    )
  })
})
