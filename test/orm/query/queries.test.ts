import { beforeAll, describe, expect, it } from 'vitest'
import { and, type Condition, not, or, type Query, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'

const { database } = await testDatabase(blog)
const FILTER = 'DATA_BRIDGE_ERR_FILTER'
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

// name, age, active: ann 20 t · bob 30 f · cid NULL t · dan 30 t
beforeAll(async () => {
  await database.run((session) =>
    session.add(
      user('ann', { age: 20 }),
      user('bob', { age: 30, active: false }),
      user('cid'),
      user('dan', { age: 30 }),
    ),
  )
})

/** What a callback sees. */
type Row = Parameters<Parameters<Query<typeof User>['orderBy']>[0]>[0]

type Build = (query: Query<typeof User>) => Query<typeof User>

function names(build: Build): Promise<string[]> {
  return database.run(async (session) => {
    const users = await build(session.find(User).orderBy((row) => row.id.asc())).toList()
    return users.map(({ name }) => name)
  })
}

const where = (condition: (row: Row) => Condition) => names((query) => query.filter(condition))

describe('a filter object', () => {
  it.each<[object, readonly string[]]>([
    [{}, ['ann', 'bob', 'cid', 'dan']],
    [{ name: 'bob' }, ['bob']],
    [{ age: null }, ['cid']],
    [{ age: 30, active: true }, ['dan']],
    [{ name: ['ann', 'dan', 'nobody'] }, ['ann', 'dan']],
    [{ name: [] }, []],
    [{ active: false }, ['bob']],
  ])('%j finds %j', async (filter, expected) => {
    expect(await names((query) => query.filter(filter))).toEqual(expected)
  })

  it('refuses undefined, which would silently match every row', async () => {
    await expect(names((query) => query.filter({ id: undefined as never }))).rejects.toThrow(
      coded(FILTER, 'find(User).filter({ id }) expected a value, an array, or null'),
    )
  })

  it.each([
    ['a key that is no column', { nope: 1 }, FILTER, 'User has no column nope; it has id, name'],
    ['a key of every object', { constructor: 1 }, FILTER, 'User has no column constructor'],
    ['a relation', { posts: [] }, FILTER, 'User has no column posts'],
    ['a value of another type', { age: '30' }, 'DATA_BRIDGE_ERR_TYPE', 'User.age expected'],
    ['null in a list', { age: [30, null] }, FILTER, 'User.age.in() expected'],
    ['a string', 'age = 30', FILTER, 'expected { column: value } or a callback'],
    ['an array', [], FILTER, 'expected { column: value } or a callback'],
    ['null', null, FILTER, 'got null'],
    ['what has nothing to match', new Date(0), FILTER, 'got an object of Date'],
  ] as const)('refuses %s', async (_, filter, code, message) => {
    await expect(names((query) => query.filter(filter as never))).rejects.toThrow(
      coded(code, message),
    )
  })
})

describe('an operator', () => {
  it.each<[string, (row: Row) => Condition, readonly string[]]>([
    ['eq', (row) => row.age.eq(30), ['bob', 'dan']],
    ['eq null', (row) => row.age.eq(null), ['cid']],
    ['eq column', (row) => row.name.eq(row.email), []],
    ['ne', (row) => row.age.ne(30), ['ann']],
    ['ne null', (row) => row.age.ne(null), ['ann', 'bob', 'dan']],
    ['gt', (row) => row.age.gt(20), ['bob', 'dan']],
    ['gte', (row) => row.age.gte(20), ['ann', 'bob', 'dan']],
    ['lt', (row) => row.age.lt(30), ['ann']],
    ['lte', (row) => row.age.lte(30), ['ann', 'bob', 'dan']],
    ['gt column', (row) => row.age.gt(row.id), ['ann', 'bob', 'dan']],
    ['in', (row) => row.id.in([1, 3, 99]), ['ann', 'cid']],
    ['in of nothing', (row) => row.id.in([]), []],
    ['notIn', (row) => row.age.notIn([20]), ['bob', 'dan']],
    ['notIn of nothing', (row) => row.age.notIn([]), ['ann', 'bob', 'cid', 'dan']],
    ['between', (row) => row.id.between(2, 3), ['bob', 'cid']],
    ['like', (row) => row.name.like('_a%'), ['dan']],
    ['like is exact about case', (row) => row.name.like('ANN'), []],
    ['ilike', (row) => row.name.ilike('ANN'), ['ann']],
    ['isNull', (row) => row.age.isNull(), ['cid']],
    ['isNotNull', (row) => row.age.isNotNull(), ['ann', 'bob', 'dan']],
    ['and', (row) => and(row.age.eq(30), row.active.eq(true)), ['dan']],
    ['and of nothing', () => and(), ['ann', 'bob', 'cid', 'dan']],
    ['or', (row) => or(row.name.eq('ann'), row.age.isNull()), ['ann', 'cid']],
    ['or of nothing', () => or(), []],
    ['not', (row) => not(row.age.eq(30)), ['ann']],
    [
      'nesting',
      (row) => and(or(row.name.eq('ann'), row.name.eq('bob')), not(and(row.active.eq(false)))),
      ['ann'],
    ],
    [
      'or inside and keeps its brackets',
      (row) => and(row.active.eq(false), or(row.name.eq('ann'), row.name.eq('bob'))),
      ['bob'],
    ],
    ['sql', (row) => sql`length(${row.name}) + ${27} = ${row.age}`, ['bob', 'dan']],
    ['sql inside or', (row) => or(sql`${row.age} < ${25}`, row.age.isNull()), ['ann', 'cid']],
  ])('%s', async (_, condition, expected) => {
    expect(await where(condition)).toEqual(expected)
  })

  it.each<[string, (row: Row) => unknown, string]>([
    ['gt(null)', (row) => row.age.gt(null as never), 'User.age.gt() expected'],
    ['eq(undefined)', (row) => row.age.eq(undefined as never), 'User.age.eq() expected'],
    ['in(value)', (row) => row.age.in(3 as never), 'User.age.in() expected an array'],
    [
      'like of a number',
      (row) => row.age.like.call(row.age as never, '3%'),
      'is for text columns; this one is integer',
    ],
    ['a comparison of JavaScript', (row) => (row.age as never) > 3, 'expected conditions such as'],
    ['nothing', () => undefined, 'expected conditions such as'],
    ['a column', (row) => row.active, 'got a column, an order or a value of SQL'],
    ['an order', (row) => row.age.asc(), 'got a column, an order or a value of SQL'],
    ['and(true)', () => and(true as never), 'and expected conditions'],
    ['not()', () => not(undefined as never), 'not expected conditions'],
  ])('refuses %s', async (_, condition, message) => {
    await expect(where(condition as never)).rejects.toThrow(coded(FILTER, message))
  })

  it('refuses a value of another type and a column that there is not', async () => {
    await expect(where((row) => row.age.gt('a' as never))).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_TYPE', 'User.age expected a number'),
    )
    await expect(where((row) => (row as never as { nope: Row['id'] }).nope.eq(1))).rejects.toThrow(
      coded(QUERY, 'User has no column nope; it has id, name'),
    )
  })

  it.each(['constructor', '__proto__', 'hasOwnProperty', 'toString'])(
    'refuses the name %s, which a client may send as a column',
    async (name) => {
      const sorted = where((row) => (row as never as Record<string, Row['id']>)[name]!.eq(1))
      await expect(sorted).rejects.toThrow(coded(QUERY, `User has no column ${name}`))
    },
  )

  it('joins several filters, of one call and of several, by AND', async () => {
    expect(
      await names((query) =>
        query.filter({ age: 30 }, (row) => row.id.gt(0)).filter((row) => row.active.eq(true)),
      ),
    ).toEqual(['dan'])
  })
})

