import { beforeEach, describe, expect, it } from 'vitest'
import { integer, sql, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

class Plain extends table('plain', { id: integer().primaryKey().generated() }) {}
class Guarded extends table('guarded', {
  id: integer().primaryKey().generated(),
  name: text(),
}) {}

const { database, query, truncate, url } = await testDatabase([...blog, Plain, Guarded])
beforeEach(truncate)

const many = (count: number) =>
  Array.from({ length: count }, (_, index) => user(`u${index}`, { age: index }))

describe('a flush', () => {
  it('inserts 1,000 entities of one table with one statement, each under its own key', async () => {
    await using session = database.session()
    const users = many(1000)
    session.add(users)
    await session.flush()
    expect(session.stats.queryCount).toBe(1)
    await session.commit()
    const rows = await query<{ id: number; name: string }>('select id, name, age from users')
    const stored = new Map(rows.map(({ id, ...rest }) => [id, rest]))
    expect(stored.size).toBe(1000)
    for (const { id, name, age } of users) expect(stored.get(id)).toEqual({ name, age })
    expect(users.every(({ createdAt }) => createdAt instanceof Date)).toBe(true)
  })

  it('writes 1,000 different changes of one table with one statement', async () => {
    await using session = database.session()
    const users = many(1000)
    session.add(users)
    await session.commit()
    users.forEach((each, index) => {
      if (index % 3 === 0) each.name += '!'
      if (index % 3 === 1) each.age = null
      if (index % 3 === 2) Object.assign(each, { name: `${index}`, age: -index, active: false })
    })
    const before = session.stats.queryCount
    await session.flush()
    expect(session.stats.queryCount).toBe(before + 1)
    await session.commit()
    const rows = await query('select id, name, age, active from users order by id')
    expect(rows).toEqual(
      users
        .toSorted((a, b) => a.id - b.id)
        .map(({ id, name, age, active }) => ({ id, name, age, active })),
    )
  })

  it('leaves alone what others changed in the columns that it does not change', async () => {
    await using session = database.session()
    const users = many(3)
    session.add(users)
    await session.commit()
    await query(`update users set active = false, age = 77`)
    users.forEach((each) => (each.name += '!'))
    ;(users[0] as User).age = 5
    await session.commit()
    const written = session.stats.queryCount
    await session.commit()
    expect(session.stats.queryCount).toBe(written)
    expect(await query('select name, age, active from users order by id')).toEqual([
      { name: 'u0!', age: 5, active: false },
      { name: 'u1!', age: 77, active: false },
      { name: 'u2!', age: 77, active: false },
    ])
  })

  it('inserts rows that give different columns, and fills in what PostgreSQL made', async () => {
    await using session = database.session()
    const at = new Date('2020-01-01T00:00:00Z')
    const users = [
      user('default'),
      new User({ name: 'dated', email: 'd', createdAt: at }),
      new User({ id: 500, name: 'keyed', email: 'k' }),
      user('default again'),
    ]
    session.add(users)
    await session.commit()
    expect(users.map(({ id }) => id)).toEqual([1, expect.any(Number), 500, expect.any(Number)])
    expect(new Set(users.map(({ id }) => id)).size).toBe(4)
    expect(users[1]?.createdAt).toEqual(at)
    expect(await query('select name, id from users order by id')).toEqual(
      users.toSorted((a, b) => a.id - b.id).map(({ name, id }) => ({ name, id })),
    )
  })

  it('inserts rows that give no column at all', async () => {
    await using session = database.session()
    const rows = [new Plain({}), new Plain({}), new Plain({})]
    session.add(rows)
    await session.commit()
    expect(rows.map(({ id }) => id)).toEqual([1, 2, 3])
    expect(session.stats.queryCount).toBe(1)
  })

  it('deletes any number of rows with one statement', async () => {
    await using session = database.session()
    const users = many(100)
    session.add(users)
    await session.commit()
    session.delete(users.slice(1))
    const before = session.stats.queryCount
    await session.commit()
    expect(session.stats.queryCount).toBe(before + 1)
    expect(await query('select name from users')).toEqual([{ name: 'u0' }])
  })

  it('takes an array as it takes single entities; adding twice is adding once', async () => {
    await using session = database.session()
    const [a, b, c] = many(3) as [User, User, User]
    session.add(a, [b, c], a)
    session.add([a, b])
    await session.commit()
    expect(await session.find(User).count()).toBe(3)
  })

  it('forgets an entity that is added and deleted before it is written', async () => {
    await using session = database.session()
    const ann = user('ann')
    session.add(ann)
    session.delete(ann)
    await session.commit()
    expect(session.stats.queryCount).toBe(0)
    session.add(ann)
    await session.commit()
    expect(await query('select name from users')).toEqual([{ name: 'ann' }])
  })

  it('forgets a deletion that is taken back by add', async () => {
    await using session = database.session()
    const ann = user('ann')
    session.add(ann)
    await session.commit()
    session.delete(ann)
    session.add(ann)
    ann.name = 'still here'
    await session.commit()
    expect(await query('select name from users')).toEqual([{ name: 'still here' }])
  })

  it('inserts an entity again that was deleted', async () => {
    await using session = database.session()
    const ann = user('ann')
    session.add(ann)
    await session.commit()
    session.delete(ann)
    await session.commit()
    session.add(ann)
    await session.commit()
    expect(await query('select id, name from users')).toEqual([{ id: ann.id, name: 'ann' }])
    expect(await session.get(User, ann.id)).toBe(ann)
  })

  it('writes nothing where a value is refused, and goes on when it is mended', async () => {
    await using session = database.session()
    const bad = user('bad')
    bad.age = 'old' as never
    session.add(user('good'), bad)
    await expect(session.flush()).rejects.toThrow(coded('DATA_BRIDGE_ERR_TYPE'))
    expect(session.stats.queryCount).toBe(0)
    bad.age = 90
    await session.commit()
    expect(await query('select name from users order by name')).toEqual([
      { name: 'bad' },
      { name: 'good' },
    ])
  })

  it('is one flush, however many ask for it at the same time', async () => {
    await using wire = recordWire(url)
    await using session = wire.database.session()
    session.add(many(3))
    await Promise.all([
      session.find(User).count(),
      session.find(User).toList(),
      session.flush(),
      session.get(User, 1),
      session.execute(sql`select 1`),
      session.commit(),
    ])
    expect(wire.texts.filter((text) => text.startsWith('insert'))).toHaveLength(1)
    expect(await query('select count(*)::int as n from users')).toEqual([{ n: 3 }])
  })
})

describe('a stale change', () => {
  it('is a 409 where the row was deleted meanwhile', async () => {
    await using session = database.session()
    const users = many(3)
    session.add(users)
    await session.commit()
    await query('delete from users where id = $1', [users[1]?.id])
    users.forEach((each) => (each.name += '!'))
    const error = await failure('DATA_BRIDGE_ERR_STALE', session.commit())
    expect([error.statusCode, error.table, error.details]).toEqual([
      409,
      'users',
      '1 changed row of users no longer exists',
    ])
    await expect(session.commit()).rejects.toThrow(coded('DATA_BRIDGE_ERR_STALE'))
    await session.rollback()
    expect(await query('select name from users order by id')).toEqual([
      { name: 'u0' },
      { name: 'u2' },
    ])
  })

  it.each([1, 3])('is a deletion of a row that is gone too, of %i', async (count) => {
    await using session = database.session()
    const users = many(count)
    session.add(users)
    await session.commit()
    await query(`delete from users where name = 'u0'`)
    session.delete(users)
    const error = await failure('DATA_BRIDGE_ERR_STALE', () => session.commit())
    expect(error.details).toBe('1 deleted row of users no longer exists')
    expect(error.statusCode).toBe(409)
    expect(await query('select from users')).toHaveLength(count - 1)
  })
})

it('says so where a trigger keeps an insert from coming back', async () => {
  await query(
    `create function nothing() returns trigger language plpgsql as 'begin return null; end'`,
  )
  await query(
    `create trigger guard before insert on guarded for each row execute function nothing()`,
  )
  await using session = database.session()
  session.add(new Guarded({ name: 'x' }), new Guarded({ name: 'y' }))
  await expect(session.flush()).rejects.toThrow(
    coded('DATA_BRIDGE_ERR_FLUSH', 'INSERT guarded expected 2 rows back, got 0'),
  )
  await session.rollback()
})

describe('what belongs to another session', () => {
  it('is refused by add, delete and refresh', async () => {
    await using mine = database.session()
    await using other = database.session()
    const ann = user('ann')
    other.add(ann)
    await other.commit()
    for (const use of ['add', 'delete'] as const)
      expect(() => mine[use](ann)).toThrow(
        coded('DATA_BRIDGE_ERR_DETACHED', 'the User belongs to another session'),
      )
    await other.close()
    mine.add(ann)
    ann.name = 'moved'
    await mine.commit()
    expect(await query('select name from users')).toEqual([{ name: 'moved' }])
  })

  it('can be referred to', async () => {
    await using mine = database.session()
    await using other = database.session()
    const ann = user('ann')
    other.add(ann)
    await other.commit()
    mine.add(new Post({ title: 'T', author: ann }))
    await mine.commit()
    expect(await query('select author_id from posts')).toEqual([{ author_id: ann.id }])
  })

  it('is refused where it is no entity, or not stored', async () => {
    await using session = database.session()
    for (const thing of [{}, null, 'x', undefined, [1]]) {
      expect(() => session.add(thing as never)).toThrow(coded('DATA_BRIDGE_ERR_ENTITY'))
      expect(() => session.delete(thing as never)).toThrow(coded('DATA_BRIDGE_ERR_ENTITY'))
    }
    expect(() => session.delete(user('new'))).toThrow(
      coded('DATA_BRIDGE_ERR_DETACHED', 'the User cannot be deleted: it is not stored'),
    )
  })
})
