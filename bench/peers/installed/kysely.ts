import { Kysely, PostgresDialect, sql, type Generated } from 'kysely'
import pg from 'pg'
import { authorKeys, nested, withAuthors } from '../clients/joined.ts'
import type { OpenPeer } from '../peer.ts'

interface Tables {
  users: {
    id: Generated<number>
    name: string
    email: string
    age: number | null
    active: boolean
    posts_count: number
    created_at: Generated<Date>
  }
  posts: {
    id: Generated<number>
    title: string
    body: string
    likes: number
    author_id: number
    created_at: Generated<Date>
  }
  comments: {
    id: Generated<number>
    body: string
    post_id: number
    author_id: number
    created_at: Generated<Date>
  }
}

const userColumns = [
  'id',
  'name',
  'email',
  'age',
  'active',
  'posts_count as postsCount',
  'created_at as createdAt',
] as const
const postColumns = [
  'id',
  'title',
  'body',
  'likes',
  'author_id as authorId',
  'created_at as createdAt',
] as const
const commentColumns = [
  'id',
  'body',
  'post_id as postId',
  'author_id as authorId',
  'created_at as createdAt',
] as const

export const open: OpenPeer = (url, connections) => {
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({
      pool: new pg.Pool({ connectionString: url, max: connections }),
    }),
  })
  const one = async (id: number) =>
    (await db.selectFrom('users').select(userColumns).where('id', '=', id).executeTakeFirst()) ??
    null
  const users = (after: number, limit: number) =>
    db
      .selectFrom('users')
      .select(userColumns)
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit)
      .execute()
  const posts = (after: number, limit: number) =>
    db
      .selectFrom('posts')
      .select(postColumns)
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit)
      .execute()

  return Promise.resolve({
    user: one,
    users,
    // Relations as JSON would be one query, but dates would be text.
    usersWithPosts: async (after, limit) => {
      const owners = await users(after, limit)
      const owned = await db
        .selectFrom('posts')
        .select(postColumns)
        .where(
          'author_id',
          'in',
          owners.map(({ id }) => id),
        )
        .orderBy('id')
        .execute()
      const comments = await db
        .selectFrom('comments')
        .select(commentColumns)
        .where(
          'post_id',
          'in',
          owned.map(({ id }) => id),
        )
        .orderBy('id')
        .execute()
      return nested(owners, owned, comments)
    },
    postsWithAuthors: async (after, limit) => {
      const page = await posts(after, limit)
      const authors = await db
        .selectFrom('users')
        .select(userColumns)
        .where('id', 'in', authorKeys(page))
        .execute()
      return withAuthors(page, authors)
    },
    postsThenAuthors: async (after, limit) => {
      const page = await posts(after, limit)
      for (const each of page) Object.assign(each, { author: await one(each.authorId) })
      return page
    },
    insertPosts: (made) =>
      db
        .insertInto('posts')
        .values(made.map(({ authorId, ...rest }) => ({ ...rest, author_id: authorId })))
        .returning(['id', 'created_at as createdAt'])
        .execute(),
    likePosts: async (after, limit) => {
      const rows = await db
        .selectFrom('posts')
        .selectAll()
        .where('id', '>', after)
        .orderBy('id')
        .limit(limit)
        .execute()
      const keys = rows.map(({ id }) => id)
      const likes = rows.map((row) => row.likes + 1)
      await db
        .updateTable('posts')
        .from(
          sql<{
            id: number
            likes: number
          }>`(select * from unnest(${keys}::integer[], ${likes}::integer[]) as c (id, likes))`.as(
            'changed',
          ),
        )
        .set((eb) => ({ likes: eb.ref('changed.likes') }))
        .whereRef('posts.id', '=', 'changed.id')
        .execute()
    },
    publish: (made) =>
      db.transaction().execute(async (tx) => {
        const author = await tx
          .selectFrom('users')
          .select(userColumns)
          .where('id', '=', made.authorId)
          .forUpdate()
          .executeTakeFirstOrThrow()
        const { authorId, ...rest } = made
        const stored = await tx
          .insertInto('posts')
          .values({ ...rest, author_id: authorId })
          .returning(['id', 'created_at as createdAt'])
          .executeTakeFirstOrThrow()
        await tx
          .updateTable('users')
          .set({ posts_count: author.postsCount + 1 })
          .where('id', '=', author.id)
          .execute()
        return { ...made, ...stored }
      }),
    close: () => db.destroy(),
  })
}
