/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  bigint,
  type Column,
  integer,
  type NewRow,
  type Row,
  smallint,
  table,
  text,
} from 'fastify-data-bridge/orm'
import type { DataBridgeRouteOptions } from 'fastify-data-bridge'
import { describe, expectTypeOf, it } from 'vitest'

class Account extends table('accounts', {
  id: integer().primaryKey().generated(),
  name: text(),
  version: integer().version(),
}) {}

class ByXmin extends table(
  'by_xmin',
  { id: integer().primaryKey().generated(), name: text() },
  { version: 'xmin' },
) {}

describe('version()', () => {
  it('has the type of its column, and new may leave it out', () => {
    expectTypeOf(integer().version()).toEqualTypeOf<Column<number, true>>()
    expectTypeOf(smallint().version()).toEqualTypeOf<Column<number, true>>()
    expectTypeOf(bigint().version()).toEqualTypeOf<Column<string, true>>()
    expectTypeOf(bigint({ mode: 'number' }).version()).toEqualTypeOf<Column<number, true>>()
    expectTypeOf(bigint({ mode: 'bigint' }).version()).toEqualTypeOf<Column<bigint, true>>()
    expectTypeOf(integer('lock').version().hidden()).toEqualTypeOf<Column<number, true>>()
    const account = new Account({ name: 'Ann' })
    new Account({ name: 'Ann', version: 7 })
    expectTypeOf(account.version).toEqualTypeOf<number>()
    expectTypeOf<NewRow<typeof Account>['version']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<Row<typeof Account>>().toEqualTypeOf<{
      id: number
      name: string
      version: number
    }>()
    // @ts-expect-error a string where a number belongs
    new Account({ name: 'Ann', version: '1' })
    // @ts-expect-error the name is still required
    new Account({ version: 1 })
  })
})

describe("the option version: 'xmin'", () => {
  it('adds no property', () => {
    expectTypeOf<Row<typeof ByXmin>>().toEqualTypeOf<{ id: number; name: string }>()
    // @ts-expect-error no such column
    new ByXmin({ name: 'Ann', version: 1 })
    // @ts-expect-error no such column
    new ByXmin({ name: 'Ann', xmin: 1 })
  })

  it('is the only value of the option', () => {
    // @ts-expect-error another system column
    table('t', { id: integer().primaryKey() }, { version: 'ctid' })
    // @ts-expect-error the name of a column
    table('t', { id: integer().primaryKey(), version: integer() }, { version: 'version' })
  })
})

it('the option etag of a route is true or false', () => {
  expectTypeOf<DataBridgeRouteOptions['etag']>().toEqualTypeOf<boolean | undefined>()
})
