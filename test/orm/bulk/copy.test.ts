import pg from 'pg'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import {
  array,
  belongsTo,
  boolean,
  bytea,
  Database,
  enumeration,
  integer,
  jsonb,
  type NewRow,
  Session,
  sql,
  table,
  text,
  timestamptz,
  varchar,
} from '../../../orm/index.ts'
import { connect, testDatabase } from '../../support/database.ts'
import { coded, failure } from '../../support/failure.ts'

class Item extends table('items', {
  id: integer().primaryKey().generated(),
  name: text(),
  code: varchar({ length: 5 }).nullable().unique(),
  amount: integer().default(1),
  made: timestamptz().defaultNow(),
  changed: timestamptz().onUpdate(() => new Date(0)),
}) {}

class Note extends table('notes', {
  id: integer().primaryKey(),
  itemId: integer().references(() => Item),
  item: () => belongsTo(Item, 'itemId'),
}) {}

class Rich extends table('riches', {
  id: integer().primaryKey(),
  words: text().nullable(),
  mood: enumeration('mood', ['ok', 'sad']),
  tags: array(text()),
  data: jsonb<unknown>(),
  bytes: bytea(),
  isOn: boolean(),
  length: integer().nullable(),
}) {}

const { database, query, truncate, url } = await testDatabase([Item, Note])
await query(`
  create type mood as enum ('ok', 'sad');
  create table riches (id int primary key, words text, mood mood not null, tags text[] not null, data jsonb not null,
    bytes bytea not null, is_on boolean not null, length int generated always as (length(words)) stored);
  alter table items add check (amount >= 0)`)

const pool = new pg.Pool({ connectionString: url, max: 1 })
const ofApplication = new Database({ pool })
const single = new Database({ connectionString: url, max: 1 })
afterAll(async () => {
  await ofApplication.close()
  await pool.end()
  await single.close()
})
beforeEach(truncate)

const count = async () => (await query<{ n: number }>('select count(*)::int as n from items'))[0]?.n

async function* named(names: Iterable<string>): AsyncGenerator<NewRow<typeof Item>> {
  for (const name of names) yield { name }
}

/** The process of the server behind the only connection of a pool. */
const processOf = (source: Database) =>
  source.run(
    async (session) => (await session.execute(sql`select pg_backend_pid() as pid`))[0]?.['pid'],
  )

/** Rows that never end, and what was asked of them. */
class Endless {
  given = 0
  hasReturned = false
  /** Waits for ever with this row. */
  readonly #last: number

  constructor(last = Infinity) {
    this.#last = last
  }

