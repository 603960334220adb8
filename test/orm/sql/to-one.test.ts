import { describe, expect, it } from 'vitest'
import {
  array,
  belongsTo,
  type Condition,
  hasMany,
  hasOne,
  integer,
  numeric,
  type Query,
  selectinload,
  sum,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

class Owner extends table('owners', {
  id: integer().primaryKey(),
  bossId: integer().nullable(),
  tags: array(text()).default([]),
  boss: () => belongsTo(Owner, 'bossId'),
  card: () => hasOne(Card, 'ownerId'),
}) {}

class Card extends table('cards', {
  box: integer().primaryKey(),
  no: integer().primaryKey(),
  label: text(),
  price: numeric(),
  ownerId: integer(),
  owner: () => belongsTo(Owner, 'ownerId'),
  marks: () => hasMany(Mark, ['box', 'no']),
}) {}

class Mark extends table('marks', {
  id: integer().primaryKey(),
  box: integer(),
  no: integer(),
  points: integer(),
  card: () => belongsTo(Card, ['box', 'no']),
}) {}

type Row = Parameters<Parameters<Query<typeof Owner>['orderBy']>[0]>[0]

const { database, query, url } = await testDatabase([Owner, Card, Mark])
await query(
  `insert into owners (id, boss_id, tags) values (1, 3, '{a,b}'), (2, 1, '{}'), (3, 2, '{b}')`,
)
// Two cards of one owner: the relation is the first of them.
await query(`insert into cards (box, no, label, price, owner_id) values
  (2, 1, 'later', 1, 1), (1, 9, 'first', 2, 1), (1, 1, 'bob', 3, 2)`)
await query(
  'insert into marks (id, box, no, points) values (1, 2, 1, 2147483647), (2, 1, 9, 2147483647), (3, 1, 9, 1)',
)

const ids = (where: (row: Row) => Condition): Promise<number[]> =>
  database.run(async (session) => {
    const found = session
      .find(Owner)
      .filter(where)
      .orderBy((row) => row.id.asc())
    return (await found.toList()).map(({ id }) => id)
  })

describe('of several rows behind a to-one relation one is meant', () => {
  it('which loading it gives, however it is loaded', async () => {
    await using session = database.session()
    const owner = await session.find(Owner).filter({ id: 1 }).one()
    expect((await owner.card)?.label).toBe('first')
    await using other = database.session()
    const [loaded] = await other
      .find(Owner)
      .filter({ id: 1 })
      .options(selectinload(Owner.card))
      .toList()
    expect(loaded?.card.value?.label).toBe('first')
  })

  it.each<[string, (row: Row) => Condition, number[]]>([
    ['its column', (row) => row.card.label.eq('first'), [1]],
    ['a column of another', (row) => row.card.label.eq('later'), []],
    ['has', (row) => row.card.has((card) => card.label.eq('first')), [1]],
    ['has, of another', (row) => row.card.has((card) => card.label.eq('later')), []],
    ['has without a condition', (row) => row.card.has(), [1, 2]],
    ['has behind a relation', (row) => row.boss.card.has((card) => card.label.eq('first')), [2]],
    ['a relation behind it', (row) => row.card.marks.count().eq(2), [1]],
    [
      'has of has',
      (row) => row.card.has((card) => card.owner.card.has((its) => its.label.eq('bob'))),
      [2],
    ],
    ['a relation behind it in has', (row) => row.card.has((card) => card.marks.any()), [1]],
  ])('%s', async (_, where, expected) => {
    expect(await ids(where)).toEqual(expected)
  })

  it('and no row of the query is there twice', async () => {
    await using session = database.session()
    const cards = session
      .find(Owner)
      .orderBy((row) => [row.card.label.asc(), row.id.asc()])
      .select((row) => ({ id: row.id, label: row.card.label, boss: row.boss.card.label }))
    expect(await cards.toList()).toEqual([
      { id: 2, label: 'bob', boss: 'first' },
      { id: 1, label: 'first', boss: null },
      { id: 3, label: null, boss: 'bob' },
    ])
    expect(await cards.count()).toBe(3)
  })
})

it('joins of any length have aliases of their own', async () => {
  await using wire = recordWire(url)
  await using session = wire.database.session()
  const far = (row: Row, steps: number): Row =>
    steps === 0 ? row : far(row.boss as Row, steps - 1)
  const [found] = await session
    .find(Owner)
    .filter({ id: 1 })
    .select((row) => ({
      x: far(row, 60).id,
      y: far(row, 61).id,
      z: far(row, 62).id,
      card: far(row, 60).card.label,
    }))
    .toList()
  expect(found).toEqual({ x: 1, y: 3, z: 2, card: 'first' })
  const aliases = [...(wire.texts[0] ?? '').matchAll(/ as "(t\d[^"]*)"/g)].map(([, alias]) => alias)
  expect(new Set(aliases.map((alias) => alias?.slice(0, 63))).size).toBe(64)
  expect(aliases).toHaveLength(64)
})

describe('a value that an aggregate is compared with', () => {
  it('may be beyond the range of the column', async () => {
    await using session = database.session()
    const groups = session.find(Mark).groupBy((row) => row.box)
    const boxes = (limit: number) =>
      groups.having((row) => sum(row.points).gte(limit)).aggregate((row) => ({ box: row.box }))
    expect(await boxes(2_147_483_648)).toEqual([{ box: 1 }])
    expect(await boxes(2_147_483_649)).toEqual([])
  })

  it.each([
    ['another JavaScript type', 'a', 'DATA_BRIDGE_ERR_TYPE'],
    ['no integer', 1.5, 'DATA_BRIDGE_ERR_INVALID_VALUE'],
    ['no number', Number.NaN, 'DATA_BRIDGE_ERR_INVALID_VALUE'],
  ] as const)('is refused where it is %s', async (_, value, code) => {
    await using session = database.session()
    const groups = session.find(Mark).groupBy((row) => row.box)
    expect(() => groups.having((row) => sum(row.points).gt(value as never))).toThrow(coded(code))
    expect(() => session.find(Card).filter((row) => row.marks.count().gt(value as never))).toThrow(
      coded(code, 'Card.marks.count() expected'),
    )
  })
})

it('one of several arrays is an array, not one of their items', async () => {
  expect(await ids((row) => row.tags.in([['a', 'b'], []]))).toEqual([1, 2])
  expect(await ids((row) => row.tags.notIn([['b']]))).toEqual([1, 2])
  expect(await ids((row) => row.tags.in([]))).toEqual([])
})
