import { describe, expect, it } from 'vitest'
import { integer, sql, table, text, timestamptz } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Plain extends table(
  'plain',
  { id: integer().primaryKey(), name: text() },
  { version: 'xmin' },
) {}

class Part extends table(
  'parts',
  { id: integer().primaryKey(), name: text() },
  { version: 'xmin' },
) {}

class Person extends table('people', {
  id: integer().primaryKey(),
  name: text(),
  loud: text().nullable(),
  no: integer().nullable(),
}) {}

class Adult extends table('adults', { id: integer().primaryKey(), name: text() }) {}

class Ruled extends table('ruled', { id: integer().primaryKey(), name: text() }) {}

class Event extends table('events', {
  at: timestamptz().primaryKey(),
  kind: text().primaryKey(),
  name: text(),
}) {}

const { database, query } = await testDatabase()
await query(`create table plain (id integer primary key, name text);
  create table parts (id integer primary key, name text) partition by range (id);
  create table parts_1 partition of parts for values from (0) to (10);
  create table parts_2 partition of parts for values from (10) to (20);
  create table people (id integer primary key, name text, loud text generated always as (upper(name)) stored,
    no integer generated always as identity);
  create view adults as select id, name from people;
  create table ruled_log (id integer);
  create table ruled (id integer primary key, name text);
  create rule log as on update to ruled do also insert into ruled_log values (new.id);
  create table events (at timestamptz, kind text, name text, primary key (at, kind));
  insert into plain values (1, 'a'), (2, 'b');
  insert into parts values (1, 'a'), (2, 'b'), (11, 'c');
  insert into people values (1, 'ann'), (2, 'bob');
  insert into ruled values (1, 'a'), (2, 'b');
  insert into events values ('2024-01-01 00:00:00.123456Z', 'k', 'a'), ('2024-01-01 00:00:00.123457Z', 'k', 'b')`)

describe('a write by a query', () => {
  it.each([
    ['a table', 'plain', Plain],
    ['partitions', 'parts', Part as unknown as typeof Plain],
  ])('renews the xmin of written rows alone, in %s', async (_, name, entity) => {
    await using session = database.session()
    const [one, two] = (await session
      .find(entity)
      .orderBy((row) => row.id.asc())
      .toList()) as [Plain, Plain]
    const first = session.find(entity).filter({ id: 1 })
    expect(await first.update({ name: 'x' })).toBe(1)
    one.name = 'y'
    two.name = 'z'
    await session.commit()
    expect(await query(`select name from ${name} where id < 3 order by id`)).toEqual([
      { name: 'y' },
      { name: 'z' },
    ])
    await query(`update ${name} set name = 'others'`)
    await first.update({ name: 'mine' })
    one.name = 'again'
    await session.flush()
    two.name = 'stale'
    await expect(session.flush()).rejects.toThrow(coded('DATA_BRIDGE_ERR_STALE'))
  })

  it('brings back what the database makes', async () => {
    await using session = database.session()
    const ann = await session.getOrThrow(Person, 1)
    await session.find(Person).filter({ id: 1 }).update({ name: 'eve' })
    expect(ann.loud).toBe('EVE')
  })

  it('refuses columns that only the database makes', async () => {
    await using session = database.session()
    const one = session.find(Person).filter({ id: 1 })
    const refused = (column: string) =>
      coded(
        'DATA_BRIDGE_ERR_QUERY',
        `find(Person).update(): Person.${column} cannot be set: the database makes its value`,
      )
    await expect(one.update({ loud: 'x' })).rejects.toThrow(refused('loud'))
    await expect(one.update({ no: sql`1` })).rejects.toThrow(refused('no'))
    expect(await one.update({ name: 'ann' })).toBe(1)
  })

  it('writes rows of a view, and of a table with rules', async () => {
    await using session = database.session()
    const adults = await session
      .find(Adult)
      .orderBy((row) => row.id.asc())
      .toList()
    const rows = await session
      .find(Adult)
      .filter({ id: 2 })
      .update((row) => ({ name: sql`${row.name} || '?'` }), {
        returning: (row) => ({ name: row.name, length: sql<number>`length(${row.name})` }),
      })
    expect(rows).toEqual([{ name: 'bob?', length: 4 }])
    expect(adults.map(({ name }) => name)).toEqual(['ann', 'bob?'])
    const ruled = await session
      .find(Ruled)
      .orderBy((row) => row.id.asc())
      .toList()
    expect(
      await session
        .find(Ruled)
        .all()
        .orderBy((row) => row.id.asc())
        .limit(1)
        .update({ name: 'r' }),
    ).toBe(1)
    expect(ruled.map(({ name }) => name)).toEqual(['r', 'b'])
    expect(await session.find(Adult).filter({ id: 1 }).delete()).toBe(1)
    expect(await session.get(Adult, 1)).toBe(null)
  })

  it('finds entities by keys of several columns, with microseconds', async () => {
    await using session = database.session()
    const events = await session
      .find(Event)
      .orderBy((row) => row.at.asc())
      .toList()
    expect(await session.find(Event).filter({ name: 'b' }).update({ name: 'c' })).toBe(1)
    expect(events.map(({ name }) => name)).toEqual(['a', 'c'])
    const page = session
      .find(Event)
      .all()
      .orderBy((row) => row.at.desc())
      .limit(1)
    const rows = await page.update(
      { name: 'd' },
      { returning: (row) => ({ kind: row.kind, name: row.name }) },
    )
    expect(rows).toEqual([{ kind: 'k', name: 'd' }])
    expect(events.map(({ name }) => name)).toEqual(['a', 'd'])
    expect(await session.find(Event).filter({ name: 'a' }).delete()).toBe(1)
    expect((await session.find(Event).toList())[0]).toBe(events[1])
  })
})
