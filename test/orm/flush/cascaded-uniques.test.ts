import { beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, integer, type Session, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

const id = integer().primaryKey().generated()

class Shop extends table('shops', { id, name: text() }) {}
class Shelf extends table('shelves', {
  id,
  shopId: integer().references(() => Shop, { onDelete: 'cascade' }),
  shop: () => belongsTo(Shop, 'shopId'),
}) {}
class Box extends table('boxes', {
  id,
  code: text().unique(),
  shelfId: integer().references(() => Shelf, { onDelete: 'cascade' }),
  shelf: () => belongsTo(Shelf, 'shelfId'),
}) {}

const { database, query, truncate } = await testDatabase([Shop, Shelf, Box])
beforeEach(truncate)

const shelfIn = (name: string): Shelf => new Shelf({ shop: new Shop({ name }) })

async function filled(session: Session): Promise<{ shelf: Shelf; boxes: readonly Box[] }> {
  const shelf = shelfIn('old')
  const boxes = ['a', 'b'].map((code) => new Box({ code, shelf }))
  session.add(boxes)
  await session.flush()
  return { shelf, boxes }
}

const stored = async (): Promise<unknown[]> =>
  (
    await query(`select code || ' in ' || name as box from boxes
      join shelves on shelves.id = shelf_id join shops on shops.id = shop_id order by code`)
  ).map(({ box }) => box)

describe('a unique value of a row that goes with a deleted one', () => {
  it('is taken by a new row in the same flush', async () => {
    await database.run(async (session) => {
      const { shelf } = await filled(session)
      session.delete(shelf)
      session.add(new Box({ code: 'a', shelf: shelfIn('new') }))
    })
    expect(await stored()).toEqual(['a in new'])
  })

  it('is taken where it goes over other rows', async () => {
    await database.run(async (session) => {
      const { shelf } = await filled(session)
      const shop = await shelf.shop
      const shelfNow = shelfIn('new')
      session.delete(shop)
      session.add(['b', 'c'].map((code) => new Box({ code, shelf: shelfNow })))
    })
    expect(await stored()).toEqual(['b in new', 'c in new'])
  })

  it('is taken by a row that leaves the deleted one', async () => {
    await database.run(async (session) => {
      const { shelf, boxes } = await filled(session)
      const other = shelfIn('other')
      session.add(other)
      await session.flush()
      boxes[0]?.shelf.set(other)
      boxes[0]!.code = 'b'
      session.delete(shelf)
      await session.flush()
      expect(await session.find(Box).toList()).toEqual([boxes[0]])
    })
    expect(await stored()).toEqual(['b in other'])
  })
})
