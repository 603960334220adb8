import { describe, expect, it } from 'vitest'
import {
  boolean,
  type ColumnRef,
  integer,
  jsonb,
  table,
  text,
  timestamptz,
  uuid,
} from '../../../orm/index.ts'
import { columnOf } from '../../../orm/schema/column.ts'
import { testDatabase } from '../../support/database.ts'
import { constraintsOf, stateOf } from './made-objects.ts'

const id = integer().primaryKey().generated()

const { database, query } = await testDatabase()

const state = () => stateOf(query)
const constraints = (name: string) => constraintsOf(query, name)

describe('createSchema', () => {
  it('names constraints apart whose names would be equal', async () => {
    class A extends table(
      'a',
      { id, bC: text().unique(), b: text(), c: text() },
      {
        unique: [['b', 'c']],
      },
    ) {}
    class AB extends table('a_b', { id, c: text().unique() }) {}
    await database.createSchema([A, AB])
    await database.createSchema([A, AB])
    expect(Object.keys(await constraints('a'))).toEqual(['a_b_c_key', 'a_b_c_key1', 'a_pkey'])
    expect(Object.keys(await constraints('a_b'))).toEqual(['a_b_c_key2', 'a_b_pkey'])
  })

  it('keeps to names with quotes, other scripts and 63 bytes', async () => {
    const longest = 'ü'.repeat(31) + '"'
    class Odd extends table(
      longest,
      {
        id: integer('"').primaryKey(),
        emoji: text('😀'.repeat(15)).unique(),
        twin: text(`${'😀'.repeat(15)}'`).unique(),
        other: integer("it's").references(() => Odd),
      },
      {
        schema: `a"b'c`,
        checks: { [`${longest.slice(1)}%`]: (row: { id: ColumnRef<number> }) => row.id.gt(0) },
      },
    ) {}
    await database.createSchema([Odd])
    const before = await state()
    await database.createSchema([Odd])
    expect(await state()).toEqual(before)
    await database.run((session) => session.add(new Odd({ id: 1, emoji: '', twin: '', other: 1 })))
    const names = Object.keys(await constraints(`"a""b'c"."${longest.replace('"', '""')}"`))
    expect(names).toHaveLength(5)
    expect(names.every((name) => name.isWellFormed() && Buffer.byteLength(name) <= 63)).toBe(true)
    await query(`drop schema "a""b'c" cascade`)
  })

  it('keeps defaults with quotes, backslashes and lines, of dates, JSON and arrays', async () => {
    const arrayType = Object.freeze({
      ...text().spec.type,
      sql: 'text[]',
      cast: 'text[]',
      encode: (value: unknown) => value as string,
    })
    const at = new Date('0099-12-31T23:59:59.999Z')
    class Defaults extends table('defaults', {
      id: uuid().primaryKey().generated(),
      text: text().default(`'"\\\n\t$$ \u{1F600}`),
      at: timestamptz().default(at),
      json: jsonb<unknown>().default([`it's`, '\\"', { a: null }]),
      list: columnOf<string>(arrayType, undefined).default(`{"it's","a\\\\b",NULL}`),
      isOn: boolean().default(false),
    }) {}
    await database.createSchema([Defaults])
    await query('insert into defaults default values')
    const [row] = await query('select text, at, json, list from defaults')
    expect(row).toEqual({
      text: `'"\\\n\t$$ \u{1F600}`,
      at,
      json: [`it's`, '\\"', { a: null }],
      list: [`it's`, 'a\\b', null],
    })
  })
})
