import { beforeEach, describe, expect, it } from 'vitest'
import {
  array,
  bigint,
  boolean,
  bytea,
  count,
  date,
  double,
  inet,
  integer,
  jsonb,
  numeric,
  Session,
  smallint,
  table,
  text,
  time,
  timestamp,
  timestamptz,
  uuid,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Event extends table('events', {
  code: text().primaryKey(),
  day: date().primaryKey(),
  name: text().default(''),
  at: timestamptz().nullable(),
  size: bigint({ mode: 'number' }).nullable(),
}) {}

/** Columns of other types than the class says. */
class Wrong extends table('wrong', {
  id: integer().primaryKey(),
  zoned: timestamptz().nullable(),
  local: timestamp().nullable(),
  number: integer().nullable(),
  small: smallint().nullable(),
  big: bigint().nullable(),
  exact: numeric().nullable(),
  rough: double().nullable(),
  flag: boolean().nullable(),
  key: uuid().nullable(),
  day: date().nullable(),
  time: time().nullable(),
  address: inet().nullable(),
  bytes: bytea().nullable(),
  document: jsonb().nullable(),
  list: array(integer()).nullable(),
  nested: array(array(integer())).nullable(),
  holes: array(integer()).nullable(),
}) {}

const { database, query, truncate, url } = await testDatabase([Event])

await query(`create table wrong (
  id integer primary key, zoned timestamp, local timestamptz, number bigint, small integer, big numeric,
  exact text, rough text, flag text, key text, day timestamp, time interval, address text, bytes text,
  document text, list text, nested integer[], holes integer[])`)

beforeEach(truncate)

const inRow = 'in the row of Event with code the string "b" and day the string "2024-02-29"'

describe.each([
  ['at', "'infinity'", 'the column at holds an infinite timestamp'],
  ['at', "'-infinity'", 'the column at holds an infinite timestamp'],
  ['at', "'290000-01-01'", 'the column at holds a timestamp later than any Date'],
  ['size', '9007199254740993', 'the column size holds a bigint beyond the safe integers'],
] as const)('a value of %s that cannot be read, %s,', (column, value, message) => {
  const spoil = () => query(`update events set ${column} = ${value} where code = 'b'`)
  const error = coded('DATA_BRIDGE_ERR_STATEMENT', message)
  const where = coded('DATA_BRIDGE_ERR_STATEMENT', inRow)

  beforeEach(() =>
    query(
      `insert into events values ('a', '2024-02-28'), ('b', '2024-02-29'), ('c', '2024-03-01')`,
    ),
  )

  it('is an error that names the column and the key, in lists and alone', async () => {
    await spoil()
    await using session = database.session()
    const list = () => session.find(Event).toList()
    await expect(list()).rejects.toThrow(error)
    await expect(list()).rejects.toThrow(where)
    const get = () => session.get(Event, { code: 'b', day: '2024-02-29' })
    await expect(get()).rejects.toThrow(error)
    await expect(get()).rejects.toThrow(where)
  })

  it('leaves other rows and columns alone', async () => {
    await spoil()
    await using session = database.session()
    await expect(session.find(Event).toList()).rejects.toThrow(error)
    const others = await session
      .find(Event)
      .filter((row) => row.code.ne('b'))
      .toList()
    for (const event of others) event.name = 'changed'
    expect(await session.find(Event).count()).toBe(3)
    const names = await session
      .find(Event)
      .groupBy((row) => row.name)
      .aggregate((row) => ({ name: row.name, events: count() }))
    expect(names).toEqual(
      expect.arrayContaining([
        { name: '', events: 1 },
        { name: 'changed', events: 2 },
      ]),
    )
    await session.commit()
    expect(await query('select name from events order by code')).toEqual([
      { name: 'changed' },
      { name: '' },
      { name: 'changed' },
    ])
  })

  it('of an entity in hand fails its refresh, and changes nothing of it', async () => {
    await using session = database.session()
    const [a, b] = await session
      .find(Event)
      .orderBy((row) => row.code.asc())
      .toList()
    await session.commit()
    await spoil()
    await query(`update events set name = 'theirs'`)
    await expect(session.refresh(b as Event)).rejects.toThrow(where)
    expect(b).toMatchObject({ name: '', at: null, size: null })
    const { queryCount } = session.stats
    await session.flush()
    expect(session.stats.queryCount).toBe(queryCount)
    Object.assign(a as Event, { name: 'ours' })
    await session.commit()
    expect(await query('select name from events order by code')).toEqual([
      { name: 'ours' },
      { name: 'theirs' },
      { name: 'theirs' },
    ])
  })

  it('that a trigger makes fails the flush, and nothing is written', async () => {
    await query(`create function spoil() returns trigger language plpgsql as
      $$ begin new.${column} := ${value}; return new; end $$`)
    await query(`create trigger spoil before insert or update on events
      for each row when (new.code = 'b') execute function spoil()`)
    try {
      await query(`delete from events where code = 'b'`)
      // Of its own: what another one knows of the table it learned before there was a trigger.
      await using session = new Session(url)
      session.add(['x', 'b'].map((code) => new Event({ code, day: '2024-02-29' })))
      await expect(session.commit()).rejects.toThrow(where)
      expect(await query(`select from events where code in ('b', 'x')`)).toEqual([])
    } finally {
      await query('drop function spoil cascade')
    }
  })
})

describe('a column of another type than the class says', () => {
  it.each([
    [
      'zoned',
      "'2024-02-29 09:30'",
      'zoned is a timestamp without time zone in the database; declare it timestamp()',
    ],
    [
      'local',
      "'2024-02-29 09:30+00'",
      'local is a timestamp with time zone in the database; declare it timestamptz()',
    ],
    ['number', '2147483648', 'number is declared as integer'],
    ['small', '32768', 'small is declared as smallint'],
    ['big', '1.5', 'big is declared as bigint'],
    ['exact', "'one'", 'exact is declared as numeric'],
    ['rough', "'one'", 'rough is declared as double precision'],
    ['flag', "'yes'", 'flag is declared as boolean'],
    ['key', "'one'", 'key is declared as uuid'],
    ['day', "'2024-02-29 09:30'", 'day is declared as date'],
    ['time', "'1 day'", 'time is declared as time'],
    ['address', "'one'", 'address is declared as inet'],
    ['bytes', "'one'", 'bytes does not hold bytes'],
    ['document', "'{one}'", 'document is declared as jsonb'],
    ['list', "'one'", 'list is declared as an array'],
    ['nested', "'{1,2}'", 'nested holds an array with another number of dimensions'],
    ['holes', "'{1,NULL}'", 'holes holds an array with NULL in it'],
  ])('is an error that names it and the row: %s', async (column, value, message) => {
    await query(`insert into wrong (id, ${column}) values (1, null), (2, ${value})`)
    await using session = database.session()
    expect(await session.get(Wrong, 1)).not.toBeNull()
    const read = () => session.find(Wrong).toList()
    await expect(read()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_STATEMENT', `the column ${message}`),
    )
    await expect(read()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_STATEMENT', '(in the row of Wrong with id the string "2")'),
    )
  })

  it.each([1, 3])('is a coded error of the flush that writes it, %d rows at once', async (rows) => {
    const at = new Date('2024-02-29T09:30:00Z')
    for (const name of ['zoned', 'local'] as const) {
      const insert = database.run((session) =>
        session.add(Array.from({ length: rows }, (_, id) => new Wrong({ id, [name]: at }))),
      )
      await expect(insert).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_STATEMENT', `the column ${name} is a timestamp with`),
      )
      expect(await query('select from wrong')).toEqual([])
      await query('insert into wrong (id) select generate_series(0, $1)', [rows - 1])
      const update = database.run(async (session) => {
        for (const row of await session.find(Wrong).toList()) row[name] = at
      })
      await expect(update).rejects.toThrow(
        coded('DATA_BRIDGE_ERR_STATEMENT', `the column ${name} is a timestamp with`),
      )
      expect(await query(`select from wrong where ${name} is not null`)).toEqual([])
      await truncate()
    }
  })
})
