/** SQL written by hand. */
import pg from 'pg'
import type { NewPost, OpenPeer, Peer } from '../peer.ts'
import {
  authorKeys,
  type CommentRow,
  nested,
  type PostRow,
  type UserRow,
  withAuthors,
} from './joined.ts'

const userColumns = `id, name, email, age, active, posts_count as "postsCount", created_at as "createdAt"`
const postColumns = `id, title, body, likes, author_id as "authorId", created_at as "createdAt"`
const commentColumns = `id, body, post_id as "postId", author_id as "authorId", created_at as "createdAt"`

const texts = {
  user: `select ${userColumns} from users where id = $1`,
  users: `select ${userColumns} from users where id > $1 order by id limit $2`,
  usersByKeys: `select ${userColumns} from users where id = any($1)`,
  posts: `select ${postColumns} from posts where id > $1 order by id limit $2`,
  postsOf: `select ${postColumns} from posts where author_id = any($1) order by id`,
  commentsOf: `select ${commentColumns} from comments where post_id = any($1) order by id`,
  insertPosts: `insert into posts (title, body, likes, author_id)
    select * from unnest($1::text[], $2::text[], $3::integer[], $4::integer[])
    returning id, created_at as "createdAt"`,
  like: `update posts set likes = changed.likes
    from unnest($1::integer[], $2::integer[]) as changed (id, likes) where posts.id = changed.id`,
  begin: 'begin',
  lock: `select ${userColumns} from users where id = $1 for update`,
  insertPost: `insert into posts (title, body, likes, author_id) values ($1, $2, $3, $4)
    returning id, created_at as "createdAt"`,
  count: 'update users set posts_count = $2 where id = $1',
  commit: 'commit',
} as const

interface LockedRow {
  readonly id: number
  readonly postsCount: number
}

type TextName = keyof typeof texts

/** The statements are unnamed: PostgreSQL parses and plans each of them anew. */
export const openUnnamed: OpenPeer = (url, connections) => {
  const run = <Row>(
    client: pg.Pool | pg.PoolClient,
    name: TextName,
    values?: unknown[],
  ): Promise<readonly Row[]> => client.query(texts[name], values).then(({ rows }) => rows as Row[])
  return Promise.resolve(byHand(new pg.Pool({ connectionString: url, max: connections }), run))
}

/** The statements are prepared once for each connection, under their names. */
export const openNamed: OpenPeer = (url, connections) => {
  const run = <Row>(
    client: pg.Pool | pg.PoolClient,
    name: TextName,
    values?: unknown[],
  ): Promise<readonly Row[]> =>
    client
      .query(values === undefined ? texts[name] : { name, text: texts[name], values })
      .then(({ rows }) => rows as Row[])
  return Promise.resolve(byHand(new pg.Pool({ connectionString: url, max: connections }), run))
}

type Run = <Row>(
  client: pg.Pool | pg.PoolClient,
  name: TextName,
  values?: unknown[],
) => Promise<readonly Row[]>

function byHand(pool: pg.Pool, run: Run): Peer {
  const peer: Peer = {
    user: async (id) => {
      const [user] = await run(pool, 'user', [id])
      return user ?? null
    },
    users: (after, limit) => run(pool, 'users', [after, limit]),
    usersWithPosts: async (after, limit) => {
      const users = await run<UserRow>(pool, 'users', [after, limit])
      const posts = await run<PostRow>(pool, 'postsOf', [users.map(({ id }) => id)])
      const comments = await run<CommentRow>(pool, 'commentsOf', [posts.map(({ id }) => id)])
      return nested(users, posts, comments)
    },
    postsWithAuthors: async (after, limit) => {
      const posts = await run<PostRow>(pool, 'posts', [after, limit])
      return withAuthors(posts, await run<UserRow>(pool, 'usersByKeys', [authorKeys(posts)]))
    },
    postsThenAuthors: async (after, limit) => {
      const posts = await run<PostRow>(pool, 'posts', [after, limit])
      for (const post of posts) {
        Object.assign(post, { author: (await run(pool, 'user', [post.authorId]))[0] })
      }
      return posts
    },
    insertPosts: (posts) => run(pool, 'insertPosts', columnsOf(posts)),
    likePosts: async (after, limit) => {
      const posts = await run<{ id: number; likes: number }>(pool, 'posts', [after, limit])
      await run(pool, 'like', [posts.map(({ id }) => id), posts.map(({ likes }) => likes + 1)])
    },
    publish: async (post) => {
      const client = await pool.connect()
      try {
        await run(client, 'begin')
        const [author] = (await run<LockedRow>(client, 'lock', [post.authorId])) as [LockedRow]
        const values = [post.title, post.body, post.likes, post.authorId]
        const [made] = await run<object>(client, 'insertPost', values)
        await run(client, 'count', [author.id, author.postsCount + 1])
        await run(client, 'commit')
        client.release()
        return { ...post, ...made }
      } catch (error) {
        client.release(true)
        throw error
      }
    },
    close: () => pool.end(),
  }
  return peer
}

function columnsOf(posts: readonly NewPost[]): unknown[] {
  return [
    posts.map(({ title }) => title),
    posts.map(({ body }) => body),
    posts.map(({ likes }) => likes),
    posts.map(({ authorId }) => authorId),
  ]
}
