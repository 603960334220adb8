import {
  belongsTo,
  boolean,
  Database,
  hasMany,
  integer,
  selectinload,
  Session,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import type { OpenPeer } from '../peer.ts'
import type { Read } from '../shape.ts'

export class User extends table('users', {
  id: integer().primaryKey().generated(),
  name: text(),
  email: text().unique(),
  age: integer().nullable(),
  active: boolean().default(true),
  postsCount: integer().default(0),
  createdAt: timestamptz().defaultNow(),
  posts: () => hasMany(Post, 'authorId'),
}) {}

export class Post extends table('posts', {
  id: integer().primaryKey().generated(),
  title: text(),
  body: text(),
  likes: integer().default(0),
  authorId: integer().references(() => User),
  createdAt: timestamptz().defaultNow(),
  author: () => belongsTo(User, 'authorId'),
  comments: () => hasMany(Comment, 'postId'),
}) {}

export class Comment extends table('comments', {
  id: integer().primaryKey().generated(),
  body: text(),
  postId: integer().references(() => Post),
  authorId: integer().references(() => User),
  createdAt: timestamptz().defaultNow(),
}) {}

/** Traces are off, and the detector of N+1 queries counts. */
export const settings = { tracing: false, nPlusOne: 'count' } as const

export const openOurs: OpenPeer = (url, connections) => {
  const database = new Database({ connectionString: url, max: connections, ...settings })
  return Promise.resolve({
    user: (id) => inSession(database, (session) => session.get(User, id)),
    users: (after, limit) => inSession(database, (session) => page(session, after, limit).toList()),
    usersWithPosts: (after, limit) =>
      inSession(database, (session) =>
        page(session, after, limit)
          .options(selectinload(User.posts).options(selectinload(Post.comments)))
          .toList(),
      ),
    postsWithAuthors: (after, limit) =>
      inSession(database, (session) => pageOfPosts(session, after, limit)),
    postsThenAuthors: (after, limit) =>
      inSession(database, async (session) => {
        const posts = await postsAfter(session, after, limit).toList()
        for (const post of posts) await post.author
        return posts
      }),
    insertPosts: (posts) =>
      inSession(database, async (session) => {
        const made = posts.map((post) => new Post(post))
        for (const post of made) session.add(post)
        await session.commit()
        return made
      }),
    likePosts: (after, limit) =>
      inSession(database, async (session) => {
        for (const post of await postsAfter(session, after, limit).toList()) post.likes += 1
        await session.commit()
      }),
    publish: (values) =>
      inSession(database, async (session) => {
        const author = await locked(session, values.authorId)
        const post = new Post(values)
        session.add(post)
        author.postsCount += 1
        await session.commit()
        return post
      }),
    read,
    close: () => database.close(),
  })
}

/** Relations are handles. */
const read: Read = (entity, property) => {
  const value = (entity as Readonly<Record<string, unknown>>)[property]
  return ['author', 'posts', 'comments'].includes(property)
    ? (value as { readonly value: unknown }).value
    : value
}

export function pageOfPosts(session: Session, after: number, limit: number): Promise<Post[]> {
  return postsAfter(session, after, limit).options(selectinload(Post.author)).toList()
}

/** Reads the user and locks the row until the transaction ends. */
export function locked(session: Session, id: number): Promise<User> {
  return session.find(User).filter({ id }).forUpdate().one()
}

function page(session: Session, after: number, limit: number) {
  return session
    .find(User)
    .filter((user) => user.id.gt(after))
    .orderBy((user) => user.id.asc())
    .limit(limit)
}

function postsAfter(session: Session, after: number, limit: number) {
  return session
    .find(Post)
    .filter((post) => post.id.gt(after))
    .orderBy((post) => post.id.asc())
    .limit(limit)
}

/** Each request has its own session, so each unit of work has one here. */
async function inSession<T>(
  database: Database,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = new Session(database)
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}
