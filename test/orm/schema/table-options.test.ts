import { describe, expect, it } from 'vitest'
import {
  belongsTo,
  type ColumnRef,
  type Condition,
  hasMany,
  hasOne,
  integer,
  keyOf,
  manyToMany,
  table,
  text,
} from '../../../orm/index.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { coded, failure } from '../../support/failure.ts'

const id = integer().primaryKey().generated()
const SCHEMA = 'DATA_BRIDGE_ERR_SCHEMA'

class Line extends table('lines', {
  orderId: integer().primaryKey(),
  no: integer().primaryKey(),
  note: text(),
}) {}

function declare(options: unknown): () => unknown {
  const fields = { id, orderId: integer(), no: integer(), lines: () => hasMany(Line, 'no') }
  return () => table('t', fields, options as never)
}

function properties(columns: readonly { readonly property: string }[]): readonly string[] {
  return columns.map(({ property }) => property)
}

describe('options of a table', () => {
  it('are kept with its columns in place of their names', () => {
    const check = (row: { readonly no: ColumnRef<number> }): Condition => row.no.gte(0)
    class Own extends table(
      't',
      { id, orderId: integer(), no: integer() },
      {
        schema: 's',
        comment: 'lines',
        unique: [['orderId', 'no']],
        indexes: [['no'], ['no', 'id']],
        checks: { no_positive: check },
        foreignKeys: [{ columns: ['orderId', 'no'], references: () => keyOf(Line) }],
      },
    ) {}
    const { settings, foreignKeys } = tableOf(Own)
    expect(settings).toMatchObject({ schema: 's', comment: 'lines' })
    expect(settings.unique.map(properties)).toEqual([['orderId', 'no']])
    expect(settings.indexes.map(properties)).toEqual([['no'], ['no', 'id']])
    expect(settings.checks).toEqual([{ name: 'no_positive', condition: check }])
    expect(foreignKeys[0]?.target).toBe(tableOf(Line))
    expect(properties(foreignKeys[0]?.targetColumns ?? [])).toEqual(['orderId', 'no'])
  })

  it('refuses an option that there is not, and names those that there are', async () => {
    const { message } = await failure(SCHEMA, declare({ uniqe: [] }))
    expect(message).toContain("table('t') has no option uniqe; it has schema, comment, unique")
  })

  it.each([
    ['no object', null, 'expected options such as'],
    ['an array', [], 'expected options such as'],
    ['an empty schema', { schema: '' }, 'schema expected a name'],
    ['a comment that is no text', { comment: 5 }, 'comment expected a string'],
    ['one list of columns for unique', { unique: ['no'] }, 'unique[0] expected a list of columns'],
    ['no list for indexes', { indexes: 'no' }, 'indexes expected an array of lists'],
    ['an empty list', { unique: [[]] }, 'unique[0] expected a list of columns'],
    ['a column twice', { unique: [['no', 'no']] }, 'unique[0] names a column twice'],
    ['a check that is no callback', { checks: ['no > 0'] }, 'checks[0] expected a callback'],
    ['a check without a name', { checks: { '': () => 1 } }, 'a name for the constraint'],
    ['no list of foreign keys', { foreignKeys: {} }, 'foreignKeys expected an array'],
    ['a foreign key that is none', { foreignKeys: [Line] }, 'foreignKeys[0] expected'],
  ])('refuses %s', (_, options, message) => {
    expect(declare(options)).toThrow(coded(SCHEMA, message))
  })

  it.each([
    ['unique', { unique: [['no', 'nope']] }],
    ['indexes', { indexes: [['nope']] }],
    ['a relation in indexes', { indexes: [['lines']] }],
    ['foreignKeys', { foreignKeys: [{ columns: ['nope'], references: () => keyOf(Line) }] }],
  ])('refuses a name that is not a column in %s, and lists the columns', (_, options) => {
    const message = 'expected columns of the table, which are id, orderId and no'
    expect(declare(options)).toThrow(coded(SCHEMA, message))
  })

  it.each([
    ['an entity in place of a thunk', { references: Line.prototype }, 'expected a thunk'],
    ['an unknown action', { references: () => Line, onDelete: 'drop' }, 'onDelete expected'],
    ['another option', { references: () => Line, onUpdate: 'cascade' }, 'has no option onUpdate'],
  ])('refuses %s in a foreign key', (_, key, message) => {
    const foreignKeys = [{ columns: ['orderId', 'no'], ...key }]
    expect(declare({ foreignKeys })).toThrow(coded(SCHEMA, message))
  })
})

