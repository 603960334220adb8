import { beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, hasMany, integer, type Key, keyOf, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded, failure } from '../../support/failure.ts'

class Pair extends table('pairs', {
  a: integer().primaryKey(),
  b: integer().primaryKey(),
  note: text().nullable(),
}) {}

class Label extends table('labels', {
  first: text().primaryKey(),
  second: text().primaryKey(),
  value: integer().default(0),
}) {}

class Order extends table('orders', {
  id: integer().primaryKey().generated(),
  name: text(),
  lines: () => hasMany(Line, 'orderId'),
}) {}

class Line extends table('lines', {
  orderId: integer()
    .primaryKey()
    .references(() => Order),
  no: integer().primaryKey(),
  what: text(),
  order: () => belongsTo(Order, 'orderId'),
  parcels: () => hasMany(Parcel, ['orderId', 'no']),
}) {}

class Parcel extends table(
  'parcels',
  {
    id: integer().primaryKey().generated(),
    orderId: integer().nullable(),
    no: integer().nullable(),
    line: () => belongsTo(Line, ['orderId', 'no']),
    order: () => belongsTo(Order, 'orderId'),
  },
  { foreignKeys: [{ columns: ['orderId', 'no'], references: () => keyOf(Line) }] },
) {}

class Node extends table(
  'nodes',
  {
    tree: integer().primaryKey(),
    no: integer().primaryKey(),
    parentNo: integer().nullable(),
    parent: () => belongsTo(Node, ['tree', 'parentNo']),
    children: () => hasMany(Node, ['tree', 'parentNo']),
  },
  { foreignKeys: [{ columns: ['tree', 'parentNo'], references: () => keyOf(Node) }] },
) {}

const { database, query, truncate } = await testDatabase([Pair, Label, Order, Line, Parcel, Node])
beforeEach(async () => {
  await truncate()
  await query(`insert into pairs values (1, 1, 'x'), (1, 2, 'y'), (1, 3, 'z')`)
})

const stored = () => query('select * from pairs order by a, b')

describe('get', () => {
  it('finds a row by all of its key, and holds it', async () => {
    await using session = database.session()
    const pair = await session.get(Pair, { a: 1, b: 3 })
    expect(pair).toMatchObject({ a: 1, b: 3, note: 'z' })
    expect(await session.get(Pair, { b: 3, a: 1 })).toBe(pair)
    expect(await session.get(Pair, { a: 3, b: 1 })).toBeNull()
    expect(session.stats.queryCount).toBe(2)
    expect(await session.find(Pair).toList()).toHaveLength(3)
    expect(new Set(await session.find(Pair).toList()).size).toBe(3)
  })

  it('tells keys apart whose texts look alike when they are joined', async () => {
    await using session = database.session()
    const labels = [
      new Label({ first: 'a', second: 'b,c', value: 1 }),
      new Label({ first: 'a,b', second: 'c', value: 2 }),
      new Label({ first: '', second: 'a,b,c', value: 3 }),
      new Label({ first: '1:a', second: '', value: 4 }),
    ]
    session.add(labels)
    await session.flush()
    for (const label of labels) {
      const { first, second } = label
      expect(await session.get(Label, { first, second })).toBe(label)
    }
    labels.forEach((label) => (label.value *= 10))
    await session.commit()
    expect(await query('select value from labels order by value')).toEqual([
      { value: 10 },
      { value: 20 },
      { value: 30 },
      { value: 40 },
    ])
  })

  it.each([
    ['a scalar', 1, 'the number 1'],
    ['null', null, 'null'],
    ['an array', [1, 3], 'an array of 2'],
    ['an empty object', {}, 'an empty object'],
    ['a part less', { a: 1 }, 'one with a'],
    ['a part more', { a: 1, b: 3, c: 1 }, 'one with a, b and c'],
    ['another part', { a: 1, c: 3 }, 'one with a and c'],
    ['an undefined part', { a: 1, b: undefined }, 'one whose b is undefined'],
  ])('refuses %s as a mistake of the program', async (_, key, got) => {
    await using session = database.session()
    const error = await failure('DATA_BRIDGE_ERR_ENTITY', () =>
      session.get(Pair, key as unknown as Key<Pair>),
    )
    expect(error.details).toBe(`the key of Pair expected an object with a and b, got ${got}`)
    expect(error.statusCode).toBe(500)
  })

  it('getOrThrow() answers 404 where there is no row', async () => {
    await using session = database.session()
    expect(await session.getOrThrow(Pair, { a: 1, b: 2 })).toMatchObject({ note: 'y' })
    const error = await failure('DATA_BRIDGE_ERR_NOT_FOUND', () =>
      session.getOrThrow(Pair, { a: 9, b: 9 }),
    )
    expect(error.statusCode).toBe(404)
    expect(error.details).toBe('getOrThrow(Pair) expected a row with this key, got none')
  })
})

