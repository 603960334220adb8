import { describe, expect, it } from 'vitest'
import {
  belongsTo,
  bigint,
  type Condition,
  Database,
  integer,
  max,
  selectinload,
  sql,
  table,
  text,
} from '../../../orm/index.ts'
import { requireTables } from '../../../orm/schema-tools/create-schema.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Post, user, User } from '../../support/entities.ts'
import { coded, failure } from '../../support/failure.ts'

const { database, url } = await testDatabase(blog)
const QUERY = 'DATA_BRIDGE_ERR_QUERY'

describe('a column that was kept from the callback of another query', () => {
  it('is refused, and harms no later query', async () => {
    await database.run(async (session) => {
      let kept: unknown
      session.find(Post).filter((post) => {
        kept = post.id
        return post.id.gt(0)
      })
      const mixed = session.find(User).filter((row): Condition => row.id.eq(kept as never))
      await expect(mixed.toList()).rejects.toThrow(coded(QUERY, 'expected its own columns'))
      expect(
        await session
          .find(User)
          .filter((row) => row.id.eq(row.id))
          .toList(),
      ).toEqual([])
    })
  })
})

describe('a frozen entity', () => {
  it('is refused by add()', async () => {
    await using session = database.session()
    const frozen = user('ann')
    Object.freeze(frozen)
    expect(() => session.add(frozen)).toThrow(
      coded('DATA_BRIDGE_ERR_ENTITY', 'expected an entity that can be changed, got a frozen User'),
    )
    await session.flush()
    expect(session.stats.queryCount).toBe(0)
  })
})

describe('a part of a query that its last method would ignore', () => {
  it('is refused: groups without aggregate, loaders and pages with it', async () => {
    await database.run(async (session) => {
      const grouped = session.find(Post).groupBy((post) => post.authorId)
      const methods = ['toList', 'first', 'one', 'count', 'exists'] as const
      for (const method of methods) {
        const { message } = await failure(QUERY, () => grouped[method]())
        expect(message).toContain('groupBy() cannot be used with')
      }
      const loading = session.find(Post).options(selectinload(Post.author))
      const values = () => loading.aggregate((post) => ({ id: post.id }))
      expect((await failure(QUERY, values)).message).toContain('options() cannot be used with')
      const page = session.find(Post).limit(1)
      const best = () => page.aggregate((post) => ({ likes: max(post.likes) }))
      expect((await failure(QUERY, best)).message).toContain('limit() cannot be used with')
    })
  })
})

describe('a query that was not sent', () => {
  it('is refused where it is written as JSON, as Fastify would for a handler that returns it', async () => {
    await database.run(async (session) => {
      const page = session.find(User).limit(1)
      expect(() => JSON.stringify({ page })).toThrow(
        coded(QUERY, 'find(User) was to be written as JSON; it is a query that was not sent'),
      )
    })
  })
})

describe('a filter without a condition', () => {
  it('counts as none', async () => {
    await database.run(async (session) => {
      expect(await session.find(User).filter({}).toList()).toEqual([])
    })
  })
})

describe('keys of different types', () => {
  it('are refused where the tables are declared to the database', async () => {
    class Account extends table('accounts', {
      id: bigint({ mode: 'number' }).primaryKey().generated(),
    }) {}
    class Entry extends table('entries', {
      id: integer().primaryKey().generated(),
      accountId: bigint().references(() => Account),
      account: () => belongsTo(Account, 'accountId'),
    }) {}
    const { message } = await failure('DATA_BRIDGE_ERR_SCHEMA', () =>
      requireTables([Entry], 'test'),
    )
    expect(message).toMatch(
      /Entry\.accountId holds a string of digits .* Account\.id, which holds a safe integer/,
    )
  })
})

