import { describe, expect, it } from 'vitest'
import {
  type AnyEntityClass,
  belongsTo,
  Database,
  integer,
  keyOf,
  table,
  text,
} from '../../../orm/index.ts'
import { columnOf } from '../../../orm/schema/column.ts'
import { testDatabase } from '../../support/database.ts'
import { User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'

const id = integer().primaryKey().generated()
const enumeration = { schema: undefined, name: 'mood', values: ['ok', 'sad'] }
const moodType = Object.freeze({ ...text().spec.type, sql: 'mood', cast: 'mood', enumeration })

const { database, query, url } = await testDatabase()

describe('createSchema refuses', () => {
  const SCHEMA = 'DATA_BRIDGE_ERR_SCHEMA'

  it('two entities of one table with different columns', async () => {
    class One extends table('double', { id, name: text() }) {}
    class Two extends table('double', { id, name: integer() }, { schema: 'public' }) {}
    await expect(database.createSchema([One, Two])).rejects.toThrow(
      coded(
        SCHEMA,
        'One and Two declare the table public.double with different columns: Two expected "name" text not null as in One, got "name" integer not null',
      ),
    )
  })

  it('two enum types of one name with different values', async () => {
    const other = { ...moodType, enumeration: { ...enumeration, values: ['ok'] } }
    class Person extends table('people', { id, mood: columnOf<string>(moodType, undefined) }) {}
    class Other extends table('other', { id, mood: columnOf<string>(other, undefined) }) {}
    await expect(database.createSchema([Person, Other])).rejects.toThrow(
      coded(SCHEMA, 'Person.mood and Other.mood declare the enum type mood differently'),
    )
  })

  it('a foreign key to columns that are not unique', async () => {
    class Target extends table(
      'target',
      { id, code: text(), no: integer() },
      { unique: [['code', 'no']] },
    ) {}
    class Source extends table('source', {
      id,
      code: text().references(() => keyOf(Target, ['code'])),
    }) {}
    await expect(database.createSchema([Target, Source])).rejects.toThrow(
      coded(
        SCHEMA,
        'Source refers to Target by code: expected a primary key or a unique constraint of Target on exactly code, got none',
      ),
    )
  })

  it('a foreign key to a table that is not there', async () => {
    class Missing extends table('missing', { id }, { schema: 'auth' }) {}
    class Source extends table('source', { id, missingId: integer().references(() => Missing) }) {}
    await expect(database.createSchema([Source])).rejects.toThrow(
      coded(SCHEMA, 'the table auth.missing does not exist; give Missing to createSchema() too'),
    )
  })

  it('a check that is no condition, or of another table', async () => {
    class Odd extends table('odd', { id }, { checks: [() => true] as never }) {}
    await expect(database.createSchema([Odd])).rejects.toThrow(
      coded(
        SCHEMA,
        'Odd: checks[0] expected a condition on the columns of Odd, got the boolean true',
      ),
    )
  })

  it('a constraint that rows violate, and says which', async () => {
    await query('create table people2 (id integer primary key, name text not null)')
    await query(`insert into people2 values (1, 'a'), (2, 'a')`)
    class People2 extends table('people2', { id: integer().primaryKey(), name: text().unique() }) {}
    class Fine extends table('fine', { id }) {}
    const error = await failure('DATA_BRIDGE_ERR_UNIQUE', database.createSchema([Fine, People2]))
    expect(error).toMatchObject({
      sqlState: '23505',
      constraint: 'people2_name_key',
      message: 'createSchema() could not change the schema: a unique constraint is violated',
      details:
        'createSchema() could not add constraints to the table public.people2: a unique constraint is violated (people2_name_key)',
    })
    expect(error.cause).toBeInstanceOf(Error)
    expect(await query(`select from pg_tables where tablename = 'fine'`)).toEqual([])
  })

  it('a connection without a schema, where a table names none', async () => {
    const options = '-c search_path=nowhere'
    await using own = new Database({ connectionString: url, options })
    class Homeless extends table('homeless', { id }) {}
    await expect(own.createSchema([Homeless])).rejects.toThrow(
      coded(SCHEMA, 'createSchema() expected a schema for homeless, got none'),
    )
    class Account extends table('accounts', { id }, { schema: 'auth' }) {}
    await own.createSchema([Account])
    expect(await query('select from auth.accounts')).toEqual([])
  })

  it('a foreign key of another type than the key that it refers to', async () => {
    class Odd extends table('odd', { id, ownerId: text().references(() => User) }) {}
    const { details: message } = await failure(SCHEMA, database.createSchema([Odd]))
    expect(message).toMatch(
      /Odd\.ownerId holds a .*string.*, and refers to User\.id, which holds an integer/,
    )
  })

  it('a relation that names no column', async () => {
    class Stray extends table('strays', { id, user: () => belongsTo(User, 'userId') }) {}
    await expect(database.createSchema([Stray])).rejects.toThrow(
      coded(SCHEMA, 'Stray.user names the foreign key userId, which is not a column of Stray'),
    )
    expect(await query(`select to_regclass('strays') as found`)).toEqual([{ found: null }])
  })

  it('a foreign key to something other than an entity', async () => {
    class Odd extends table('odd', {
      id,
      plainId: integer().references(() => class Plain {}),
      other: () => belongsTo(User, 'plainId'),
    }) {}
    await expect(database.createSchema([Odd])).rejects.toThrow(
      coded(SCHEMA, 'Odd.plainId expected an entity class'),
    )
  })

  it.each([[[class {}]], [User], ['users'], [{}]])(
    '%j in the place of entities',
    async (tables) => {
      await expect(database.createSchema(tables as never as AnyEntityClass[])).rejects.toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/^DATA_BRIDGE_ERR_(ENTITY|OPTION)$/) as string,
        }),
      )
    },
  )
})