  async *rows(name = 'x'): AsyncGenerator<NewRow<typeof Item>> {
    try {
      for (;;) {
        this.given += 1
        if (this.given === this.#last) await new Promise(() => {})
        yield { name }
      }
    } finally {
      this.hasReturned = true
    }
  }
}

const idle = () =>
  query(
    `select state, query from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`,
  )

describe.each([
  ['a pool of the library', single],
  ['a pool of the application', ofApplication],
])('copy, on %s', (_, source) => {
  it('inserts the rows of an array, of a generator, and of an async generator', async () => {
    await source.run(async (session) => {
      expect(await session.copy(Item, [{ name: 'a' }, { name: 'b' }])).toBe(2)
      expect(await session.copy(Item, new Set([{ name: 'c' }]))).toBe(1)
      expect(await session.copy(Item, named('de'))).toBe(2)
      expect(session.hasUnsaved).toBe(true)
      expect(await session.find(Item).count()).toBe(5)
    })
    const rows = await query(
      'select name, code, amount, made is null as made, changed from items order by id',
    )
    expect(rows.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(rows[0]).toMatchObject({ code: null, amount: 1, made: false, changed: new Date(0) })
  })

  it('sends nothing where there are no rows', async () => {
    await using session = source.session()
    expect(await session.copy(Item, [])).toBe(0)
    expect(await session.copy(Item, named(''))).toBe(0)
    expect(session.stats.queryCount).toBe(0)
  })

  it('writes every kind of value', async () => {
    const texts = ['\\', '\\N', '\\.', 'a\tb\nc\r\\n', '', '€ 😀', null]
    const rows = texts.map((words, id) => ({
      id,
      words,
      mood: 'ok' as const,
      tags: words === null ? [] : [words, '\\"'],
      data: { words },
      bytes: Buffer.from([0, 9, 10, 92, 255]),
      isOn: id % 2 === 0,
    }))
    await source.run((session) => session.copy(Rich, rows))
    expect(
      await query(
        'select id, words, mood, tags, data, bytes, is_on as "isOn" from riches order by id',
      ),
    ).toEqual(rows)
    await query('delete from riches')
  })

  it('is rolled back with its transaction', async () => {
    await using session = source.session()
    await session.copy(Item, named('ab'))
    await session.rollback()
    expect(await count()).toBe(0)
  })

  it('throws what the rows throw, and makes the transaction fail', async () => {
    class Own extends Error {}
    async function* failing() {
      yield { name: 'a' }
      throw new Own('on purpose')
    }
    await source.run(async (session) => {
      const copying = session.transaction(() => session.copy(Item, failing()))
      await expect(copying).rejects.toThrow(Own)
      expect(await session.copy(Item, named('b'))).toBe(1)
    })
    await using failed = source.session()
    await expect(failed.copy(Item, failing())).rejects.toThrow(Own)
    await expect(failed.find(Item).count()).rejects.toThrow(coded('DATA_BRIDGE_ERR_TRANSACTION'))
    await failed.rollback()
    expect(await count()).toBe(1)
  })

  it('tells the number of a row with a wrong value', async () => {
    await using session = source.session()
    const error = await failure('DATA_BRIDGE_ERR_TYPE', () =>
      session.copy(Item, [{ name: 'a' }, { name: 'b' }, { name: 3 as never }]),
    )
    expect(error.message).toContain('copy(Item), row 3: Item.name expected a string, got')
    await session.rollback()
    await expect(session.copy(Item, [{ nam: 'a' } as never])).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'row 1: Item has no column or relation nam'),
    )
    await expect(session.copy(Item, [null as never])).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'row 1: new Item(…) expected an object'),
    )
    await expect(session.copy(Item, [{ name: 'a', id: 1 }, { name: 'b' }])).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'row 2: expected a value for id, as in the first row'),
    )
    await session.rollback()
    await expect(
      session.copy(Item, [{ name: 'a' }, { name: 'b', made: new Date() }]),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'row 2: expected no value for made'))
    await session.rollback()
    await expect(session.copy(Item, 'ab' as never)).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'copy(Item) expected an array of rows or another iterable'),
    )
  })

  it('tells a refused row as a flush does, with its number', async () => {
    await using session = source.session()
    const unique = await failure('DATA_BRIDGE_ERR_UNIQUE', () =>
      session.copy(
        Item,
        ['a', 'b', 'a'].map((code) => ({ name: code, code })),
      ),
    )
    expect([unique.statusCode, unique.columns, unique.message]).toEqual([
      409,
      ['code'],
      'row 3: a unique constraint is violated',
    ])
    await session.rollback()
    const check = await failure('DATA_BRIDGE_ERR_CHECK', () =>
      session.copy(Item, [{ name: 'a' }, { name: 'a', amount: -1 }]),
    )
    expect(check.message).toContain('row 2: ')
    await session.rollback()
    await session.copy(Item, named('a'))
    await session.commit()
    expect(await count()).toBe(1)
  })

  it('stops to read rows when PostgreSQL has refused one', async () => {
    const endless = new Endless()
    await using session = source.session()
    await session.execute(sql`alter table items add constraint short check (length(name) < 3)`)
    await failure('DATA_BRIDGE_ERR_CHECK', () => session.copy(Item, endless.rows('long')))
    await expect.poll(() => endless.hasReturned).toBe(true)
  })

  it('ends when the session is aborted, while the rows wait for ever', async () => {
    const endless = new Endless(1000)
    const aborting = new AbortController()
    const before = await processOf(source)
    await using session = new Session(source, { signal: aborting.signal })
    const copying = session.copy(Item, endless.rows())
    await expect.poll(() => endless.given).toBe(1000)
    aborting.abort()
    await expect(copying).rejects.toThrow(coded('DATA_BRIDGE_ERR_ABORTED'))
    await expect.poll(idle).toEqual([])
    // The connection was given back, and not cut off.
    expect(await processOf(source)).toBe(before)
    expect(await source.run((other) => other.copy(Item, named('ab')))).toBe(2)
    expect(await count()).toBe(2)
  })

  it('ends when the time of the statement is over', async () => {
    const endless = new Endless(10)
    const before = await processOf(source)
    await using session = new Session(source, { timeouts: { statement: 50 } })
    await failure('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', () => session.copy(Item, endless.rows()))
    await session.rollback()
    expect(await processOf(source)).toBe(before)
    expect(await session.copy(Item, named('ab'))).toBe(2)
  })

  it('reads no more rows than PostgreSQL takes', async () => {
    await query(`
      create function hold() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(1); return new; end $$;
      create trigger hold before insert on items for each row execute function hold()`)
    await using other = await connect(url)
    await other.query('select pg_advisory_lock(1)')
    const endless = new Endless()
    const aborting = new AbortController()
    await using session = new Session(source, { signal: aborting.signal })
    const copying = session.copy(Item, endless.rows('x'.repeat(10_000)))
    let before = -1
    await expect
      .poll(
        () => {
          const isStill = before === endless.given && before > 1
          before = endless.given
          return isStill
        },
        { interval: 200, timeout: 10_000 },
      )
      .toBe(true)
    // What the buffers of two sockets hold.
    expect(endless.given).toBeLessThan(5000)
    aborting.abort()
    await expect(copying).rejects.toThrow(coded('DATA_BRIDGE_ERR_ABORTED'))
    await expect.poll(() => endless.hasReturned).toBe(true)
    await query('drop trigger hold on items; drop function hold()')
  })

  it('refuses rows that wait for its own session', async () => {
    await using session = source.session()
    async function* own() {
      yield { name: 'a' }
      yield { name: String(await session.find(Item).count()) }
    }
    await expect(session.copy(Item, own())).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'read them in another session'),
    )
    await session.rollback()
    const both = await Promise.all([session.copy(Item, named('ab')), session.find(Item).count()])
    expect(both[0]).toBe(2)
  })

  it('fails with the connection', async () => {
    const endless = new Endless(1000)
    await using session = source.session()
    const copying = Promise.allSettled([session.copy(Item, endless.rows())])
    await expect.poll(() => endless.given).toBe(1000)
    const pids = await query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and query like 'copy %'`,
    )
    expect(pids).toHaveLength(1)
    expect((await copying)[0]).toMatchObject({
      reason: {
        code: 'DATA_BRIDGE_ERR_CONNECTION_LOST',
        details: 'the connection was lost during COPY items',
      },
    })
    await session.rollback()
    expect(await source.run((other) => other.copy(Item, named('ab')))).toBe(2)
  })
})

it('a commit waits for a COPY that the program does not await', async () => {
  await using session = database.session()
  void session.copy(Item, named('abc'))
  await session.commit()
  expect(await count()).toBe(3)
})

it('takes stored entities for their keys, also those that it flushes before', async () => {
  await database.run(async (session) => {
    const item = new Item({ name: 'a' })
    session.add(item)
    expect(
      await session.copy(Note, [
        { id: 1, item },
        { id: 2, itemId: 1 },
      ]),
    ).toBe(2)
  })
  expect(await query('select item_id from notes')).toEqual([{ item_id: 1 }, { item_id: 1 }])
  await using session = database.session()
  await expect(session.copy(Note, [{ id: 3, item: new Item({ name: 'b' }) }])).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_FLUSH', 'row 1: Note.item refers to a Item that is not stored'),
  )
})
