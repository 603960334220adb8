import { describe, expect, it } from 'vitest'
import { integer, numeric, table, text } from '../../../orm/index.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { Catalogue } from '../../../orm/session/catalogue.ts'
import { connect, testDatabase } from '../../support/database.ts'

class ByRole extends table('by_role', { role: text().primaryKey(), count: integer() }) {}
class City extends table('cities', { name: text().primaryKey(), size: integer() }) {}
class Renamed extends table('renamed', { code: text().primaryKey(), name: text() }) {}

const { database, query, url } = await testDatabase()
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

it('tells whether texts of keys can be matched in JavaScript', async () => {
  await query(`
    create collation if not exists blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    create table compared (id int primary key, name text, blind text collate blind, city citext, role role,
      short varchar(3), code char(3), at timestamptz, amount numeric, domain level, day date, gone int)`)
  class Compared extends table('compared', {
    id: integer().primaryKey(),
    name: text(),
    blind: text(),
    city: text(),
    role: text(),
    short: text(),
    code: text(),
    amount: numeric(),
    domain: text(),
    day: text(),
    missing: text(),
  }) {}
  const compared = tableOf(Compared)
  const catalogue = new Catalogue()
  const unknown = catalogue.factsOf(compared)
  expect(unknown.isKnown).toBe(false)
  expect(compared.columns.map((column) => unknown.equalityOf(column)[0]).join('')).toBe(
    'edddddddddd',
  )
  await using client = await connect(url)
  await catalogue.learn([compared], async (given, values) => {
    const types = { getTypeParser: () => String }
    const { rows } = await client.query({
      text: given,
      values: [...values],
      rowMode: 'array',
      types,
    })
    return rows as string[][]
  })
  const facts = catalogue.factsOf(compared)
  expect(
    Object.fromEntries(compared.columns.map((each) => [each.property, facts.equalityOf(each)])),
  ).toEqual({
    id: 'exact',
    name: 'exact',
    blind: 'database',
    city: 'database',
    role: 'exact',
    short: 'exact',
    code: 'database',
    amount: 'database',
    domain: 'exact',
    day: 'exact',
    missing: 'database',
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
