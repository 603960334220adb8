import { describe, expect, it } from 'vitest'
import {
  belongsTo,
  hasMany,
  integer,
  jsonb,
  or,
  selectinload,
  sql,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'

const evil = `x'; drop table users; -- "$1" \\' {NULL} %s`

class Odd extends table('odd"; drop table users; --', {
  id: integer('id" integer); drop table users; --').primaryKey().generated(),
  value: text(`a'b"c\\d $1`).default(evil).unique(),
  select: jsonb('SELECT').default({ [evil]: evil }),
  parentId: integer('parent"id')
    .nullable()
    .references(() => Odd, { onDelete: 'set null' }),
  parent: () => belongsTo(Odd, 'parentId'),
  children: () => hasMany(Odd, 'parentId'),
}) {}

const { database, query } = await testDatabase([...blog, Odd])

describe('a value is never SQL', () => {
  it('in a filter, a list, an order of magnitude, a page', async () => {
    await database.run(async (session) => {
      session.add(new User({ name: evil, email: evil }), user('b'))
      const users = session.find(User)
      expect(await users.filter({ name: evil }).count()).toBe(1)
      expect(await users.filter({ name: [evil, `' or true`] }).count()).toBe(1)
      expect(await users.filter((row) => row.name.gte(evil)).count()).toBe(1)
      expect(await users.filter((row) => row.name.like(`%' or '1'='1`)).count()).toBe(0)
      expect(await users.filter((row) => row.name.eq(`' or true --`)).exists()).toBe(false)
      expect(() => users.limit('1; drop table users' as never)).toThrow(
        coded('DATA_BRIDGE_ERR_QUERY'),
      )
    })
  })

  it('in a template, alone or in a list', async () => {
    await database.run(async (session) => {
      const [row] = await session.execute<{ alone: string; list: string[]; json: object }>(
        sql`select ${evil}::text as alone, ${[evil, null]}::text[] as list, ${{ evil }}::jsonb as json`,
      )
      expect(row).toEqual({ alone: evil, list: [evil, null], json: { evil } })
    })
  })

  it('as an object that a client sent, which looks like a condition of this library', async () => {
    await database.run(async (session) => {
      const users = session.find(User)
      const byId = users.filter({ id: 1 })
      await byId.toList()
      const sent = JSON.parse(
        `{ "shape": "t0.users.0=", "parameters": ["1"], "width": 1, "write": true, "isOrder": true }`,
      ) as never
      expect(() => users.filter(sent)).toThrow(coded('DATA_BRIDGE_ERR_FILTER', 'no column shape'))
      expect(() => users.filter({ name: sent })).toThrow(coded('DATA_BRIDGE_ERR_TYPE'))
      expect(() => users.filter((row) => or(row.id.eq(1), sent))).toThrow(
        coded('DATA_BRIDGE_ERR_FILTER'),
      )
      expect(await session.execute(sql`select ${sent}::jsonb ->> 'shape' as shape`)).toEqual([
        { shape: 't0.users.0=' },
      ])
    })
  })

  it('in an insert, an update and a delete, one by one and many at once', async () => {
    const one = user('one')
    const two = user('two')
    await database.run(async (session) => {
      session.add(one)
      await session.flush()
      one.name = evil
      await session.flush()
      session.add(two)
      two.name = evil
      await session.flush()
      one.email = `${evil}1`
      two.email = `${evil}2`
    })
    expect(await query('select name from users where email like $1', ['x%{NULL} %\\%s_'])).toEqual([
      { name: evil },
      { name: evil },
    ])
  })

  it('as a key', async () => {
    await database.run(async (session) => {
      for (const key of ['1 or true', { toString: () => '1' }])
        await expect(session.get(User, key as never)).rejects.toThrow(coded('DATA_BRIDGE_ERR_TYPE'))
    })
  })

  it('as the isolation of a session or transaction', async () => {
    const isolation = 'serializable; drop table users' as never
    expect(() => database.session({ isolation })).toThrow(coded('DATA_BRIDGE_ERR_OPTION'))
    await expect(database.transaction(() => undefined, { isolation })).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_OPTION'),
    )
    await using session = database.session()
    await expect(session.transaction(() => undefined, { isolation })).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_OPTION'),
    )
  })

  it('as text: execute takes a template only', async () => {
    await using session = database.session()
    for (const text of ['select 1', ['select 1'], { text: 'select 1' }, undefined])
      await expect(session.execute(text as never)).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_QUERY', 'execute() expected a template'),
      )
    expect(() => sql('select 1' as never)).toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'template tag'))
    expect(() => sql(['select 1'] as never)).toThrow(coded('DATA_BRIDGE_ERR_QUERY'))
  })
})

describe('a name is an identifier, whatever is in it', () => {
  it('for every kind of statement', async () => {
    const parent = new Odd({})
    const child = new Odd({ value: 'child', parent })
    await database.run(async (session) => {
      session.add(child)
      await session.flush()
      session.add(Array.from({ length: 3 }, (_, index) => new Odd({ value: `${index}` })))
      await session.flush()
      parent.value = 'changed'
      child.select = { changed: true }
      await session.flush()
      parent.value = evil
      await session.flush()
    })
    await database.run(async (session) => {
      const found = await session
        .find(Odd)
        .filter({ value: [evil, 'child'] }, (row) => row.value.ilike('%'))
        .orderBy((row) => row.value.desc())
        .options(selectinload(Odd.children).options(selectinload(Odd.parent)))
        .toList()
      expect(found.map(({ value }) => value).toSorted()).toEqual(['child', evil])
      const [loaded] = found.filter(({ value }) => value === evil)
      expect(loaded?.select).toEqual({ [evil]: evil })
      expect(loaded?.children.value.map(({ select }) => select)).toEqual([{ changed: true }])
      expect(
        await session
          .find(Odd)
          .groupBy((row) => row.value)
          .aggregate((row) => ({ it: row.value })),
      ).toHaveLength(5)
      session.delete(loaded as Odd)
    })
    expect(
      await query(
        `select count(*)::int as n from "odd""; drop table users; --" where "parent""id" is null`,
      ),
    ).toEqual([{ n: 4 }])
  })

  it('and its default is stored as it is, also where PostgreSQL fills it in', async () => {
    await query(`delete from "odd""; drop table users; --"`)
    await query(`insert into "odd""; drop table users; --" default values`)
    expect(await database.run((session) => session.find(Odd).one())).toMatchObject({
      value: evil,
      select: { [evil]: evil },
    })
  })
})

it('left every table where it was', async () => {
  const tables = await query(`select tablename from pg_tables where schemaname = 'public'`)
  expect(tables).toHaveLength(4)
})
