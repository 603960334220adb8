/** Reads are prepared under names, as its documentation advises for speed. */
import { eq, gt, inArray, relations, sql, type SQL } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { boolean, integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import pg from 'pg'
import type { OpenPeer } from '../peer.ts'

const createdAt = () => timestamp('created_at', { precision: 3, withTimezone: true })

const users = pgTable('users', {
  id: integer().primaryKey().generatedByDefaultAsIdentity(),
  name: text().notNull(),
  email: text().notNull().unique(),
  age: integer(),
  active: boolean().notNull().default(true),
  postsCount: integer('posts_count').notNull().default(0),
  createdAt: createdAt().notNull().defaultNow(),
})
const posts = pgTable('posts', {
  id: integer().primaryKey().generatedByDefaultAsIdentity(),
  title: text().notNull(),
  body: text().notNull(),
  likes: integer().notNull().default(0),
  authorId: integer('author_id')
    .notNull()
    .references(() => users.id),
  createdAt: createdAt().notNull().defaultNow(),
})
const comments = pgTable('comments', {
  id: integer().primaryKey().generatedByDefaultAsIdentity(),
  body: text().notNull(),
  postId: integer('post_id')
    .notNull()
    .references(() => posts.id),
  authorId: integer('author_id')
    .notNull()
    .references(() => users.id),
  createdAt: createdAt().notNull().defaultNow(),
})
const usersRelations = relations(users, ({ many }) => ({ posts: many(posts) }))
const postsRelations = relations(posts, ({ one, many }) => ({
  author: one(users, { fields: [posts.authorId], references: [users.id] }),
  comments: many(comments),
}))
const commentsRelations = relations(comments, ({ one }) => ({
  post: one(posts, { fields: [comments.postId], references: [posts.id] }),
}))
const schema = {
  users,
  posts,
  comments,
  usersRelations,
  postsRelations,
  commentsRelations,
}

export const open: OpenPeer = (url, connections) => {
  const pool = new pg.Pool({ connectionString: url, max: connections })
  const db = drizzle({ client: pool, schema })
  const id = sql.placeholder('id')
  const after = sql.placeholder('after')
  const limit = sql.placeholder('limit')

  const user = db.select().from(users).where(eq(users.id, id)).prepare('user')
  const userPage = db
    .select()
    .from(users)
    .where(gt(users.id, after))
    .orderBy(users.id)
    .limit(limit)
    .prepare('users')
  const postPage = db
    .select()
    .from(posts)
    .where(gt(posts.id, after))
    .orderBy(posts.id)
    .limit(limit)
    .prepare('posts')
  const likes = db
    .select()
    .from(posts)
    .where(gt(posts.id, after))
    .orderBy(posts.id)
    .limit(limit)
    .prepare('likes')
  const withPosts = db.query.users
    .findMany({
      where: gt(users.id, after),
      orderBy: users.id,
      limit,
      with: {
        posts: { orderBy: posts.id, with: { comments: { orderBy: comments.id } } },
      },
    })
    .prepare('users_with_posts')
  const withAuthors = db.query.posts
    .findMany({ where: gt(posts.id, after), orderBy: posts.id, limit, with: { author: true } })
    .prepare('posts_with_authors')

  return Promise.resolve({
    user: async (key) => (await user.execute({ id: key }))[0] ?? null,
    users: (from, count) => userPage.execute({ after: from, limit: count }),
    usersWithPosts: (from, count) => withPosts.execute({ after: from, limit: count }),
    postsWithAuthors: (from, count) => withAuthors.execute({ after: from, limit: count }),
    postsThenAuthors: async (from, count) => {
      const page = await postPage.execute({ after: from, limit: count })
      for (const post of page) {
        Object.assign(post, { author: (await user.execute({ id: post.authorId }))[0] })
      }
      return page
    },
    insertPosts: (made) =>
      db
        .insert(posts)
        .values([...made])
        .returning({ id: posts.id, createdAt: posts.createdAt }),
    // "Update many with different values for each row" in its guides.
    likePosts: async (from, count) => {
      const rows = await likes.execute({ after: from, limit: count })
      const chunks: SQL[] = [sql`(case`]
      for (const row of rows) {
        chunks.push(sql`when ${posts.id} = ${row.id} then ${row.likes + 1}::integer`)
      }
      chunks.push(sql`end)`)
      const keys = rows.map((row) => row.id)
      await db
        .update(posts)
        .set({ likes: sql.join(chunks, sql.raw(' ')) })
        .where(inArray(posts.id, keys))
    },
    publish: (made) =>
      db.transaction(async (tx) => {
        const [author] = await tx
          .select()
          .from(users)
          .where(eq(users.id, made.authorId))
          .for('update')
        const [stored] = await tx
          .insert(posts)
          .values(made)
          .returning({ id: posts.id, createdAt: posts.createdAt })
        if (author === undefined) throw new Error('expected an author')
        await tx
          .update(users)
          .set({ postsCount: author.postsCount + 1 })
          .where(eq(users.id, author.id))
        return { ...made, ...stored }
      }),
    close: () => pool.end(),
  })
}
