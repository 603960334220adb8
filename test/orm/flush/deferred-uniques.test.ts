import { beforeEach, describe, expect, it } from 'vitest'
import { integer, table, text, undefer } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'

class Coupon extends table('coupons', {
  id: integer().primaryKey().generated(),
  shop: text().nullable(),
  code: text().unique().deferred(),
  mark: text().nullable().unique().deferred(),
}) {}

const { database, query, truncate } = await testDatabase([Coupon])

beforeEach(async () => {
  await truncate()
  await query(`insert into coupons (code, mark) values ('a', 'x'), ('b', 'y'), ('c', null)`)
})

const stored = (): Promise<unknown> => query('select id, code, mark from coupons order by id')

describe('a unique value that was not read', () => {
  it('is free for a new row when its own is deleted', async () => {
    await database.transaction(async (session) => {
      session.delete(await session.find(Coupon).filter({ id: 1 }).one())
      session.add(new Coupon({ code: 'a', mark: 'x' }))
    })
    expect(await stored()).toEqual([
      { id: 2, code: 'b', mark: 'y' },
      { id: 3, code: 'c', mark: null },
      { id: 4, code: 'a', mark: 'x' },
    ])
  })

  it('is free for a changed row when its own is deleted', async () => {
    await database.transaction(async (session) => {
      const rows = await session.find(Coupon).toList()
      const [first, second] = rows.toSorted((one, other) => one.id - other.id)
      session.delete(first!)
      second!.code = 'a'
    })
    expect(await stored()).toEqual([
      { id: 2, code: 'a', mark: 'y' },
      { id: 3, code: 'c', mark: null },
    ])
  })

  it('is free for a new row when its own gets another', async () => {
    await database.transaction(async (session) => {
      const row = await session.find(Coupon).filter({ id: 1 }).one()
      row.code = 'z'
      session.add(new Coupon({ code: 'a' }))
    })
    expect(await stored()).toEqual([
      { id: 1, code: 'z', mark: 'x' },
      { id: 2, code: 'b', mark: 'y' },
      { id: 3, code: 'c', mark: null },
      { id: 4, code: 'a', mark: null },
    ])
  })

  it('is exchanged with one that was read, and another stays', async () => {
    await database.transaction(async (session) => {
      const rows = await session.find(Coupon).toList()
      const [first, second] = rows.toSorted((one, other) => one.id - other.id)
      await session.load(second!, undefer(Coupon, 'mark'))
      first!.mark = 'y'
      second!.mark = 'x'
      first!.shop = 'here'
    })
    expect(await stored()).toEqual([
      { id: 1, code: 'a', mark: 'y' },
      { id: 2, code: 'b', mark: 'x' },
      { id: 3, code: 'c', mark: null },
    ])
  })

  it('is refused where another row keeps it', async () => {
    const work = database.transaction(async (session) => {
      session.delete(await session.find(Coupon).filter({ id: 1 }).one())
      session.add(new Coupon({ code: 'b' }))
    })
    await expect(work).rejects.toThrow(coded('DATA_BRIDGE_ERR_UNIQUE'))
  })
})
