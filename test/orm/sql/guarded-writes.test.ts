import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type AnyEntityClass, integer, numeric, table, text } from '../../../orm/index.ts'
import type { ColumnMetadata } from '../../../orm/schema/metadata.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { decodeColumn, keptOf } from '../../../orm/schema/values.ts'
import type { Row } from '../../../orm/schema/wire-form.ts'
import {
  guardedDeleteRows,
  guardedUpdateRows,
  guardFailure,
} from '../../../orm/sql/guarded-writes.ts'
import type { Statement } from '../../../orm/sql/statement.ts'
import { Catalogue } from '../../../orm/flush/catalogue.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { exchange } from '../../support/exchange.ts'

// In the database no key is unique. `price` has a scale, so it comes back.
class Item extends table('items', {
  id: integer().primaryKey(),
  name: text(),
  price: numeric().nullable(),
}) {}

class Part extends table('parts', {
  item: integer().primaryKey(),
  '#': text().primaryKey(),
  count: integer(),
}) {}

class Ratio extends table('ratios', { id: integer().primaryKey(), n: integer() }) {}
class Ruled extends table('ruled', { id: integer().primaryKey(), n: integer() }) {}
class Fired extends table('fired', { id: integer().primaryKey(), n: integer() }) {}
class Split extends table('split', { id: integer().primaryKey(), n: integer() }) {}

const { query, url } = await testDatabase()
await query(`
  create table items (id int, name text, price numeric(10, 2));
  create table parts (item int, "#" text, count int);
  create table ratios (id int primary key, n int, part int generated always as (100 / n) stored);
  create table ruled (id int primary key, n int);
  create rule log as on update to ruled do also notify ruled;
  create table fired (id int primary key, n int);
  create trigger fire before update on fired for each row execute function suppress_redundant_updates_trigger();
  create table split (id int, n int) partition by list (n);
  create table split_1 partition of split for values in (1);
  create table split_2 partition of split for values in (2);
`)
const client = await connect(url)
afterAll(() => client.end())

beforeEach(async () => {
  await query(`
    delete from items; delete from parts; delete from ratios; delete from split;
    insert into items values (1, 'a', 1), (2, 'b', 1), (2, 'c', 1), (3, 'd', 1);
    insert into parts values (1, 'x', 0), (1, 'y', 0), (2, 'x', 0), (2, 'x', 0);
    insert into ratios values (1, 1), (2, 1);
    insert into split values (1, 1), (2, 2);
  `)
})

const catalogue = new Catalogue()
const tables = [Item, Part, Ratio, Ruled, Fired, Split].map((entity) => tableOf(entity))
await catalogue.learn(tables, async (asked, parameters) => {
  const types = { getTypeParser: () => (given: string) => given } as never
  const { rows } = await client.query({
    text: asked,
    values: [...parameters],
    rowMode: 'array',
    types,
  })
  return rows
})

function columnsOf(entity: AnyEntityClass, properties: readonly string[]): ColumnMetadata[] {
  return tableOf(entity).columns.filter(({ property }) => properties.includes(property))
}

/** What snapshots keep of PostgreSQL's texts. */
function keptOfTexts(columns: readonly ColumnMetadata[], texts: readonly string[]): Row {
  return columns.map((column, index) =>
    keptOf(column, decodeColumn(column, texts[index] as string)),
  )
}

/** Sets columns of the rows with these keys. */
function update(
  entity: AnyEntityClass,
  keys: readonly (readonly string[])[],
  values: Readonly<Record<string, string>>,
): Statement {
  const columns = columnsOf(entity, Object.keys(values))
  const { primaryKey } = tableOf(entity)
  const texts = columns.map(({ property }) => values[property] as string)
  const kept = keys.map((key) => keptOfTexts(primaryKey, key))
  const rows = {
    count: keys.length,
    keys: primaryKey.map((_, index) => kept.map((key) => key[index] ?? null)),
    values: keptOfTexts(columns, texts).map((value) => keys.map(() => value)),
    flags: columns.map(() => undefined),
    loaded: [],
  }
  const facts = catalogue.factsOf(tableOf(entity))
  return required(guardedUpdateRows(tableOf(entity), columns, rows, facts))
}

function remove(
  entity: AnyEntityClass,
  keys: readonly (readonly string[])[],
  mayBeGone = false,
): Statement {
  const described = tableOf(entity)
  const rows = keys.map((key) => keptOfTexts(described.primaryKey, key))
  const facts = catalogue.factsOf(described)
  return required(guardedDeleteRows(described, rows, facts, mayBeGone))
}

function required(statement: Statement | undefined): Statement {
  if (statement === undefined) throw new Error('expected a statement')
  return statement
}

