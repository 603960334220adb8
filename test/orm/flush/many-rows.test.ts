import { beforeEach, describe, expect, it } from 'vitest'
import { integer, table, text, timestamptz } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'

class Item extends table('items', {
  id: integer().primaryKey().generated(),
  name: text(),
  note: text().nullable(),
  count: integer().default(0),
  at: timestamptz().defaultNow(),
}) {}

class Shouted extends table('shouted', {
  id: integer().primaryKey().generated(),
  name: text(),
  count: integer().default(0),
}) {}

const { database, query, truncate } = await testDatabase([Item, Shouted])
await query(`
  create function shout() returns trigger language plpgsql as
    $$ begin new.name := upper(new.name); new.count := new.count + 1; return new; end $$;
  create trigger shout before insert or update on shouted for each row execute function shout()
`)
beforeEach(truncate)

const several = (count: number): Item[] =>
  Array.from({ length: count }, (_, index) => new Item({ name: `name ${index}` }))

const stored = (): Promise<object[]> => query('select id, name, note, count from items order by id')

describe('a flush of many new entities', () => {
  it('gives each its own row, whichever columns have values', async () => {
    const early = new Date('2001-02-03T04:05:06.789Z')
    const items = Array.from({ length: 40 }, (_, index) => {
      const id = index % 4 === 1 ? 1000 + index : undefined
      const at = index % 3 === 1 ? early : undefined
      return new Item({ id, at, name: `name ${index}`, note: index % 2 === 0 ? 'even' : null })
    })
    await database.run((session) => session.add(items))
    const rows = await stored()
    expect(rows).toHaveLength(40)
    expect(items.filter(({ at }) => at === early)).toHaveLength(13)
    for (const [index, { id, name, note, count, at }] of items.entries()) {
      expect(rows).toContainEqual({ id, name: `name ${index}`, note, count })
      expect(name).toBe(`name ${index}`)
      expect(at).toBeInstanceOf(Date)
    }
  })

  it('keeps what is added, deleted and changed while it is under way', async () => {
    await using session = database.session()
    const [kept, deleted, changed] = several(3) as [Item, Item, Item]
    session.add([kept, deleted, changed])
    const flush = session.flush()
    // Once the statement is on its way.
    await query('select 1')
    session.delete(deleted)
    changed.name = 'changed'
    const late = new Item({ name: 'late' })
    session.add(late)
    await flush
    await session.commit()
    expect((await stored()).map((row) => (row as Item).name)).toEqual(['name 0', 'changed', 'late'])
    expect(await session.get(Item, kept.id)).toBe(kept)
    expect(await session.get(Item, late.id)).toBe(late)
    expect(session.hasUnsaved).toBe(false)
  })

  it('is undone by a rollback, and can be added again', async () => {
    const items = several(5)
    await using session = database.session()
    session.add(items)
    await session.flush()
    await session.rollback()
    expect(await stored()).toEqual([])
    for (const item of items) expect(await session.get(Item, item.id)).toBeNull()
    session.add(items)
    await session.commit()
    expect(await stored()).toHaveLength(5)
  })

  it('is not undone by what comes after its commit', async () => {
    const items = several(5)
    await using session = database.session()
    session.add(items)
    await session.commit()
    for (const item of items) item.count = 1
    await session.flush()
    await session.rollback()
    session.add(items)
    for (const item of items) item.note = 'again'
    await session.commit()
    const rows = await stored()
    expect(rows).toEqual(items.map(({ id, name }) => ({ id, name, note: 'again', count: 1 })))
  })

  it('gives what a trigger has made of the rows', async () => {
    await using session = database.session()
    const all = [0, 1, 2].map((index) => new Shouted({ name: `name ${index}` }))
    session.add(all)
    await session.commit()
    expect(all.map(({ name, count }) => [name, count])).toEqual([
      ['NAME 0', 1],
      ['NAME 1', 1],
      ['NAME 2', 1],
    ])
    for (const one of all.slice(1)) one.name = 'again'
    await session.commit()
    expect(all.map(({ name, count }) => [name, count])).toEqual([
      ['NAME 0', 1],
      ['AGAIN', 2],
      ['AGAIN', 2],
    ])
    expect(session.hasUnsaved).toBe(false)
  })
})

describe('a flush of many changed entities', () => {
  it('writes of each what it changed, and nothing else', async () => {
    const items = several(9)
    await database.run((session) => session.add(items))
    await using session = database.session()
    const held = await session
      .find(Item)
      .orderBy((item) => item.id.asc())
      .toList()
    await query(`update items set name = 'other', note = 'other', count = 7`)
    for (const [index, item] of held.entries()) {
      if (index % 3 !== 0) item.name = `mine ${index}`
      if (index % 3 !== 1) item.note = `mine ${index}`
    }
    await session.commit()
    const rows = await stored()
    expect(rows).toEqual(
      held.map(({ id }, index) => ({
        id,
        name: index % 3 === 0 ? 'other' : `mine ${index}`,
        note: index % 3 === 1 ? 'other' : `mine ${index}`,
        count: 7,
      })),
    )
    expect(session.hasUnsaved).toBe(false)
  })

  it('keeps a row that was read again while it waited', async () => {
    const item = new Item({ name: 'first' })
    await database.run((session) => session.add(item))
    await using session = database.session()
    const held = await session.getOrThrow(Item, item.id)
    await query(`update items set note = 'newer'`)
    const refresh = session.refresh(held)
    held.count = 5
    const flush = session.flush()
    await Promise.all([refresh, flush])
    expect(held.note).toBe('newer')
    await session.commit()
    await query(`update items set note = 'newest'`)
    held.name = 'second'
    await session.commit()
    expect(await stored()).toMatchObject([{ name: 'second', note: 'newest' }])
  })
})
