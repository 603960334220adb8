import { beforeEach, describe, expect, it } from 'vitest'
import { type NewRow, Session } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'
import { recordSession, recordWire } from '../../support/recorder.ts'

const { database, query, truncate, url } = await testDatabase(blog)
beforeEach(truncate)

const values = (name: string, more: Partial<NewRow<typeof User>> = {}): NewRow<typeof User> => ({
  name,
  email: `${name}@example.com`,
  ...more,
})
const stored = () => query('select name, email, age from users order by id')
const onEmail = { onConflict: { on: ['email'], update: ['name', 'age'] } } as const

describe('insertMany', () => {
  it('inserts with one statement, and gives the entities in the order of the rows', async () => {
    await using wire = recordWire(url)
    await wire.database.run(async (session) => {
      const users = await session.insertMany(User, [values('b'), values('a', { age: 5 })])
      expect(users.map(({ id, name, age, active }) => ({ id, name, age, active }))).toEqual([
        { id: 1, name: 'b', age: null, active: true },
        { id: 2, name: 'a', age: 5, active: true },
      ])
      expect(users[0]?.createdAt).toBeInstanceOf(Date)
      expect(await session.get(User, 2)).toBe(users[1])
      if (users[0] !== undefined) users[0].name = 'c'
    })
    expect(wire.texts.map((text) => text.split(' ', 2).join(' '))).toEqual([
      'begin',
      'insert into',
      'with written',
      'commit',
    ])
    expect(await stored()).toMatchObject([{ name: 'c' }, { name: 'a', age: 5 }])
  })

  it('sends nothing for an empty list', async () => {
    await using wire = recordWire(url)
    const found = await wire.database.run(async (session) => [
      await session.insertMany(User, []),
      await session.insertMany(User, [], { onConflict: 'ignore' }),
      await session.insertMany(User, [], onEmail),
    ])
    expect(found).toEqual([[], [], []])
    expect(wire.texts).toEqual([])
  })

  it('takes rows with values for different columns, and stored entities for foreign keys', async () => {
    await database.run(async (session) => {
      const author = new User(values('a'))
      session.add(author)
      const posts = await session.insertMany(Post, [
        { title: 'first', author },
        { id: 100, title: 'second', author, likes: 3 },
        { title: 'third', author },
      ])
      expect(posts.map(({ id, authorId }) => [id, authorId])).toEqual([
        [1, author.id],
        [100, author.id],
        [2, author.id],
      ])
    })
    const titles = await query('select title from posts order by id')
    expect(titles.map(({ title }) => title)).toEqual(['first', 'third', 'second'])
  })

  it('puts new rows into the lists that are loaded, as a flush does', async () => {
    await database.run(async (session) => {
      const [author] = await session.insertMany(User, [values('a')])
      if (author === undefined) throw new Error('expected an author, got none')
      expect(await author.posts).toEqual([])
      const posts = await session.insertMany(Post, [{ title: 'first', author }])
      expect(author.posts.value).toEqual(posts)
    })
  })

  it('refuses values as new does, and leaves nothing to flush behind', async () => {
    await using session = database.session()
    await expect(
      session.insertMany(User, [values('a'), { ...values('b'), age: 'x' as never }]),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_TYPE', 'User.age'))
    await expect(session.insertMany(User, 'rows' as never)).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'insertMany(User) expected an array of rows'),
    )
    expect(session.hasUnsaved).toBe(false)
    await session.commit()
    expect(await stored()).toEqual([])
  })

  it('tells a violated constraint as a flush does, and does not try it again', async () => {
    await query(`insert into users (name, email) values ('a', 'a@example.com')`)
    await database.run(async (session) => {
      const insert = (): Promise<unknown> =>
        session.transaction(() => session.insertMany(User, [values('b'), values('a')]))
      const error = await failure('DATA_BRIDGE_ERR_UNIQUE', insert)
      expect([error.columns, error.entity]).toMatchObject([['email'], { name: 'a' }])
      expect(session.hasUnsaved).toBe(false)
    })
    expect(await stored()).toMatchObject([{ name: 'a' }])
  })

  it('is refused in a read-only session', async () => {
    await using session = new Session(database, { readOnly: true })
    const refused = coded('DATA_BRIDGE_ERR_FLUSH', 'read-only')
    await expect(session.insertMany(User, [values('a')])).rejects.toThrow(refused)
    await expect(session.insertMany(User, [values('a')], onEmail)).rejects.toThrow(refused)
    await expect(session.copy(User, [values('a')])).rejects.toThrow(refused)
    expect(session.hasUnsaved).toBe(false)
  })

  it('is one operation of the program', async () => {
    await using recorder = recordSession(url)
    const { session } = recorder
    await session.insertMany(User, [values('a'), values('b')])
    await session.upsert(User, values('a'), onEmail.onConflict)
    await session.copy(User, [values('c')])
    await session.commit()
    const named = recorder.operations.flatMap(({ operation, outcome }) =>
      operation.kind === 'query' ? [[operation.name, operation.table?.name, outcome?.rows]] : [],
    )
    expect(named).toEqual([
      ['insert', 'users', 2],
      ['upsert', 'users', 1],
      ['copy', 'users', 1],
    ])
    expect(
      recorder.statements.flatMap(({ kind, summary }) => (kind === 'write' ? [summary] : [])),
    ).toEqual(['INSERT users', 'INSERT users', 'COPY users'])
  })
})