describe('getMany', () => {
  it('gives entities in the order of the keys, and asks once for those it does not hold', async () => {
    await using session = database.session()
    const held = await session.get(Pair, { a: 1, b: 2 })
    const { queryCount } = session.stats
    const pairs = await session.getMany(Pair, [
      { a: 1, b: 3 },
      { a: 7, b: 7 },
      { a: 1, b: 2 },
      { a: 1, b: 1 },
      { a: 1, b: 3 },
    ])
    expect(pairs.map(({ note }) => note)).toEqual(['z', 'y', 'x', 'z'])
    expect(pairs[1]).toBe(held)
    expect(pairs[3]).toBe(pairs[0])
    expect(session.stats.queryCount).toBe(queryCount + 1)
  })

  it('asks nothing where it holds all, or none was given', async () => {
    await using session = database.session()
    await session.find(Pair).toList()
    const { queryCount } = session.stats
    expect(await session.getMany(Pair, [{ a: 1, b: 1 }])).toHaveLength(1)
    expect(await session.getMany(Pair, [])).toEqual([])
    expect(session.stats.queryCount).toBe(queryCount)
  })

  it('leaves out what is to be deleted, and finds what was added', async () => {
    await using session = database.session()
    const first = await session.getOrThrow(Pair, { a: 1, b: 1 })
    session.delete(first)
    const added = new Pair({ a: 2, b: 2 })
    session.add(added)
    const keys = [first, added].map(({ a, b }) => ({ a, b }))
    expect(await session.getMany(Pair, keys)).toEqual([added])
    await session.rollback()
  })

  it('works with a key of one column', async () => {
    await using session = database.session()
    const orders = ['one', 'two', 'three'].map((name) => new Order({ name }))
    session.add(orders)
    await session.commit()
    await using other = database.session()
    const ids = orders.map(({ id }) => id).toReversed()
    const found = await other.getMany(Order, [...ids, 99])
    expect(found.map(({ id }) => id)).toEqual(ids)
  })

  it('refuses keys that are not in a list', async () => {
    await using session = database.session()
    await expect(session.getMany(Pair, { a: 1, b: 1 } as never)).rejects.toThrow(
      'the key of Pair expected an array of keys, got an object',
    )
  })
})

describe('writes', () => {
  it('change and delete the row of the whole key, one at a time and together', async () => {
    await database.run(async (session) => {
      const pair = await session.getOrThrow(Pair, { a: 1, b: 2 })
      pair.note = 'changed'
    })
    expect(await stored()).toEqual([
      { a: 1, b: 1, note: 'x' },
      { a: 1, b: 2, note: 'changed' },
      { a: 1, b: 3, note: 'z' },
    ])
    await database.run(async (session) => {
      const [one, two, three] = await session
        .find(Pair)
        .orderBy((row) => row.b.asc())
        .toList()
      if (one) one.note = 'one'
      if (three) three.note = 'three'
      if (two) session.delete(two)
    })
    expect(await stored()).toEqual([
      { a: 1, b: 1, note: 'one' },
      { a: 1, b: 3, note: 'three' },
    ])
    await database.run(async (session) => session.delete(await session.find(Pair).toList()))
    expect(await stored()).toEqual([])
  })

  it('refuse a changed part of a key', async () => {
    await using session = database.session()
    const pair = await session.getOrThrow(Pair, { a: 1, b: 2 })
    pair.b = 9
    await expect(session.flush()).rejects.toThrow(coded('DATA_BRIDGE_ERR_FLUSH'))
    await session.rollback()
  })

  it('refresh() reads the row of the whole key', async () => {
    await using session = database.session()
    const pair = await session.getOrThrow(Pair, { a: 1, b: 2 })
    await query(`update pairs set note = 'outside' where b = 2`)
    await session.refresh(pair)
    expect(pair.note).toBe('outside')
    await query('delete from pairs where b = 2')
    await expect(session.refresh(pair)).rejects.toThrow(coded('DATA_BRIDGE_ERR_NOT_FOUND'))
  })

  it('a savepoint that is rolled back detaches what was added and changed in it', async () => {
    await using session = database.session()
    const pair = await session.getOrThrow(Pair, { a: 1, b: 2 })
    const other = await session.getOrThrow(Pair, { a: 1, b: 1 })
    const added = new Pair({ a: 5, b: 5 })
    await session.transaction(async () => {
      await session.flush()
      const inner = session.transaction(async () => {
        pair.note = 'undone'
        session.add(added)
        await session.flush()
        throw new Error('undo')
      })
      await expect(inner).rejects.toThrow('undo')
      expect(await session.get(Pair, { a: 1, b: 2 })).not.toBe(pair)
      expect(await session.get(Pair, { a: 1, b: 1 })).toBe(other)
      expect(await session.get(Pair, { a: 5, b: 5 })).toBeNull()
    })
    expect((await stored()).map(({ note }) => note)).toEqual(['x', 'y', 'z'])
  })
})