/** In one exchange with BEGIN before it and COMMIT behind it. */
async function commit(statement: Statement) {
  const ended = await exchange(client, [{ text: 'begin' }, statement, { text: 'commit' }])
  await client.query('rollback')
  return ended
}

async function stored(): Promise<unknown> {
  return {
    items: await query('select * from items order by id, name'),
    parts: await query('select * from parts order by item, "#"'),
  }
}

const ids = (...list: number[]) => list.map((id) => [String(id)])

describe('a guarded write that finds one row for each key', () => {
  it('is committed in its exchange: an update of one row, and of several', async () => {
    const one = await commit(update(Item, ids(1), { name: 'one' }))
    expect(one).toEqual({
      commands: ['BEGIN', 'SELECT 1', 'COMMIT'],
      rows: [[], [[]], []],
      error: undefined,
    })
    const many = await commit(update(Item, ids(3, 1), { name: 'many' }))
    expect(many).toEqual(one)
    expect(await query(`select id from items where name = 'many' order by id`)).toEqual([
      { id: 1 },
      { id: 3 },
    ])
  })

  it('gives the columns that come back, with the places of several rows', async () => {
    const one = await commit(update(Item, ids(1), { name: 'one', price: '2.345' }))
    expect(one.rows[1]).toEqual([['2.35']])
    const many = await commit(update(Item, ids(3, 1), { price: '3.456' }))
    expect(many.commands).toEqual(['BEGIN', 'SELECT 2', 'COMMIT'])
    expect(many.rows[1]?.toSorted()).toEqual([
      ['1', '3.46'],
      ['2', '3.46'],
    ])
  })

  it('is committed: deletions, composite keys, partitions', async () => {
    expect((await commit(remove(Item, ids(1)))).commands).toEqual(['BEGIN', 'SELECT 1', 'COMMIT'])
    const parts = [
      ['1', 'x'],
      ['1', 'y'],
    ]
    expect((await commit(update(Part, parts, { count: '7' }))).error).toBeUndefined()
    expect(await query('select item, count from parts order by count desc limit 2')).toEqual([
      { item: 1, count: 7 },
      { item: 1, count: 7 },
    ])
    expect((await commit(remove(Part, parts))).rows[1]).toEqual([[]])
    expect(await query('select item from parts')).toEqual([{ item: 2 }, { item: 2 }])
    expect((await commit(update(Split, ids(1, 2), { n: '2' }))).error).toBeUndefined()
    expect(await query('select id, n from split_2 order by id')).toEqual([
      { id: 1, n: 2 },
      { id: 2, n: 2 },
    ])
  })
})

describe('a guarded write that does not', () => {
  const faults = [
    ['a missing row', ids(9), { missing: 1, isDoubled: false }],
    ['missing rows among several', ids(1, 8, 3, 9), { missing: 2, isDoubled: false }],
    ['no row for any of several', ids(7, 8), { missing: 2, isDoubled: false }],
    ['two rows', ids(2), { missing: 0, isDoubled: true }],
    ['two rows for one of several', ids(1, 2), { missing: 0, isDoubled: true }],
    ['two rows for one and none for another', ids(9, 2), { missing: 1, isDoubled: true }],
  ] as const
  const writes = [
    ['update', (keys: string[][]) => update(Item, keys, { name: 'z' })],
    ['update that returns columns', (keys: string[][]) => update(Item, keys, { price: '5' })],
    ['delete', (keys: string[][]) => remove(Item, keys)],
  ] as const

  it.each(
    writes.flatMap(([verb, write]) => faults.map((fault) => [verb, ...fault, write] as const)),
  )('skips COMMIT, and saves nothing: %s with %s', async (_, __, keys, found, write) => {
    const before = await stored()
    const { commands, error } = await commit(write([...keys]))
    expect(commands).toEqual(['BEGIN'])
    expect(guardFailure(error)).toEqual(found)
    expect(await stored()).toEqual(before)
  })

  it('skips what stands between it and COMMIT, too', async () => {
    const before = await stored()
    const { commands, error } = await exchange(client, [
      { text: 'begin' },
      update(Item, ids(1), { name: 'z' }),
      remove(Item, ids(9)),
      { text: 'delete from items' },
      { text: 'commit' },
    ])
    await client.query('rollback')
    expect(commands).toEqual(['BEGIN', 'SELECT 1'])
    expect(guardFailure(error)).toEqual({ missing: 1, isDoubled: false })
    expect(await stored()).toEqual(before)
  })

  it('sees keys of several columns as one', async () => {
    const keys = [
      ['1', 'x'],
      ['2', 'x'],
      ['1', 'z'],
    ]
    const { error } = await commit(update(Part, keys, { count: '1' }))
    expect(guardFailure(error)).toEqual({ missing: 1, isDoubled: true })
  })

  it('may leave rows out where the flush itself may have deleted them, but not hit several', async () => {
    for (const [left, ...keys] of [ids(9), ids(9, 1)]) {
      const { commands } = await commit(remove(Item, [left as string[], ...keys], true))
      expect(commands).toEqual(['BEGIN', 'SELECT 1', 'COMMIT'])
    }
    for (const keys of [ids(2), ids(2, 9)]) {
      const { commands, error } = await commit(remove(Item, keys, true))
      expect(commands).toEqual(['BEGIN'])
      expect(guardFailure(error)).toMatchObject({ isDoubled: true })
    }
  })

  it('is seen with a prepared statement and a plan for all parameters', async () => {
    await using prepared = await connect(url)
    await prepared.query('set plan_cache_mode = force_generic_plan')
    const run = async ({ text: sent, parameters }: Statement): Promise<unknown> => {
      await prepared.query('begin')
      const values = [...parameters]
      const failed = await prepared
        .query({ name: sent.slice(-50), text: sent, values })
        .catch((error) => error)
      await prepared.query('rollback')
      return guardFailure(failed)
    }
    for (let time = 0; time < 3; time += 1) {
      expect(await run(update(Item, ids(1), { name: 'x' }))).toBeUndefined()
      expect(await run(update(Item, ids(9), { name: 'x' }))).toEqual({
        missing: 1,
        isDoubled: false,
      })
      expect(await run(remove(Item, ids(1, 2)))).toEqual({ missing: 0, isDoubled: true })
      expect(await run(remove(Item, ids(1, 3)))).toBeUndefined()
    }
  })
})