describe("onConflict: 'ignore'", () => {
  it('gives only the rows that it has inserted', async () => {
    await query(`insert into users (name, email) values ('old', 'b@example.com')`)
    await using wire = recordWire(url)
    await wire.database.run(async (session) => {
      const rows = [values('c'), values('b'), values('a'), values('c', { name: 'again' })]
      const users = await session.insertMany(User, rows, { onConflict: 'ignore' })
      expect(users.map(({ name, email }) => [name, email])).toEqual([
        ['c', 'c@example.com'],
        ['a', 'a@example.com'],
      ])
      for (const user of users) expect(await session.get(User, user.id)).toBe(user)
    })
    expect(wire.texts).toHaveLength(3)
    expect((await stored()).map(({ name }) => name)).toEqual(['old', 'c', 'a'])
  })

  it('gives nothing, and leaves nothing to save, where every row is there', async () => {
    await query(`insert into users (name, email) values ('old', 'b@example.com')`)
    await using session = database.session()
    expect(await session.insertMany(User, [values('b')], { onConflict: 'ignore' })).toEqual([])
    expect(session.hasUnsaved).toBe(false)
    await session.commit()
  })
})

describe('onConflict with columns', () => {
  it('changes the rows that are there, and gives all in the order of the given ones', async () => {
    await query(
      `insert into users (name, email, age) values ('one', 'b@example.com', 1), ('two', 'd@example.com', 2)`,
    )
    await using wire = recordWire(url)
    await wire.database.run(async (session) => {
      const rows = ['d', 'a', 'b', 'c'].map((name, age) => values(name, { age }))
      const users = await session.insertMany(User, rows, onEmail)
      expect(users.map(({ name, email, age }) => [name, email, age])).toEqual([
        ['d', 'd@example.com', 0],
        ['a', 'a@example.com', 1],
        ['b', 'b@example.com', 2],
        ['c', 'c@example.com', 3],
      ])
      expect(users.map(({ id }) => id).filter((id) => id < 3)).toEqual([2, 1])
    })
    expect(wire.texts).toHaveLength(3)
  })

  it('renews the entity that the session holds, except for what the program has changed', async () => {
    await query(`insert into users (name, email, age) values ('one', 'b@example.com', 1)`)
    await database.run(async (session) => {
      const held = await session.find(User).one()
      const changing = session.insertMany(User, [values('b', { age: 7 })], onEmail)
      const [changed] = await changing
      expect(changed).toBe(held)
      expect([held.name, held.age]).toEqual(['b', 7])
      const again = session.insertMany(User, [values('b', { age: 8 })], onEmail)
      held.name = 'mine' // after the flush has looked for changes
      await again
      expect([held.name, held.age]).toEqual(['mine', 8])
    })
    expect(await stored()).toMatchObject([{ name: 'mine', age: 8 }])
  })

  it('flushes before it writes', async () => {
    await database.run(async (session) => {
      const user = new User(values('a'))
      session.add(user)
      const [same] = await session.insertMany(User, [values('a', { name: 'b' })], onEmail)
      expect(same).toBe(user)
      expect(user.name).toBe('b')
    })
  })

  it('leaves rows alone without an update, and gives them', async () => {
    await query(`insert into users (name, email, age) values ('one', 'b@example.com', 1)`)
    await database.run(async (session) => {
      const rows = ['a', 'b', 'a'].map((name) => values(name))
      const options = { onConflict: { on: ['email'], update: [] } } as const
      const users = await session.insertMany(User, rows, options)
      expect(users.map(({ name }) => name)).toEqual(['a', 'one', 'a'])
      expect(users[2]).toBe(users[0])
    })
    expect(await stored()).toMatchObject([{ name: 'one', age: 1 }, { name: 'a' }])
  })

  it('refuses two rows that would change one', async () => {
    await using session = database.session()
    await expect(
      session.insertMany(User, [values('a'), values('b'), values('a')], onEmail),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_QUERY', 'rows 1 and 3 are the same'))
    await session.commit()
  })

  it('refuses columns that are no unique key', async () => {
    await using session = database.session()
    const byName = { onConflict: { on: ['name'], update: ['age'] } } as const
    await expect(session.insertMany(User, [values('a')], byName)).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', 'on expected the columns of a unique key of users'),
    )
    await session.rollback()
  })

  it.each([
    [{ on: ['nothing'], update: [] }, 'on expected columns of User, got the string "nothing"'],
    [{ on: [], update: [] }, 'on expected the columns of a unique key, got none'],
    [{ on: ['email'], update: ['id'] }, 'update expected columns beside the primary key'],
    [{ on: ['email'], update: ['posts'] }, 'update expected columns of User'],
    [{ on: ['email'] }, 'update expected a list of columns, got undefined'],
  ])('refuses %j', async (onConflict, message) => {
    await using session = database.session()
    await expect(session.insertMany(User, [values('a')], { onConflict } as never)).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', message),
    )
    await expect(session.upsert(User, values('a'), onConflict as never)).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', message),
    )
  })

  it('refuses options that it does not have', async () => {
    await using session = database.session()
    await expect(
      session.insertMany(User, [values('a')], { onconflict: 'ignore' } as never),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_OPTION', 'has no option onconflict'))
    await expect(
      session.insertMany(User, [values('a')], { onConflict: 'x' } as never),
    ).rejects.toThrow(coded('DATA_BRIDGE_ERR_OPTION', 'onConflict expected options'))
  })
})
