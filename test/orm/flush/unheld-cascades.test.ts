import { beforeEach, describe, expect, it } from 'vitest'
import { hasMany, integer, type Session, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

const id = integer().primaryKey()

class User extends table('users', { id }) {}
class Post extends table('posts', {
  id,
  userId: integer().references(() => User, { onDelete: 'cascade' }),
}) {}
class Comment extends table('comments', {
  id,
  body: text(),
  postId: integer().references(() => Post, { onDelete: 'cascade' }),
  topicId: integer()
    .nullable()
    .references(() => Topic),
  likes: () => hasMany(Like, 'commentId'),
}) {}
class Topic extends table('topics', { id, comments: () => hasMany(Comment, 'topicId') }) {}
class Like extends table('likes', {
  id,
  commentId: integer().references(() => Comment, { onDelete: 'cascade' }),
}) {}
class Node extends table('nodes', {
  id,
  parentId: integer()
    .nullable()
    .references(() => Node, { onDelete: 'cascade' }),
}) {}

const { database, query, truncate, url } = await testDatabase([
  User,
  Post,
  Comment,
  Topic,
  Like,
  Node,
])

beforeEach(async () => {
  await truncate()
  await query(`insert into users values (1), (2);
    insert into topics values (1);
    insert into posts values (1, 1), (2, 2);
    insert into comments values (1, 'a', 1, 1), (2, 'b', 2, 1);
    insert into likes values (1, 1), (2, 2);
    insert into nodes values (1, null), (2, 1), (3, 2), (4, null), (5, 4), (6, 5)`)
})

/** The verbs of what a unit of work sends after it has read. */
async function sent(
  read: (session: Session) => Promise<unknown>,
  work: (session: Session) => unknown,
): Promise<string[]> {
  await using wire = recordWire(url)
  await wire.database.run(async (session) => {
    await read(session)
    wire.clear()
    await work(session)
  })
  return wire.texts.map((each) => each.split(' ')[0] ?? '')
}

describe('a row that goes with a deleted one over a row that the session does not hold', () => {
  it('is detached, leaves the lists, and the rows of others stay with their changes', async () => {
    await using session = database.session()
    const user = await session.getOrThrow(User, 1)
    const [gone, other] = (await session.getMany(Comment, [1, 2])) as [Comment, Comment]
    const [like] = (await session.getMany(Like, [1])) as [Like]
    const topic = await session.getOrThrow(Topic, 1)
    await topic.comments
    session.delete(user)
    await session.flush()
    expect(await session.get(Comment, 1)).toBe(null)
    expect(await session.get(Like, 1)).toBe(null)
    expect(() => session.delete(gone)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
    expect(() => session.delete(like)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
    expect(topic.comments.value).toEqual([other])
    other.body = 'changed'
    await session.commit()
    expect(await query('select id, body from comments')).toEqual([{ id: 2, body: 'changed' }])
  })

  it('is asked for in the exchange of the COMMIT', async () => {
    const verbs = await sent(
      (session) => Promise.all([session.getMany(User, [1]), session.getMany(Comment, [1, 2])]),
      async (session) => session.delete((await session.get(User, 1)) as User),
    )
    expect(verbs).toEqual(['begin', 'with', 'select', 'commit'])
  })

  it('may be deleted in the same flush', async () => {
    await database.run(async (session) => {
      const user = await session.getOrThrow(User, 1)
      const like = await session.getOrThrow(Like, 1)
      const comment = await session.getOrThrow(Comment, 1)
      session.delete(user, like, comment)
    })
    expect(await query('select id from comments')).toEqual([{ id: 2 }])
    await database.run(async (session) => {
      session.delete(await session.getOrThrow(User, 2), await session.getOrThrow(Like, 2))
    })
    expect(await query('select from users')).toEqual([])
  })

  it('comes back with a rollback to a savepoint', async () => {
    await database.run(async (session) => {
      const comment = await session.getOrThrow(Comment, 1)
      const attempt = session.transaction(async () => {
        session.delete(await session.getOrThrow(User, 1))
        await session.flush()
        expect(await session.get(Comment, 1)).toBe(null)
        throw new Error('no')
      })
      await expect(attempt).rejects.toThrow('no')
      expect(await session.get(Comment, 1)).toMatchObject({ body: 'a' })
      expect(await session.get(Comment, 1)).not.toBe(comment)
    })
  })

  it('is found in a tree', async () => {
    await using session = database.session()
    const [root, leaf, other] = (await session.getMany(Node, [1, 3, 6])) as [Node, Node, Node]
    session.delete(root)
    await session.commit()
    expect(() => session.delete(leaf)).toThrow(coded('DATA_BRIDGE_ERR_DETACHED'))
    expect(await session.get(Node, 6)).toBe(other)
    expect(await query('select id from nodes order by id')).toEqual([
      { id: 4 },
      { id: 5 },
      { id: 6 },
    ])
  })
})

describe('nothing is asked', () => {
  it('where the session holds the rows between', async () => {
    const verbs = await sent(
      async (session) => {
        await session.getMany(Post, [1, 2])
        await session.getMany(Comment, [1, 2])
        await session.getMany(User, [1])
      },
      async (session) => session.delete((await session.get(User, 1)) as User),
    )
    expect(verbs).toEqual(['begin', 'with', 'commit'])
  })

  it('where no cascade leads from the deleted row over others', async () => {
    const verbs = await sent(
      async (session) => {
        await session.getMany(Comment, [1, 2])
        await session.getMany(Like, [1])
        await session.getMany(Post, [1])
      },
      async (session) => session.delete((await session.get(Post, 1)) as Post),
    )
    expect(verbs).toEqual(['begin', 'with', 'commit'])
  })
})
