import { beforeEach, expect, it } from 'vitest'
import { joinedload, selectinload, type Session, sql } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { Author, Comment, desk, fillDesk, Post } from '../query/desk.ts'

const created = await testDatabase(desk)
const { database } = created

beforeEach(() => fillDesk(created))

/** A session that hides the first post by SQL of its own, which reads a change that is not flushed yet. */
async function changed(): Promise<Session> {
  const session = database.session()
  session.addFilter(
    Post,
    (post) => sql`${post.id} not in (select post_id from comments where body = ${'hidden'})`,
  )
  session.addFilter(
    Author,
    (author) => sql`(select count(*) from comments where body = 'hidden') = 1 and ${author.id} > 0`,
  )
  const comment = await session.getOrThrow(Comment, 1)
  comment.body = 'hidden'
  return session
}

const ids = (posts: readonly Post[] = []) => posts.map(({ id }) => id)

it.each<[string, (session: Session) => Promise<unknown>, unknown]>([
  ['a query', async (session) => session.find(Post).count(), 3],
  [
    'an await',
    async (session) => {
      const [ann] = await session.find(Author).toList()
      const comment = await session.getOrThrow(Comment, 1)
      comment.body = 'fine'
      const before = ids(await ann?.posts)
      return before
    },
    [1, 2],
  ],
  [
    'further statements',
    async (session) => {
      const [ann] = await session.find(Author).options(selectinload(Author.posts)).toList()
      return ids(ann?.posts.value)
    },
    [2],
  ],
  [
    'joins',
    async (session) => {
      const [ann] = await session.find(Author).options(joinedload(Author.posts)).toList()
      return ids(ann?.posts.value)
    },
    [2],
  ],
  ['an update', async (session) => session.find(Post).all().update({ likes: 1 }), 3],
  [
    'an update of rows that a relation chooses',
    async (session) =>
      session
        .find(Post)
        .filter((post) => post.author.name.ne('x'))
        .update({ likes: 1 }),
    2,
  ],
])('%s flushes what own SQL in a default filter may read', async (_, read, expected) => {
  await using session = await changed()
  expect(await read(session)).toEqual(expected)
  await session.rollback()
})

it('load() and relations of queries without default filters flush for those that have some', async () => {
  await using session = database.session()
  const ann = await session.getOrThrow(Author, 1)
  session.addFilter(
    Post,
    (post) => sql`${post.id} not in (select post_id from comments where body = 'hidden')`,
  )
  const comment = await session.getOrThrow(Comment, 1)
  comment.body = 'hidden'
  await session.load(ann, selectinload(Author.posts))
  expect(ids(ann.posts.value)).toEqual([2])
  await session.rollback()
})

it('an update by a column of a row that own SQL hides flushes too', async () => {
  await using session = database.session()
  session.addFilter(
    Author,
    (author) => sql`${author.id} not in (select post_id from comments where body = 'hidden')`,
  )
  const comment = await session.getOrThrow(Comment, 1)
  comment.body = 'hidden' // hides the author 1
  const posts = session.find(Post).filter((post) => post.author.name.ne('x'))
  expect(await posts.update({ likes: 1 })).toBe(1)
  await session.rollback()
})