describe('foreign keys of several columns', () => {
  function foreignKey(columns: readonly ('orderId' | 'no')[], references: () => unknown) {
    const fields = { id, orderId: integer(), no: integer(), name: text() }
    class Parcel extends table('parcels', fields, { foreignKeys: [{ columns, references }] }) {}
    return () => tableOf(Parcel).foreignKeys
  }

  it('refuses more or fewer columns than they refer to', async () => {
    const { message } = await failure(
      SCHEMA,
      foreignKey(['orderId'], () => keyOf(Line)),
    )
    expect(message).toContain('Parcel.orderId expected 2 columns')
    expect(message).toContain('it refers to Line by orderId and no')
    const more = foreignKey(['orderId', 'no'], () => keyOf(Line, ['no']))
    expect((await failure(SCHEMA, more)).message).toContain('Parcel.orderId, no expected 1 column,')
  })

  it('refuses columns of other types than they refer to', async () => {
    const { message } = await failure(
      SCHEMA,
      foreignKey(['orderId', 'no'], () => keyOf(Line, ['orderId', 'note'])),
    )
    expect(message).toContain('Parcel.no holds an integer')
    expect(message).toContain('refers to Line.note, which holds')
  })

  it('refuses columns that there are not in keyOf, and names those that there are', async () => {
    const unknown = foreignKey(['no'], () => keyOf(Line, ['nope' as 'no']))
    expect((await failure(SCHEMA, unknown)).message).toBe(
      'Parcel.no names nope, which is not a column of Line; it has orderId, no and note',
    )
    expect(foreignKey(['no'], () => keyOf('lines' as never))).toThrow(
      coded(SCHEMA, 'keyOf() expected an entity class'),
    )
    expect(foreignKey(['no'], () => keyOf(Line, [5 as never]))).toThrow(
      coded(SCHEMA, 'keyOf(Line, …) expected the name of a column'),
    )
  })
})

describe('relations over several columns', () => {
  it('refuses fewer names than the key has', async () => {
    class Box extends table('boxes', {
      id,
      orderId: integer(),
      line: () => belongsTo(Line, 'orderId'),
    }) {}
    const one = await failure(SCHEMA, () => tableOf(Box).relations)
    expect(one.message).toContain('Box.line expected 2 columns')
    expect(one.message).toContain('it refers to Line by orderId and no')
    for (const relation of [() => hasMany(Box, 'orderId'), () => hasOne(Box, 'orderId')]) {
      class Order extends table('orders', {
        shopId: integer().primaryKey(),
        no: integer().primaryKey(),
        boxes: relation,
      }) {}
      const { message } = await failure(SCHEMA, () => tableOf(Order).relations)
      expect(message).toContain('Order.boxes expected 2 columns')
      expect(message).toContain('orderId of Box')
    }
  })

  it('are pairs of columns, in the order of the names', () => {
    class Box extends table('boxes', {
      id,
      orderId: integer(),
      no: integer(),
      line: () => belongsTo(Line, ['orderId', 'no']),
    }) {}
    const pairs = tableOf(Box).relation('line').pairs
    expect(pairs.map(properties)).toEqual([
      ['orderId', 'orderId'],
      ['no', 'no'],
    ])
  })
})

describe('relations from many to many', () => {
  class Friendship extends table('friendships', {
    oneId: integer()
      .primaryKey()
      .references(() => Person),
    otherId: integer()
      .primaryKey()
      .references(() => Person),
  }) {}
  class Person extends table('people', {
    id,
    friends: () => manyToMany(Person, { through: Friendship, from: 'oneId', to: 'otherId' }),
  }) {}

  it('are by the foreign keys that are named', () => {
    const { through } = tableOf(Person).relation('friends')
    expect(through?.table).toBe(tableOf(Friendship))
    expect(through?.from.map(properties)).toEqual([['id', 'oneId']])
    expect(through?.to.map(properties)).toEqual([['otherId', 'id']])
  })

  it.each<[by: unknown, message: string]>([
    [undefined, 'expected options such as { through: PostTag }, got undefined'],
    [null, 'got null'],
    ['friendships', 'got the string "friendships"'],
    [{ from: 'oneId' }, 'got an object'],
    [
      { through: Friendship, on: 'oneId' },
      'has no option on; it has through, from, to, lazy and withDefaults',
    ],
  ])('expect their options, not %j', async (by, message) => {
    class Bad extends table('bad', { id, friends: () => manyToMany(Person, by as never) }) {}
    const error = await failure(SCHEMA, () => tableOf(Bad).relations)
    expect(error.message).toContain(message)
  })

  it('asks for the name of one of several foreign keys', async () => {
    class Host extends table('hosts', {
      id,
      guests: () => manyToMany(Person, { through: Visit }),
    }) {}
    class Visit extends table('visits', {
      id,
      hostId: integer().references(() => Host),
      guestId: integer().references(() => Person),
      companionId: integer().references(() => Person),
    }) {}
    const one = await failure(SCHEMA, () => tableOf(Host).relations)
    expect(one.message).toContain('Host.guests: Visit has several foreign keys to Person')
    expect(one.message).toContain('name one with the option to')
    class Twin extends table('twins', { id, twins: () => manyToMany(Twin, { through: Pair }) }) {}
    class Pair extends table('pairs', {
      oneId: integer()
        .primaryKey()
        .references(() => Twin),
      otherId: integer()
        .primaryKey()
        .references(() => Twin),
    }) {}
    const both = await failure(SCHEMA, () => tableOf(Twin).relations)
    expect(both.message).toContain('Twin.twins: Pair has several foreign keys to Twin')
    expect(both.message).toContain('name one with the option from')
  })

  it('says where the table between has no foreign key to a side', async () => {
    class Loner extends table('loners', {
      id,
      friends: () => manyToMany(Person, { through: Friendship }),
    }) {}
    const { message } = await failure(SCHEMA, () => tableOf(Loner).relations)
    expect(message).toContain('Loner.friends: Friendship has no foreign key to Loner')
    expect(message).toContain('with the option from, or declare it with references()')
  })
})
