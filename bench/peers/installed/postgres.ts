/** Tagged templates, which are prepared by default, and the documented helpers for many rows. */
import postgres from 'postgres'
import {
  authorKeys,
  type CommentRow,
  nested,
  type PostRow,
  type UserRow,
  withAuthors,
} from '../clients/joined.ts'
import type { OpenPeer } from '../peer.ts'

interface LockedRow {
  readonly id: number
  readonly postsCount: number
}

export const open: OpenPeer = (url, connections) => {
  const sql = postgres(url, { max: connections })
  const user = sql`id, name, email, age, active, posts_count as "postsCount", created_at as "createdAt"`
  const post = sql`id, title, body, likes, author_id as "authorId", created_at as "createdAt"`
  const comment = sql`id, body, post_id as "postId", author_id as "authorId", created_at as "createdAt"`

  const users = (after: number, limit: number) =>
    sql<UserRow[]>`select ${user} from users where id > ${after} order by id limit ${limit}`
  const posts = (after: number, limit: number) =>
    sql<PostRow[]>`select ${post} from posts where id > ${after} order by id limit ${limit}`
  const one = async (id: number) => {
    const [found] = await sql`select ${user} from users where id = ${id}`
    return found ?? null
  }

  return Promise.resolve({
    user: one,
    users,
    usersWithPosts: async (after, limit) => {
      const owners = await users(after, limit)
      const owned = await sql<PostRow[]>`
        select ${post} from posts where author_id = any(${owners.map(({ id }) => id)}) order by id`
      const comments = await sql<CommentRow[]>`
        select ${comment} from comments where post_id = any(${owned.map(({ id }) => id)}) order by id`
      return nested(owners, owned, comments)
    },
    postsWithAuthors: async (after, limit) => {
      const page = await posts(after, limit)
      const authors = await sql<UserRow[]>`
        select ${user} from users where id = any(${authorKeys(page)})`
      return withAuthors(page, authors)
    },
    postsThenAuthors: async (after, limit) => {
      const page = await posts(after, limit)
      for (const each of page) Object.assign(each, { author: await one(each.authorId) })
      return page
    },
    insertPosts: (made) => {
      const rows = made.map(({ authorId, ...rest }) => ({ ...rest, author_id: authorId }))
      return sql`insert into posts ${sql(rows, 'title', 'body', 'likes', 'author_id')}
        returning id, created_at as "createdAt"`
    },
    likePosts: async (after, limit) => {
      const rows = await sql<{ id: number; likes: number }[]>`
        select ${post} from posts where id > ${after} order by id limit ${limit}`
      const changed = rows.map(({ id, likes }) => [id, likes + 1])
      await sql`update posts set likes = changed.likes::integer
        from (values ${sql(changed)}) as changed (id, likes) where posts.id = changed.id::integer`
    },
    publish: (made) =>
      sql.begin(async (tx) => {
        const [author] = await tx<[LockedRow]>`
          select id, posts_count as "postsCount" from users where id = ${made.authorId} for update`
        const [stored] = await tx`insert into posts (title, body, likes, author_id)
          values (${made.title}, ${made.body}, ${made.likes}, ${made.authorId})
          returning id, created_at as "createdAt"`
        await tx`update users set posts_count = ${author.postsCount + 1} where id = ${author.id}`
        return { ...made, ...stored }
      }),
    close: () => sql.end(),
  })
}
