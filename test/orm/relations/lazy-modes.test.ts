import { beforeEach, describe, expect, it } from 'vitest'
import {
  belongsTo,
  Database,
  type DataBridgeError,
  type DatabaseOptions,
  hasMany,
  hasOne,
  integer,
  type LazyMode,
  manyToMany,
  raiseload,
  selectinload,
  type Session,
  type SessionOptions,
  table,
} from '../../../orm/index.ts'
import { relationHandle } from '../../../orm/entity/relation-handle.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { Author, Book, fillLibrary, library } from './library.ts'

/** Owners of things, with a relation for each mode. */
class Owner extends table('owners', {
  id: integer().primaryKey(),
  unset: () => hasMany(Thing, 'ownerId'),
  select: () => hasMany(Thing, 'ownerId', { lazy: 'select' }),
  peers: () => hasMany(Thing, 'ownerId', { lazy: 'peers' }),
  raise: () => hasMany(Thing, 'ownerId', { lazy: 'raise' }),
  only: () => hasOne(Thing, 'ownerId', { lazy: 'raise' }),
  linked: () =>
    manyToMany(Owner, { through: Thing, from: 'ownerId', to: 'otherId', lazy: 'raise' }),
}) {}

class Thing extends table('things', {
  id: integer().primaryKey(),
  ownerId: integer().references(() => Owner),
  otherId: integer().references(() => Owner),
  owner: () => belongsTo(Owner, 'ownerId', { lazy: 'peers' }),
}) {}

const created = await testDatabase([...blog, ...library, Owner, Thing])
const { url, query, truncate, database } = created

const notLoaded = 'DATA_BRIDGE_ERR_RELATION_NOT_LOADED'

beforeEach(async () => {
  await truncate()
  await query(`insert into owners select generate_series(1, 4)`)
  await query(`insert into things select n, n, n from generate_series(1, 4) n`)
  await query(`insert into users (name, email) values ('ann', 'ann'), ('bob', 'bob')`)
  await query(`insert into posts (title, author_id) values ('one', 1), ('two', 1), ('three', 2)`)
  await query(`insert into comments (body, post_id) values ('c1', 1), ('c2', 2), ('c3', 3)`)
})

async function within<T>(
  options: Omit<DatabaseOptions, 'connectionString'>,
  sessionOptions: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  await using own = new Database({ max: 1, ...options, connectionString: url })
  await using session = own.session(sessionOptions)
  return await work(session)
}

const modes = [undefined, 'select', 'peers', 'raise'] as const

describe('the most specific lazy mode wins', () => {
  const relationOf = (mode: LazyMode | undefined) => mode ?? 'unset'
  const given = (mode: LazyMode | undefined) => (mode === undefined ? {} : { lazy: mode })

  it.each(
    modes.flatMap((ofDatabase) => modes.map((ofSession) => [ofDatabase, ofSession] as const)),
  )(
    'of a database with %s, a session with %s, every relation and every query',
    async (ofDatabase, ofSession) => {
      await using own = new Database({ max: 1, ...given(ofDatabase), connectionString: url })
      const used = async (ofRelation: LazyMode | undefined, ofQuery: LazyMode | undefined) => {
        await using session = own.session(given(ofSession))
        const all = session.find(Owner)
        const owners = await (ofQuery === undefined ? all : all.lazy(ofQuery)).toList()
        try {
          for (const owner of owners) await owner[relationOf(ofRelation)]
        } catch (error) {
          return (error as DataBridgeError).code === notLoaded ? 'raise' : error
        }
        return session.stats.queryCount === 2 ? 'peers' : 'select'
      }
      for (const ofRelation of modes) {
        for (const ofQuery of modes) {
          const expected = ofQuery ?? ofRelation ?? ofSession ?? ofDatabase ?? 'select'
          expect(await used(ofRelation, ofQuery), `${ofRelation} ${ofQuery}`).toBe(expected)
        }
      }
    },
  )
})