describe('relations', () => {
  it('take their keys from new entities, however they are nested', async () => {
    const order = new Order({ name: 'first' })
    const line = new Line({ order, no: 1, what: 'tea' })
    const parcel = new Parcel({ line })
    await database.run((session) => session.add(parcel))
    expect(parcel).toMatchObject({ orderId: order.id, no: 1 })
    expect(line.orderId).toBe(order.id)
    expect(await query('select order_id, no from parcels')).toEqual([{ order_id: order.id, no: 1 }])
    await database.run(async (session) => {
      const found = await session.getOrThrow(Line, { orderId: order.id, no: 1 })
      expect((await found.parcels).map(({ id }) => id)).toEqual([parcel.id])
      expect((await found.order).name).toBe('first')
    })
  })

  it('may share a column, where they agree', async () => {
    const order = new Order({ name: 'first' })
    const line = new Line({ order, no: 1, what: 'tea' })
    const parcel = new Parcel({ line, order })
    await database.run((session) => session.add(parcel))
    expect(parcel).toMatchObject({ orderId: order.id, no: 1 })
    const other = new Order({ name: 'other' })
    await database.run((session) => session.add(other))
    expect(() => new Parcel({ line, order: other })).toThrow(coded('DATA_BRIDGE_ERR_ENTITY'))
  })

  it('that share a column and turn out to disagree are refused', async () => {
    const [one, two] = [new Order({ name: 'one' }), new Order({ name: 'two' })]
    const line = new Line({ order: one, no: 1, what: 'tea' })
    const parcel = new Parcel({ line, order: two })
    await expect(database.run((session) => session.add(parcel))).rejects.toThrow(
      'Parcel.order and orderId contradict each other; give one of them',
    )
    expect(await query('select from orders')).toEqual([])
  })

  it('insert and delete rows in the order of composite keys', async () => {
    const orders = [1, 2, 3].map((id) => new Order({ name: `${id}` }))
    const lines = orders.flatMap((order) =>
      [1, 2].map((no) => new Line({ order, no, what: `${no}` })),
    )
    const parcels = lines.map((line) => new Parcel({ line }))
    await database.run((session) => session.add(parcels, lines, orders))
    expect(await query('select from parcels')).toHaveLength(6)
    await database.run(async (session) => {
      const all = [
        ...(await session.find(Order).toList()),
        ...(await session.find(Line).toList()),
        ...(await session.find(Parcel).toList()),
      ]
      session.delete(all)
    })
    expect(await query('select from orders')).toEqual([])
  })

  it('may refer to the same table', async () => {
    const root = new Node({ tree: 1, no: 1 })
    const child = new Node({ parent: root, no: 2 })
    const leaf = new Node({ parent: child, no: 3 })
    await database.run((session) => session.add(leaf))
    expect(await query('select * from nodes order by no')).toEqual([
      { tree: 1, no: 1, parent_no: null },
      { tree: 1, no: 2, parent_no: 1 },
      { tree: 1, no: 3, parent_no: 2 },
    ])
    await database.run(async (session) => {
      const first = await session.getOrThrow(Node, { tree: 1, no: 1 })
      expect((await first.children).map(({ no }) => no)).toEqual([2])
      session.delete(await session.find(Node).toList())
    })
    expect(await query('select from nodes')).toEqual([])
  })

  it('in a circle are written in two steps', async () => {
    const [one, two] = [new Node({ tree: 1, no: 1 }), new Node({ tree: 1, no: 2 })]
    await database.run(async (session) => {
      session.add(one, two)
      await session.flush()
      one.parentNo = 2
      two.parentNo = 1
    })
    expect(await query('select parent_no from nodes order by no')).toEqual([
      { parent_no: 2 },
      { parent_no: 1 },
    ])
    await database.run(async (session) => session.delete(await session.find(Node).toList()))
    expect(await query('select from nodes')).toEqual([])
  })

  it('keys given as values are ordered as entities are', async () => {
    const nodes = [3, 1, 2].map(
      (no) => new Node({ tree: 1, no, parentNo: no === 1 ? null : no - 1 }),
    )
    await database.run((session) => session.add(nodes))
    expect(await query('select from nodes')).toHaveLength(3)
  })
})
