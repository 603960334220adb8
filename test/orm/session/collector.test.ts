import { beforeEach, describe, expect, it } from 'vitest'
import {
  belongsTo,
  custom,
  double,
  integer,
  jsonb,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { stateOf } from '../../../orm/entity/entity-state.ts'
import { identityOf } from '../../../orm/entity/identity.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { Collector } from '../../../orm/session/collector.ts'
import { UnitOfWork } from '../../../orm/unit-of-work/unit-of-work.ts'
import { testDatabase } from '../../support/database.ts'
import { owner } from '../../support/entity-owner.ts'
import { coded } from '../../support/failure.ts'

class Note extends table('notes', {
  id: integer().primaryKey(),
  body: jsonb<unknown>(),
}) {}

class Pair extends table('pairs', {
  left: text().primaryKey(),
  right: text().primaryKey(),
  at: timestamptz().nullable(),
}) {}

class Reading extends table('readings', {
  at: timestamptz({ precision: 6 }).primaryKey(),
  value: double(),
}) {}

/** Keeps texts where the key that it refers to keeps numbers. */
const idText = custom<string>({
  sql: 'integer',
  kind: 'integer',
  hasExactText: true,
  decode: (given) => `#${given}`,
  encode: (value) => value.slice(1),
})

class Remark extends table('remarks', {
  id: integer().primaryKey(),
  noteId: idText.references(() => Note),
  note: () => belongsTo(Note, 'noteId'),
}) {}

const { database, query, truncate } = await testDatabase([Note, Pair, Reading, Remark])

beforeEach(truncate)

const notes = tableOf(Note)

describe('a collector', () => {
  it('keeps new entities to itself until the statement has succeeded', () => {
    const work = new UnitOfWork(owner)
    const collector = new Collector(notes, work, owner)
    collector.row([1, '"a"'])
    collector.row([2, '"b"'])
    expect(work.identity.get(notes, 1)).toBeUndefined()
    const [first, second] = collector.entities()
    expect(first).toEqual(new Note({ id: 1, body: 'a' }))
    expect(work.identity.get(notes, 1)).toBe(first)
    expect(work.identity.get(notes, 2)).toBe(second)
  })

  it('gives one entity for several rows of one key, and the held one first', () => {
    const work = new UnitOfWork(owner)
    const before = new Collector(notes, work, owner)
    before.row([1, '"held"'])
    const [held] = before.entities()
    const collector = new Collector(notes, work, owner)
    for (const row of [
      [1, '"x"'],
      [2, '"first"'],
      [2, '"second"'],
    ] as const)
      collector.row(row)
    const entities = collector.entities()
    expect(entities[0]).toBe(held)
    expect(entities[1]).toBe(entities[2])
    expect(entities.map((entity) => (entity as Note).body)).toEqual(['held', 'first', 'first'])
  })

  it('gives the entity that the session got meanwhile', () => {
    const work = new UnitOfWork(owner)
    const slow = new Collector(notes, work, owner)
    slow.row([1, '"slow"'])
    slow.row([2, '"only here"'])
    const fast = new Collector(notes, work, owner)
    fast.row([1, '"fast"'])
    const [first] = fast.entities()
    const entities = slow.entities()
    expect(entities[0]).toBe(first)
    expect(work.identity.get(notes, 1)).toBe(first)
    expect(work.identity.get(notes, 2)).toBe(entities[1])
  })

  it('tells several parts of a key from one that has the same characters', () => {
    const table = tableOf(Pair)
    const keys = [
      ['a', 'b1:c'],
      ['ab1:', 'c'],
      ['a1:b', 'c'],
      ['', 'ab1:c'],
    ].map(([left, right]) => identityOf(table, [left as string, right as string, null]))
    expect(new Set(keys).size).toBe(keys.length)
  })
})

describe('a query that fails in the middle of its rows', () => {
  it('leaves the session without its entities', async () => {
    await query(`insert into notes values (1, '1'), (2, '2')`)
    await query(`alter table notes alter column body type text`)
    await query(`update notes set body = 'no json' where id = 2`)
    await using session = database.session()
    const all = session.find(Note).orderBy((row) => row.id.asc())
    await expect(all.toList()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_STATEMENT', 'in the row of Note with id the string "2"'),
    )
    const { queryCount } = session.stats
    expect((await session.get(Note, 1))?.body).toBe(1)
    expect(session.stats.queryCount).toBe(queryCount + 1)
    await query(`alter table notes alter column body type jsonb using to_jsonb(body)`)
  })
})

describe('what is kept', () => {
  it('is the number, of an instant that of its microseconds', async () => {
    await query(`insert into notes values (1, '{"a": 1}')`)
    await query(
      `insert into readings values ('2024-02-29 12:00:00.001Z', 'NaN'), ('2024-02-29 12:00:00.001002Z', '-0')`,
    )
    await using session = database.session()
    const note = (await session.get(Note, 1)) as Note
    expect(stateOf(note).snapshot).toEqual([1, '{"a": 1}'])
    const readings = await session
      .find(Reading)
      .orderBy((row) => row.at.asc())
      .toList()
    expect(readings.map((reading) => stateOf(reading).snapshot)).toEqual([
      [1709208000001000, Number.NaN],
      [1709208000001002, -0],
    ])
    expect(session.hasUnsaved).toBe(false)
    for (const reading of readings) reading.value = 5
    await session.commit()
    const stored = await query(
      `select extract(microseconds from at)::int as micros, value from readings order by at`,
    )
    expect(stored).toEqual([
      { micros: 1000, value: 5 },
      { micros: 1002, value: 5 },
    ])
  })

  it('is matched by its text where a foreign key keeps it in another form', async () => {
    await query(`insert into notes values (1, '1'), (2, '2')`)
    await query(`insert into remarks values (1, 1), (2, 2), (3, 2)`)
    await using session = database.session()
    const remarks = await session
      .find(Remark)
      .orderBy((row) => row.id.asc())
      .toList()
    expect(remarks.map(({ noteId }) => noteId)).toEqual(['#1', '#2', '#2'])
    const note = await session.get(Note, 2)
    const { queryCount } = session.stats
    expect(await remarks[1]?.note).toBe(note)
    expect(session.stats.queryCount).toBe(queryCount)
    expect((await remarks[0]?.note)?.id).toBe(1)
    session.delete(remarks, note as Note)
    await session.commit()
    expect(await query('select id from notes')).toEqual([{ id: 1 }])
  })

  it('orders new rows whose keys are kept in two forms', async () => {
    await using session = database.session()
    session.add(new Remark({ id: 1, noteId: '#7' }), new Note({ id: 7, body: 1 }))
    await session.commit()
    expect(await query('select note_id from remarks')).toEqual([{ note_id: 7 }])
  })
})
