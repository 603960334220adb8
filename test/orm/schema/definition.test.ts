import { describe, expect, it } from 'vitest'
import {
  array,
  belongsTo,
  bigint,
  boolean,
  type Column,
  Database,
  hasMany,
  integer,
  json,
  jsonb,
  keyOf,
  numeric,
  table,
  text,
  uuid,
} from '../../../orm/index.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { coded, failure } from '../../support/failure.ts'

const id = integer().primaryKey().generated()
const SCHEMA = 'DATA_BRIDGE_ERR_SCHEMA'

describe('names', () => {
  it.each([
    'then',
    'toJSON',
    'constructor',
    'hasOwnProperty',
    'toString',
    'valueOf',
    'isPrototypeOf',
    '__defineGetter__',
  ])('refuses a column with the property %s, and says how to keep the column', async (name) => {
    const { message } = await failure(SCHEMA, () => table('t', { id, [name]: text() }))
    expect(message).toContain(`the name ${name} is refused`)
    expect(message).toContain('rename the property and keep the column: text(')
  })

  it('refuses __proto__, written as a literal or as an own key', async () => {
    expect(() => table('t', { id, __proto__: text() } as never)).toThrow(coded(SCHEMA))
    expect(() => table('t', { id, ['__proto__']: text() } as never)).toThrow(coded(SCHEMA))
  })

  it.each(['name', 'length', 'prototype', 'call', 'get', 'find'])(
    'refuses a relation named %s, which every class owns',
    async (name) => {
      const { message } = await failure(SCHEMA, () =>
        table('t', { id, [name]: () => hasMany(class {} as never, 'x' as never) }),
      )
      expect(message).toContain(`the relation name ${name} is refused`)
    },
  )

  it('allows columns with those names, since columns are no statics', () => {
    class Thing extends table('things', { id, name: text(), length: integer(), get: text() }) {}
    expect(new Thing({ name: 'a', length: 3, get: 'b' })).toMatchObject({
      name: 'a',
      length: 3,
      get: 'b',
    })
    expect(Thing.name).toBe('Thing')
  })

  it.each(['', 'x'.repeat(64), 'ä'.repeat(32), 'nul\0', 7])(
    'refuses %j as the name of a table or column',
    async (name) => {
      expect(() => table(name as string, { id })).toThrow(coded(SCHEMA))
      expect(() => table('t', { id: integer(name as string).primaryKey() })).toThrow(coded(SCHEMA))
    },
  )

  it('refuses has, which relations have in callbacks, for a column and a relation', async () => {
    const { message } = await failure(SCHEMA, () => table('t', { id, has: text() }))
    expect(message).toContain("table('t'): the name has is refused")
    expect(message).toContain("keep the column: text('has')")
    class Thing extends table('things', { id, owner: () => belongsTo(Thing, 'id') }) {}
    expect(() => table('t', { id, has: () => belongsTo(Thing, 'id') })).toThrow(
      coded(SCHEMA, 'the name has is refused'),
    )
    expect(() => table('t', { id, hasIt: text('has') })).not.toThrow()
  })

  it('refuses a dot in the name of a table, and says where the schema belongs', async () => {
    const { message } = await failure(SCHEMA, () => table('auth.users', { id }))
    expect(message).toBe(
      "table('auth.users') expected a name without a dot; name the schema in the options: " +
        "table('users', { … }, { schema: 'auth' })",
    )
    expect(tableOf(class extends table('users', { id }, { schema: 'auth' }) {}).fullName).toBe(
      'auth.users',
    )
  })

  it('keeps two classes of one table name apart', () => {
    class One extends table('things', { id }) {}
    class Other extends table('things', { id, name: text() }) {}
    expect(tableOf(One)).not.toBe(tableOf(Other))
    expect(tableOf(One).id).not.toBe(tableOf(Other).id)
    expect(tableOf(Other).entity).toBe(Other)
  })

  it('refuses two properties of one column', async () => {
    const { message } = await failure(SCHEMA, () =>
      table('t', { id, userId: integer(), author: integer('user_id') }),
    )
    expect(message).toContain('userId and author are both named user_id')
  })

  it.each([
    ['a default', integer().generated().default(5)],
    ['a default before it', integer().default(5).generated()],
  ])('refuses a generated column with %s', async (_, no) => {
    const { message } = await failure(SCHEMA, () => table('t', { id, no }))
    expect(message).toContain("table('t').no expected one of generated() and a default, got both")
  })

  it('refuses a foreign key that a delete cannot set to null', async () => {
    class Target extends table('targets', { id, b: integer() }, { unique: [['id', 'b']] }) {}
    const target = () => Target
    const one = () => table('t', { id, no: integer().references(target, { onDelete: 'set null' }) })
    const message =
      "table('t').no expected nullable(), since its foreign key has onDelete: 'set null'"
    expect((await failure(SCHEMA, one)).message).toBe(message)
    const foreignKey = {
      columns: ['maybe', 'no'],
      references: () => keyOf(Target, ['id', 'b']),
      onDelete: 'set null',
    } as const
    const fields = { id, maybe: integer().nullable(), no: integer() }
    const several = () => table('t', fields, { foreignKeys: [foreignKey] })
    expect((await failure(SCHEMA, several)).message).toBe(message)
  })

  it('takes another name for a column', () => {
    class Legacy extends table('legacy', { id, userName: text('USRNAM') }) {}
    expect(tableOf(Legacy).columns.map(({ name }) => name)).toEqual(['id', 'USRNAM'])
  })
})

