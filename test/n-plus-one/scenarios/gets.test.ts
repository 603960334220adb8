import { beforeAll, describe, expect, it } from 'vitest'
import {
  belongsTo,
  hasMany,
  integer,
  selectinload,
  type Session,
  table,
  uuid,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, User, user } from '../../support/entities.ts'
import { foundIn, type Work } from './found.ts'

/** Its keys are no numbers. */
class Group extends table('groups', { id: uuid().primaryKey() }) {}

/** It refers to a group without a relation. */
class Device extends table('devices', {
  id: integer().primaryKey().generated(),
  groupId: uuid().references(() => Group),
}) {}

/** Two columns are its key. */
class Seat extends table('seats', {
  row: integer().primaryKey(),
  number: integer().primaryKey(),
}) {}

class Ticket extends table(
  'tickets',
  {
    id: integer().primaryKey().generated(),
    seatRow: integer(),
    seatNumber: integer(),
    seat: () => belongsTo(Seat, ['seatRow', 'seatNumber']),
  },
  { foreignKeys: [{ columns: ['seatRow', 'seatNumber'], references: () => Seat }] },
) {}

class Reader extends table('readers', {
  id: integer().primaryKey().generated(),
  favourites: () => hasMany(Favourite, 'readerId'),
}) {}

class Favourite extends table('favourites', {
  id: integer().primaryKey().generated(),
  readerId: integer().references(() => Reader),
  postId: integer().references(() => Post),
}) {}

const { database } = await testDatabase([...blog, Group, Device, Seat, Ticket, Reader, Favourite])

const groupIdOf = (number: number): string => `abcdef00-0000-4000-8000-00000000000${number}`

beforeAll(async () => {
  await database.run((session) => {
    for (let index = 0; index < 6; index += 1) {
      const author = user(`user${index}`)
      const post = new Post({ title: `post${index}`, author })
      session.add(post, new Comment({ body: 'a', post }))
      session.add(new Group({ id: groupIdOf(index) }))
      session.add(new Device({ groupId: groupIdOf(index) }))
      session.add(new Seat({ row: index, number: 7 }))
      session.add(new Ticket({ seatRow: index, seatNumber: 7 }))
      session.add(new Reader({}))
    }
  })
  await database.run((session) => {
    for (let id = 1; id <= 6; id += 1) session.add(new Favourite({ readerId: id, postId: 7 - id }))
  })
})

const findingsOf = foundIn(database)

const posts = (session: Session): Promise<Post[]> =>
  session
    .find(Post)
    .orderBy((post) => post.id.asc())
    .toList()

const certain = {
  kind: 'n1.get',
  target: 'User',
  count: 6,
  avoidableQueries: 5,
  confidence: 'certain',
  severity: 'warn',
  parent: { target: 'Post', rows: 6 },
  fix: 'find(Post).options(selectinload(Post.author))',
}