describe('a query', () => {
  it('is immutable: what is built on it leaves it as it is', async () => {
    await database.run(async (session) => {
      const all = session.find(User)
      const adults = all.filter((row) => row.age.gte(30))
      expect([await adults.limit(1).count(), await adults.count(), await all.count()]).toEqual([
        1, 2, 4,
      ])
    })
  })

  it('orders by one or several columns; a later order replaces an earlier one', async () => {
    expect(await names((query) => query.orderBy((row) => row.name.desc()))).toEqual([
      'dan',
      'cid',
      'bob',
      'ann',
    ])
    const several = (query: Query<typeof User>) =>
      query.orderBy((row) => [row.active.asc(), row.age.desc(), row.name.desc()])
    expect(await names(several)).toEqual(['bob', 'cid', 'dan', 'ann'])
    const bySql = (query: Query<typeof User>) =>
      query.orderBy((row) => sql`${row.age} nulls first, 1`)
    expect((await names(bySql))[0]).toBe('cid')
  })

  it.each([
    ['nothing', () => [], 'got none'],
    ['a column', (row: Row) => row.name, 'a column without asc() or desc()'],
    ['a string', () => 'name', 'got the string "name"'],
  ])('refuses an order by %s', async (_, by, message) => {
    await expect(names((query) => query.orderBy(by as never))).rejects.toThrow(
      coded(QUERY, message),
    )
    await expect(names((query) => query.orderBy('name' as never))).rejects.toThrow(
      coded(QUERY, 'expected a callback'),
    )
  })

  it('gives a page', async () => {
    expect(await names((query) => query.limit(2).offset(1))).toEqual(['bob', 'cid'])
    expect(await names((query) => query.limit(0))).toEqual([])
    expect(await names((query) => query.offset(9))).toEqual([])
  })

  it.each([-1, 1.5, Number.NaN, Infinity, '2', null, undefined])(
    'refuses %j as a limit or offset',
    async (rows) => {
      for (const method of ['limit', 'offset'] as const)
        await expect(names((query) => query[method](rows as never))).rejects.toThrow(
          coded(QUERY, `find(User).${method}() expected an integer from 0`),
        )
    },
  )

  it('first: the first row, or null', async () => {
    await database.run(async (session) => {
      const byName = session.find(User).orderBy((row) => row.name.desc())
      expect((await byName.first())?.name).toBe('dan')
      expect((await byName.offset(1).first())?.name).toBe('cid')
      expect(await byName.filter({ name: 'nobody' }).first()).toBeNull()
      expect(await byName.limit(0).first()).toBeNull()
    })
  })

  it('one: the only row; 404 of none, an error of several', async () => {
    await database.run(async (session) => {
      expect((await session.find(User).filter({ name: 'ann' }).one()).name).toBe('ann')
      const none = await failure(
        'DATA_BRIDGE_ERR_NOT_FOUND',
        session.find(User).filter({ name: 'nobody' }).one(),
      )
      expect([none.statusCode, none.clientMessage]).toEqual([404, 'Not found.'])
      const several = session.find(User).filter({ age: 30 }).one()
      expect((await failure('DATA_BRIDGE_ERR_MULTIPLE_ROWS', several)).statusCode).toBe(500)
    })
  })

  it('count and exists: of all rows, of those that match, of a page', async () => {
    await database.run(async (session) => {
      const all = session.find(User).orderBy((row) => row.name.asc())
      expect(await all.count()).toBe(4)
      expect(await all.filter({ age: 30 }).count()).toBe(2)
      expect(await all.limit(3).count()).toBe(3)
      expect(await all.limit(3).offset(2).count()).toBe(2)
      expect(await all.exists()).toBe(true)
      expect(await all.filter({ name: 'nobody' }).exists()).toBe(false)
      expect(await all.offset(4).exists()).toBe(false)
      expect(await session.find(Post).count()).toBe(0)
      expect(await session.find(Post).exists()).toBe(false)
    })
  })

  it('refuses a value that is not an entity', async () => {
    const session = database.session()
    for (const entity of [undefined, {}, class {}, 'users'])
      expect(() => session.find(entity as never)).toThrow(coded('DATA_BRIDGE_ERR_ENTITY'))
    await session.close()
  })
})