describe('keys', () => {
  it('refuses a table without a primary key, and with a nullable one', async () => {
    expect((await failure(SCHEMA, () => table('t', { a: text() } as never))).message).toContain(
      'needs a primary key',
    )
    const nullable = () => table('t', { a: text().nullable().primaryKey() })
    expect((await failure(SCHEMA, nullable)).message).toContain('cannot be nullable')
  })

  it('takes several columns as one key, in their order', () => {
    class Pair extends table('pairs', { b: text().primaryKey(), a: uuid().primaryKey() }) {}
    expect(tableOf(Pair).primaryKey.map(({ name }) => name)).toEqual(['b', 'a'])
  })

  it('refuses a key whose values PostgreSQL cannot tell apart', async () => {
    for (const key of [json(), jsonb(), array(json())]) {
      const keyed = () => table('t', { key: key.primaryKey() })
      expect((await failure(SCHEMA, keyed)).message).toContain('cannot tell apart')
    }
  })
})

describe('columns', () => {
  it.each([
    ['a generated text', () => text().generated()],
    ['a generated boolean', () => boolean().generated()],
    ['a default of another type', () => integer().default('1' as never)],
    ['a default out of range', () => integer().default(2 ** 31)],
    ['a default that is no UUID', () => uuid().default('x')],
    ['defaultNow of a text', () => (text() as never as Column<Date>).defaultNow()],
    ['an unknown mode of bigint', () => bigint({ mode: 'float' as never })],
    ['a mode of bigint that every object has', () => bigint({ mode: 'toString' as never })],
    ['a precision of 0', () => numeric({ precision: 0 })],
    ['a scale without a precision', () => numeric({ scale: 2 })],
    ['a fractional scale', () => numeric({ precision: 5, scale: 0.5 })],
  ])('refuses %s', async (_, define) => {
    expect(define).toThrow(coded(SCHEMA))
  })

  it('is immutable: a method gives a new column', () => {
    const plain = text()
    const unique = plain.unique().hidden()
    expect([plain.spec.unique, unique.spec.unique, unique.spec.hidden]).toEqual([false, true, true])
    expect(() => Object.assign(plain.spec, { unique: true })).toThrow(TypeError)
  })

  it.each([undefined, null, 'text', {}, 5])(
    'refuses %j in the place of a column',
    async (field) => {
      const { message } = await failure(SCHEMA, () => table('t', { id, field: field as never }))
      expect(message).toContain('expected a column such as text(), or a relation')
    },
  )

  it('refuses a value that is not an object of columns', async () => {
    expect(() => table('t', null as never)).toThrow(coded(SCHEMA))
    expect(() => table('t', 'columns' as never)).toThrow(coded(SCHEMA))
  })
})

describe('relations', () => {
  class Plain {}

  it('are resolved when a database is made of the tables, and an undeclared target is found there', async () => {
    class Owner extends table('owners', {
      id,
      things: () => hasMany(Plain as never, 'ownerId' as never),
    }) {}
    const connectionString = 'postgresql://localhost/unused'
    const { message } = await failure(
      SCHEMA,
      () => new Database({ connectionString, tables: [Owner] }),
    )
    expect(message).toContain('Owner.things expected an entity class')
    expect(message).toContain('Plain')
  })

  it('names the foreign keys that there are where a wrong one is given', async () => {
    class Parent extends table('parents', {
      id,
      children: () => hasMany(Child, 'nope' as 'id'),
    }) {}
    class Child extends table('children', {
      id,
      parentId: integer(),
      parent: () => belongsTo(Parent, 'parent_id'),
    }) {}
    const many = await failure(SCHEMA, () => tableOf(Parent).relations)
    expect(many.message).toBe(
      'Parent.children names the foreign key nope, which is not a column of Child; it has id and parentId',
    )
    const one = await failure(SCHEMA, () => tableOf(Child).relations)
    expect(one.message).toContain('Child.parent names the foreign key parent_id')
  })

  it('refuses a thunk that gives no relation, and one whose entity is not declared yet', async () => {
    class Odd extends table('odd', { id, thing: () => 'thing' }) {}
    expect((await failure(SCHEMA, () => tableOf(Odd).relations)).message).toContain(
      'Odd.thing expected hasMany(…)',
    )
    class Early extends table('early', { id, later: () => hasMany(Later, 'earlyId') }) {}
    expect((await failure(SCHEMA, () => tableOf(Early).relations)).message).toContain(
      'Early.later refers to an entity that is not declared (yet)',
    )
    class Later extends table('later', { id, earlyId: integer() }) {}
    expect(tableOf(Early).relations.get('later')?.target).toBe(tableOf(Later))
  })
})