describe('guardFailure', () => {
  it('sees the failure in every language of the server', async () => {
    await using other = await connect(url)
    const { rows } = await other.query<{ name: string }>(
      `select distinct collcollate as name from pg_collation where collprovider = 'c'`,
    )
    expect(rows.length).toBeGreaterThan(0)
    const { text: sent, parameters } = update(Item, ids(9), { name: 'x' })
    for (const { name } of rows) {
      await other.query(`select set_config('lc_messages', $1, false)`, [name])
      const failed: Error = await other.query(sent, [...parameters]).catch((error) => error)
      expect(guardFailure(failed)).toEqual({ missing: 1, isDoubled: false })
      // What a server with translations says instead.
      failed.message = failed.message.replace(
        /^[^"]*"(.*)"$/,
        'ungültige Eingabesyntax für Typ integer: »$1«',
      )
      expect(failed.message).toContain('ungültig')
      expect(guardFailure(failed)).toEqual({ missing: 1, isDoubled: false })
    }
  })

  it('takes no error of the program or its values for it', async () => {
    const failed = async (statement: Statement) => (await commit(statement)).error
    const cast = (text: string): Promise<unknown> =>
      client.query('select $1::text::integer', [text]).catch((error: unknown) => error)
    const bad = await cast('data_bridge_guard/0/0/1')
    expect(bad).toMatchObject({
      code: '22P02',
      message: expect.stringContaining('data_bridge_guard/0/0/1'),
    })
    expect(guardFailure(bad)).toBeUndefined()
    expect(guardFailure(await cast('data_bridge_guard_x/0/0/1'))).toBeUndefined()
    for (const keys of [ids(1), ids(1, 2), ids(1, 9)]) {
      const divided = await failed(update(Ratio, keys, { n: '0' }))
      expect(divided).toMatchObject({ code: '22012' })
      expect(guardFailure(divided)).toBeUndefined()
    }
    expect(guardFailure(undefined)).toBeUndefined()
    expect(guardFailure(new Error('lost'))).toBeUndefined()
  })
})

it('guards no table with a rule or a trigger, nor one that the catalogue does not know', () => {
  for (const entity of [Ruled, Fired]) {
    const facts = catalogue.factsOf(tableOf(entity))
    const columns = columnsOf(entity, ['n'])
    const rows = { count: 1, keys: [['1']], values: [['2']], flags: [undefined], loaded: [] }
    expect(guardedUpdateRows(tableOf(entity), columns, rows, facts)).toBeUndefined()
    expect(guardedDeleteRows(tableOf(entity), ids(1), facts)).toBeUndefined()
  }
  const unknown = new Catalogue().factsOf(tableOf(Item))
  expect(guardedDeleteRows(tableOf(Item), ids(1), unknown)).toBeUndefined()
})

it('has one text for any number of rows', () => {
  const texts = new Set([2, 3, 50].map((rows) => remove(Item, ids(...Array(rows).keys())).text))
  expect(texts.size).toBe(1)
})