describe('the mode of a query', () => {
  const inRaise = coded(notLoaded, `its query has lazy('raise')`)

  it('goes with everything that is loaded from its entities', async () => {
    await using session = database.session()
    const users = await session.find(User).lazy('peers').toList()
    let count = 0
    for (const user of users)
      for (const post of await user.posts) count += (await post.comments).length
    expect([count, session.stats.queryCount]).toEqual([3, 3])
    const eager = session.find(User).lazy('raise').options(selectinload(User.posts))
    for (const user of await eager.toList())
      for (const post of user.posts.value) await expect(post.author.load()).rejects.toEqual(inRaise)
  })

  it('goes with one entity, and what is loaded from it', async () => {
    await using session = database.session()
    const user = await session.find(User).lazy('raise').filter({ id: 1 }).first()
    await expect(user?.posts.load()).rejects.toEqual(inRaise)
    const post = await session
      .find(Post)
      .lazy('raise')
      .options(selectinload(Post.author))
      .filter({ id: 3 })
      .one()
    await expect(post.author.value.posts.load()).rejects.toEqual(inRaise)
  })

  it('is that of the newest query that gave an entity', async () => {
    await using session = database.session()
    const strict = await session.find(User).lazy('raise').toList()
    await expect(strict[0]?.posts.load()).rejects.toEqual(inRaise)
    const again = await session.find(User).toList()
    expect(again[0]).toBe(strict[0])
    expect(await strict[0]?.posts).toHaveLength(2)
    await session.find(User).lazy('raise').filter({ id: 2 }).one()
    await expect(again[1]?.posts.load()).rejects.toEqual(inRaise)
    await session.find(User).filter({ id: 2 }).first()
    expect(await again[1]?.posts).toHaveLength(1)
  })

  it('stays when get() gives an entity again', async () => {
    await using session = database.session()
    await session.find(User).lazy('raise').toList()
    const user = await session.get(User, 1)
    await expect(user?.posts.load()).rejects.toEqual(inRaise)
    const [same] = await session.getMany(User, [1])
    await expect(same?.posts.load()).rejects.toEqual(inRaise)
  })

  it('ends with the session', async () => {
    const session = database.session()
    const user = (await session.find(User).lazy('raise').toList())[0] as User
    await session.rollback()
    session.add(user)
    expect(await user.posts).toHaveLength(2)
    await session.close()
  })

  it('of a single row leaves it among its peers', async () => {
    await using session = database.session({ lazy: 'peers' })
    const users = await session.find(User).toList()
    await session.find(User).filter({ id: 1 }).lazy('peers').first()
    for (const user of users) await user.posts
    expect(session.stats.queryCount).toBe(3)
  })
})

describe('the mode raise', () => {
  it('says which relation, why, and what to load', async () => {
    const load = async (session: Session): Promise<unknown> =>
      (await session.find(Post).filter({ id: 1 }).one()).comments
    const message = (reason: string): unknown =>
      coded(
        notLoaded,
        `Post.comments is not loaded, and an await does not load it: ${reason}; load it with the query: .options(selectinload(Post.comments))`,
      )
    await expect(within({ lazy: 'raise' }, {}, load)).rejects.toEqual(
      message(`the database has the option lazy: 'raise'`),
    )
    await expect(within({}, { lazy: 'raise' }, load)).rejects.toEqual(
      message(`the session has the option lazy: 'raise'`),
    )
    await using session = database.session()
    const owner = await session.find(Owner).filter({ id: 1 }).one()
    for (const name of ['raise', 'only', 'linked'] as const)
      await expect(owner[name].load()).rejects.toEqual(
        coded(
          notLoaded,
          `Owner.${name} is not loaded, and an await does not load it: the relation has the option lazy: 'raise'`,
        ),
      )
  })

  it('fails without a statement, each time, and ends no process if nobody awaits it', async () => {
    await using session = database.session({ lazy: 'raise' })
    const user = (await session.get(User, 1)) as User
    session.add(new Post({ title: 'waits', author: user }))
    await expect(user.posts).rejects.toEqual(coded(notLoaded))
    await expect(user.posts.load()).rejects.toEqual(coded(notLoaded))
    expect(() => user.posts.value).toThrow(coded(notLoaded))
    expect(user.posts.isLoaded).toBe(false)
    expect(user.toJSON()).not.toHaveProperty('posts')
    expect(session.stats.queryCount).toBe(1)
    await session.rollback()
  })

  it('gives what is loaded, and null for a foreign key that is null', async () => {
    await fillLibrary(created)
    await using session = database.session({ lazy: 'raise' })
    const books = await session
      .find(Book)
      .options(selectinload(Book.reviews))
      .orderBy((book) => book.id.asc())
      .toList()
    expect(await books[1]?.reviews).toHaveLength(1)
    expect(await books[6]?.author).toBeNull()
    const before = session.stats.queryCount
    await session.find(Author).toList()
    await expect(books[0]?.author.load()).rejects.toEqual(coded(notLoaded, 'Book.author'))
    expect(session.stats.queryCount).toBe(before + 1)
  })

  it('fails for a foreign key that was changed, and after a refresh', async () => {
    await using session = database.session({ lazy: 'raise' })
    const post = await session.find(Post).options(selectinload(Post.author)).filter({ id: 1 }).one()
    expect((await post.author).name).toBe('ann')
    post.authorId = 2
    await expect(post.author.load()).rejects.toEqual(coded(notLoaded))
    post.authorId = 1
    await session.refresh(post)
    await expect(post.author.load()).rejects.toEqual(coded(notLoaded))
  })

  it('gives what was given for the foreign key of a new entity, and says of the rest that it is not stored', async () => {
    await using session = database.session({ lazy: 'raise' })
    const author = new User({ name: 'new', email: 'new' })
    const post = new Post({ title: 'new', author })
    session.add(post)
    expect(await post.author).toBe(author)
    await expect(author.posts.load()).rejects.toEqual(coded('DATA_BRIDGE_ERR_DETACHED'))
    await session.flush()
    expect(await post.author).toBe(author)
    await expect(author.posts.load()).rejects.toEqual(coded(notLoaded))
    await session.rollback()
  })
})