describe('get() in a loop', () => {
  it('P24 get by FK in loop', async () => {
    const findings = await findingsOf(async (session) => {
      for (const post of await posts(session)) await session.get(User, post.authorId)
    })
    expect(findings).toMatchObject([
      {
        ...certain,
        sql: expect.stringMatching(/^select .* from "users" as t0 where t0."id" = \$1$/),
        site: { file: 'test/n-plus-one/scenarios/gets.test.ts', line: 96 },
        parent: { site: { line: 80, function: 'posts' } },
      },
    ])
  })

  const spellings: Readonly<Record<string, Work>> = {
    'getOrThrow()': async (session) => {
      for (const { authorId } of await posts(session)) await session.getOrThrow(User, authorId)
    },
    'Promise.all': async (session) => {
      await Promise.all((await posts(session)).map((post) => session.get(User, post.authorId)))
    },
    'Promise.all, behind an await': async (session) => {
      const named = async ({ authorId }: Post): Promise<User | null> => {
        await Promise.resolve()
        return session.get(User, authorId)
      }
      await Promise.all((await posts(session)).map(named))
    },
    'a helper': async (session) => {
      const name = async (id: number): Promise<string | undefined> =>
        (await session.get(User, id))?.name
      for (const post of await posts(session)) await name(post.authorId)
    },
    'a while loop': async (session) => {
      const rest = await posts(session)
      while (rest.length > 0) await session.get(User, rest.pop()?.authorId ?? 0)
    },
    forEach: async (session) => {
      const running: Promise<unknown>[] = []
      ;(await posts(session)).forEach((post) => running.push(session.get(User, post.authorId)))
      await Promise.all(running)
    },
    'a chain of then()': async (session) => {
      const get = (before: Promise<unknown>, post: Post): Promise<unknown> =>
        before.then(() => session.get(User, post.authorId))
      await (await posts(session)).reduce(get, Promise.resolve())
    },
    'a stream': async (session) => {
      for await (const post of session.find(Post).stream({ batchSize: 2 }))
        await session.get(User, post.authorId)
    },
    'a generator': async (session) => {
      async function* authors(): AsyncGenerator<User | null> {
        for (const post of await posts(session)) yield session.get(User, post.authorId)
      }
      for await (const author of authors()) expect(author).not.toBeUndefined()
    },
    recursion: async (session) => {
      const walk = async ([post, ...rest]: readonly Post[]): Promise<void> => {
        if (post === undefined) return
        await session.get(User, post.authorId)
        await walk(rest)
      }
      await walk(await posts(session))
    },
    'reduce, with an await': async (session) => {
      const get = async (before: Promise<unknown>, post: Post): Promise<unknown> => {
        await before
        return session.get(User, post.authorId)
      }
      await (await posts(session)).reduce(get, Promise.resolve())
    },
  }

  it.each(Object.keys(spellings))('P24 get by FK in loop: %s', async (name) => {
    expect(await findingsOf(spellings[name] as Work)).toMatchObject([certain])
  })

  it('P24 get by FK in loop: each in a session of its own', async () => {
    const findings = await database.scope('job:names', async (session) => {
      const get = (post: Post): Promise<unknown> =>
        database.run((own) => own.get(User, post.authorId))
      for (const post of await posts(session)) await get(post)
      return session.stats.findings
    })
    expect(findings).toMatchObject([{ ...certain, scope: 'job:names' }])
  })

  it('P24 get by FK in loop: through a nested loop', async () => {
    const findings = await findingsOf(async (session) => {
      const readers = await session.find(Reader).options(selectinload(Reader.favourites)).toList()
      for (const reader of readers)
        for (const { postId } of reader.favourites.value) await session.get(Post, postId)
    })
    expect(findings).toMatchObject([
      {
        kind: 'n1.get',
        target: 'Post',
        count: 6,
        confidence: 'certain',
        parent: { target: 'Reader', rows: 6 },
        fix: 'session.getMany(Post, ids)',
      },
    ])
  })

  it('P24 get by FK in loop: keys that are no numbers, and keys of two columns', async () => {
    const groups = await findingsOf(async (session) => {
      for (const { groupId } of await session.find(Device).toList())
        await session.get(Group, groupId.toUpperCase())
    })
    expect(groups).toMatchObject([
      {
        target: 'Group',
        count: 6,
        confidence: 'certain',
        parent: { target: 'Device', rows: 6 },
        fix: 'session.getMany(Group, ids)',
      },
    ])
    const seats = await findingsOf(async (session) => {
      for (const { seatRow, seatNumber } of await session.find(Ticket).toList())
        await session.get(Seat, { row: seatRow, number: seatNumber })
    })
    expect(seats).toMatchObject([
      {
        target: 'Seat',
        count: 6,
        confidence: 'certain',
        fix: 'find(Ticket).options(selectinload(Ticket.seat))',
      },
    ])
  })

  it('P25 get by ids from request body', async () => {
    const findings = await findingsOf(async (session) => {
      for (const id of [1, 2, 3]) await session.get(User, id)
    })
    expect(findings).toMatchObject([
      {
        kind: 'n1.get',
        target: 'User',
        count: 3,
        confidence: 'likely',
        fix: 'session.getMany(User, ids)',
      },
    ])
    expect(findings[0]).not.toHaveProperty('parent')
  })

  it('P25 get by ids from request body, and a list that is read later', async () => {
    const findings = await findingsOf(async (session) => {
      for (const id of [1, 2, 3]) await session.get(User, id)
      await posts(session)
    })
    expect(findings).toMatchObject([{ confidence: 'likely' }])
  })

  it('P25 get by ids, of which no row has one', async () => {
    const findings = await findingsOf(async (session) => {
      for (const id of [101, 102, 103]) await session.get(User, id)
    })
    expect(findings).toMatchObject([{ kind: 'n1.get', count: 3 }])
  })

  it('P24 in mode count', async () => {
    const load = (rows: number): Work => {
      return async (session) => {
        for (const post of (await posts(session)).slice(0, rows))
          await session.get(User, post.authorId)
      }
    }
    expect(await findingsOf(load(4), { nPlusOne: 'count' })).toEqual([])
    expect(await findingsOf(load(5), { nPlusOne: 'count' })).toMatchObject([
      { ...certain, count: 5, avoidableQueries: 4 },
    ])
    const ids: Work = async (session) => {
      for (const id of [1, 2, 3, 4, 5]) await session.get(User, id)
    }
    expect(await findingsOf(ids, { nPlusOne: 'count' })).toMatchObject([
      { confidence: 'possible', count: 5 },
    ])
    expect(await findingsOf(ids, { nPlusOne: 'off' })).toEqual([])
  })
})

describe('no finding', () => {
  const silent: Readonly<Record<string, Work>> = {
    'of two keys': async (session) => {
      for (const id of [1, 2]) await session.get(User, id)
    },
    'of three places': async (session) => {
      await session.get(User, 1)
      await session.get(User, 2)
      await session.get(User, 3)
    },
    'of three lines that call one helper': async (session) => {
      const get = (id: number): Promise<User | null> => session.get(User, id)
      await get(1)
      await get(2)
      await get(3)
    },
    'of what the identity map has': async (session) => {
      await session.find(User).toList()
      for (const post of await posts(session)) await session.get(User, post.authorId)
    },
    'of one key, which the identity map has then': async (session) => {
      for (let turn = 0; turn < 5; turn += 1) await session.get(User, 1)
    },
    'of getMany()': async (session) => {
      for (let turn = 0; turn < 4; turn += 1) await session.getMany(User, [turn, turn + 1])
    },
    'N28 refresh() of several entities': async (session) => {
      for (const post of await posts(session)) await session.refresh(post)
    },
    'N28 refresh() of one entity': async (session) => {
      const post = await session.getOrThrow(Post, 1)
      for (let turn = 0; turn < 6; turn += 1) await session.refresh(post)
    },
  }

  it.each(Object.keys(silent))('%s', async (name) => {
    expect(await findingsOf(silent[name] as Work)).toEqual([])
  })
})
