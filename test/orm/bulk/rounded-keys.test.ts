import { beforeEach, describe, expect, it } from 'vitest'
import { integer, numeric, table, text, timestamptz, varchar } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class Price extends table('prices', {
  id: integer().primaryKey().generated(),
  amount: numeric({ precision: 10, scale: 2 }).nullable().unique(),
  code: varchar({ length: 3 }).nullable().unique(),
  at: timestamptz().nullable(),
  name: text(),
}) {}

const { database, query, truncate } = await testDatabase([Price])
await query(`
  alter table prices alter at type timestamptz(0);
  alter table prices add unique (at)`)
beforeEach(truncate)

// What PostgreSQL rounds or cuts when it stores it.
const keys = [
  ['amount', '1.001', '2.009'],
  ['code', 'a     ', 'b'],
  ['at', new Date('2026-01-01T00:00:00.300Z'), new Date('2026-01-01T00:00:09.900Z')],
] as const

describe.each(keys)('a key whose values are stored with another text: %s', (column, one, other) => {
  const on = [column]
  const rows = [one, other].map((value) => ({ [column]: value, name: 'new' }))

  it.each([1, 2])('finds the rows of %i given ones that are there', async (count) => {
    const given = rows.slice(0, count)
    await database.run((session) => session.insertMany(Price, given))
    const names = (update: 'name'[]) =>
      database.run(async (session) => {
        const old = given.map((row) => ({ ...row, name: 'old' }))
        const prices = await session.insertMany(Price, old, { onConflict: { on, update } })
        return prices.map(({ id, name }) => `${id} ${name}`)
      })
    const ids = [1, 2].slice(0, count)
    expect(await names([])).toEqual(ids.map((id) => `${id} new`))
    expect(await names(['name'])).toEqual(ids.map((id) => `${id} old`))
  })
})
