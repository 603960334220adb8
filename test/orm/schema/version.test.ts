import { describe, expect, it } from 'vitest'
import {
  array,
  bigint,
  type Column,
  custom,
  integer,
  numeric,
  smallint,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { coded, failure } from '../../support/failure.ts'

const SCHEMA = 'DATA_BRIDGE_ERR_SCHEMA'
const id = integer().primaryKey()

const counting: [string, Column<unknown, true>, unknown][] = [
  ['smallint', smallint().version(), 1],
  ['integer', integer().version(), 1],
  ['bigint', bigint().version(), '1'],
  ['bigint (number)', bigint({ mode: 'number' }).version(), 1],
  ['bigint (bigint)', bigint({ mode: 'bigint' }).version(), 1n],
]

describe('version()', () => {
  it.each(counting)('is 1 in a new row: %s', (_, version, one) => {
    class Counted extends table('counted', { id, version }) {}
    expect(new Counted({ id: 1 }).version).toBe(one)
    expect(tableOf(Counted).version?.name).toBe('version')
  })

  it.each([
    ['text', text()],
    ['numeric', numeric()],
    ['timestamp(3) with time zone', timestamptz()],
    ['integer[]', array(integer())],
    ['integer', custom({ sql: 'integer', decode: Number, encode: String })],
  ])('refuses a column of %s, which does not count', (sql, column) => {
    expect(() => column.version()).toThrow(
      coded(SCHEMA, `version() is for columns of smallint, integer and bigint`),
    )
    expect(() => column.version()).toThrow(coded(SCHEMA, `this one is ${sql}`))
  })

  it.each([
    ['nullable()', integer().version().nullable()],
    ['primaryKey()', integer().primaryKey().version()],
    ['generated()', integer().generated().version()],
    [
      'onUpdate()',
      integer()
        .version()
        .onUpdate(() => 7),
    ],
    ['a default', integer().version().default(5)],
    ['a default', integer().default(5).version()],
    ['unique()', integer().unique().version()],
    [
      'references()',
      integer()
        .version()
        .references(() => Object),
    ],
  ])('refuses %s on the same column, when the table is declared', (what, version) => {
    expect(() => table('t', { id, version })).toThrow(
      coded(SCHEMA, `table('t').version is a version() and cannot have ${what} too`),
    )
  })

  it('is on one column of a table', () => {
    const twice = { id, a: integer().version(), b: bigint().version() }
    expect(() => table('t', twice)).toThrow(
      coded(SCHEMA, `table('t') expected one version(), got a and b`),
    )
  })
})

describe("the option version: 'xmin'", () => {
  it('refuses another value', async () => {
    const error = await failure(SCHEMA, () => table('t', { id }, { version: 'ctid' as never }))
    expect(error.message).toBe(`table('t'): version expected 'xmin', got the string "ctid"`)
  })

  it('refuses a column that is a version too', async () => {
    const declare = () => table('t', { id, revision: integer().version() }, { version: 'xmin' })
    const error = await failure(SCHEMA, declare)
    expect(error.message).toBe(
      `table('t') expected version: 'xmin' or a column with version(), got both: revision`,
    )
  })

  it('adds no column and no property', () => {
    class Row extends table('t', { id }, { version: 'xmin' }) {}
    expect(tableOf(Row).columns.map(({ name }) => name)).toEqual(['id'])
    expect(Object.keys(new Row({ id: 1 }))).toEqual(['id'])
  })
})