it('a Database refuses tables with a foreign key to something other than an entity', () => {
  class Lost extends table('lost', {
    id: integer().primaryKey().generated(),
    homeId: integer().references(() => undefined as never),
  }) {}
  expect(() => new Database({ connectionString: url, tables: [Lost] })).toThrow(
    coded('DATA_BRIDGE_ERR_SCHEMA', 'Lost.homeId expected an entity class'),
  )
})

describe('a to-many relation', () => {
  it('lists what the program has moved to its owner', async () => {
    await database.run(async (session) => {
      const [ann, bob] = [user('ann'), user('bob')]
      const post = new Post({ title: 'moved', author: ann })
      session.add(post, bob)
      await session.flush()
      post.authorId = bob.id
      expect(await bob.posts).toEqual([post])
      await session.rollback()
    })
  })
})

describe('a relation in JSON of your own', () => {
  it('is its value where it is loaded, and an error where it is not', async () => {
    await database.run(async (session) => {
      const ann = user('ann')
      session.add(new Post({ title: 'first', author: ann }))
      await session.flush()
      const jsonOf = () => JSON.stringify({ name: ann.name, posts: ann.posts })
      expect(jsonOf).toThrow(coded('DATA_BRIDGE_ERR_RELATION_NOT_LOADED'))
      await ann.posts
      expect(JSON.parse(jsonOf())).toMatchObject({ name: 'ann', posts: [{ title: 'first' }] })
      await session.rollback()
    })
  })
})

describe('columns with odd names', () => {
  it('are inserted in batches too', async () => {
    class Odd extends table('odd "names"', {
      id: integer().primaryKey().generated(),
      hash: text('#'),
      order: text('select'),
    }) {}
    const odd = await testDatabase([Odd])
    await odd.database.run(async (session) => {
      session.add([1, 2, 3].map((n) => new Odd({ hash: `#${n}`, order: `${n}` })))
      await session.flush()
      expect(
        await session
          .find(Odd)
          .filter({ hash: ['#2', '#3'] })
          .count(),
      ).toBe(2)
    })
    await odd.close()
  })
})

describe('misuse of a session', () => {
  it('is said: transaction() without a function, rollback() within it, no tables to create', async () => {
    await using session = database.session()
    const notAFunction = () => session.transaction(5 as never)
    expect((await failure('DATA_BRIDGE_ERR_TRANSACTION', notAFunction)).message).toContain(
      'the number 5',
    )
    const { message } = await failure('DATA_BRIDGE_ERR_TRANSACTION', () =>
      session.transaction(() => session.rollback()),
    )
    expect(message).toContain('rolled back before its function resolved')
    const { database: empty } = await testDatabase()
    expect((await failure('DATA_BRIDGE_ERR_OPTION', () => empty.createSchema())).message).toContain(
      'got none',
    )
  })

  it('is what is no options, or an option that there is not', async () => {
    await using session = database.session()
    const OPTION = 'DATA_BRIDGE_ERR_OPTION'
    expect(() => database.session(null as never)).toThrow(coded(OPTION, 'Session expected options'))
    await expect(database.run(5 as never)).rejects.toThrow(coded(OPTION, 'got the number 5'))
    for (const [options, message] of [
      [null, 'transaction() expected options'],
      [{ readonly: true }, 'transaction() has no option readonly; it has isolation'],
      [{ readOnly: 'yes' }, 'readOnly expected true or false'],
      [{ retries: -1 }, 'retries expected a whole number from 0'],
      [{ isolation: 'none' }, 'isolation expected one of'],
    ] as const) {
      const work = (): Promise<void> => session.transaction(() => undefined, options as never)
      await expect(work()).rejects.toThrow(coded(OPTION, message))
    }
    expect(session.stats.queryCount).toBe(0)
  })

  it('is a time limit of the client too', async () => {
    const limited = await testDatabase([], { query_timeout: 300 })
    await using session = limited.database.session()
    const slow = session.execute(sql`select pg_sleep(5)`)
    expect((await failure('DATA_BRIDGE_ERR_STATEMENT_TIMEOUT', slow)).statusCode).toBe(504)
  })
})
