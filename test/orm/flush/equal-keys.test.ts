import { describe, expect, it } from 'vitest'
import { integer, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class ByRole extends table('by_role', { role: text().primaryKey(), count: integer() }) {}
class City extends table('cities', { name: text().primaryKey(), size: integer() }) {}
class Renamed extends table('renamed', { code: text().primaryKey(), name: text() }) {}

const { database, query } = await testDatabase()
await query(`
  create extension if not exists citext;
  create type role as enum ('admin', 'Guest "x"');
  create domain level as role check (value <> 'admin') not null;
  create table by_role (role role primary key, count int not null)`)

describe('keys that PostgreSQL calls equal', () => {
  it('are found by get() and getMany(), whatever the column is declared as', async () => {
    await query(`create table cities (name citext primary key, size int)`)
    await query(`insert into cities values ('Oslo', 1), ('Bergen', 2)`)
    await database.run(async (session) => {
      const found = await session.getMany(City, ['BERGEN', 'oslo', 'Rome'])
      expect(found.map(({ name }) => name)).toEqual(['Bergen', 'Oslo'])
      expect(await session.get(City, 'OSLO')).toBe(found[1])
      for (const city of found) city.size *= 10
      await session.flush()
      session.delete(found)
    })
    expect(await query('select from cities')).toEqual([])
  })

  it('have values of an enum too', async () => {
    await database.run(async (session) => {
      session.add(['admin', 'Guest "x"'].map((role, count) => new ByRole({ role, count })))
      await session.commit()
    })
    await using session = database.session()
    expect(await session.getMany(ByRole, ['Guest "x"', 'admin'])).toHaveLength(2)
    await query('delete from by_role')
  })
})

it('knows a row by the key that a trigger has given it', async () => {
  await query(`
    create table renamed (code text primary key, name text);
    create function recode() returns trigger language plpgsql as $$ begin new.code := lower(new.name); return new; end $$;
    create trigger recode before insert or update on renamed for each row execute function recode()`)
  await database.run(async (session) => {
    const row = new Renamed({ code: 'x', name: 'One' })
    session.add(row)
    await session.flush()
    expect(row.code).toBe('one')
    row.name = 'Two'
    await session.flush()
    expect(row.code).toBe('two')
    expect(await session.get(Renamed, 'two')).toBe(row)
    expect(await session.get(Renamed, 'one')).toBeNull()
    row.name = 'Three'
  })
  expect(await query('select code from renamed')).toEqual([{ code: 'three' }])
})