describe('a bad lazy mode is refused', () => {
  const expected = `expected one of 'select', 'peers', 'raise', got`

  it.each(['eager', 'Peers', null, true, 1, {}] as const)('%j', async (bad) => {
    const lazy = bad as never
    expect(() => new Database({ connectionString: url, lazy })).toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', `lazy ${expected}`),
    )
    expect(() => database.session({ lazy })).toThrow(
      coded('DATA_BRIDGE_ERR_OPTION', `lazy ${expected}`),
    )
    await using session = database.session()
    expect(() => session.find(User).lazy(lazy)).toThrow(
      coded('DATA_BRIDGE_ERR_QUERY', `find(User).lazy() ${expected}`),
    )
    const schema = (where: string) => coded('DATA_BRIDGE_ERR_SCHEMA', `${where}: lazy ${expected}`)
    expect(() => hasMany(Post, 'authorId', { lazy })).toThrow(schema('hasMany(Post, …)'))
    expect(() => hasOne(Post, 'authorId', { lazy })).toThrow(schema('hasOne(Post, …)'))
    expect(() => belongsTo(User, 'authorId', { lazy })).toThrow(schema('belongsTo(User, …)'))
    expect(() => manyToMany(Owner, { through: Thing, lazy })).toThrow(
      schema('manyToMany(Owner, …)'),
    )
  })

  it('as are options of a relation that are none', () => {
    const code = 'DATA_BRIDGE_ERR_SCHEMA'
    expect(() => hasMany(Post, 'authorId', 'peers' as never)).toThrow(
      coded(
        code,
        `hasMany(Post, …) expected options such as { lazy: 'peers' }, got the string "peers"`,
      ),
    )
    expect(() => belongsTo(User, 'authorId', null as never)).toThrow(coded(code, 'got null'))
    expect(() => hasOne(Post, 'authorId', { lazyy: 'peers' } as never)).toThrow(
      coded(code, 'hasOne(Post, …) has no option lazyy; it has lazy'),
    )
    expect(() => manyToMany(Owner, { through: Thing, lasy: 'peers' } as never)).toThrow(
      coded(
        code,
        'manyToMany(Owner, …) has no option lasy; it has through, from, to, lazy and withDefaults',
      ),
    )
  })

  it('and a query that gives values has none', async () => {
    await using session = database.session()
    const code = 'DATA_BRIDGE_ERR_QUERY'
    const users = session.find(User)
    for (const [query, method] of [
      [users.lazy('peers'), 'lazy'],
      [users.options(raiseload(User.posts)), 'options'],
    ] as const) {
      expect(() => query.select((user) => ({ id: user.id }))).toThrow(
        coded(code, `find(User).${method}() cannot be used with select()`),
      )
      expect(() => query.aggregate((user) => ({ id: user.id }))).toThrow(
        coded(code, `find(User).${method}() cannot be used with aggregate()`),
      )
      expect(await query.count()).toBe(2)
    }
  })
})

it('a relation keeps its declared mode for the entities of every kind of relation', () => {
  const declared = [...tableOf(Owner).relations.values()].map(({ name, lazy }) => `${name} ${lazy}`)
  expect(declared).toEqual([
    'unset undefined',
    'select select',
    'peers peers',
    'raise raise',
    'only raise',
    'linked raise',
  ])
  expect(tableOf(Thing).relation('owner').lazy).toBe('peers')
})

it('a relation in the mode peers is loaded for the peers of a session in the mode select', async () => {
  await using session = database.session()
  const things = await session.find(Thing).toList()
  for (const thing of things) expect((await thing.owner).id).toBe(thing.ownerId)
  expect(session.stats.queryCount).toBe(2)
  expect(relationHandle(things[0], 'owner').isLoaded).toBe(true)
  expect(await session.find(Comment).count()).toBe(3)
})
