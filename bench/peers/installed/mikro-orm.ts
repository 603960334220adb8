import {
  type Collection,
  defineEntity,
  LockMode,
  MikroORM,
  p,
  wrap,
  type EntityManager,
} from '@mikro-orm/postgresql'
import type { OpenPeer } from '../peer.ts'

const createdAt = () =>
  p.datetime().columnType('timestamptz(3)').name('created_at').defaultRaw('now()')

const UserSchema = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.integer().primary(),
    name: p.text(),
    email: p.text().unique(),
    age: p.integer().nullable(),
    active: p.boolean().default(true),
    postsCount: p.integer().name('posts_count').default(0),
    createdAt: createdAt(),
    posts: () => p.oneToMany(PostSchema).mappedBy('author').orderBy({ id: 'asc' }),
  },
})
class User extends UserSchema.class {}
UserSchema.setClass(User)

const PostSchema = defineEntity({
  name: 'Post',
  tableName: 'posts',
  properties: {
    id: p.integer().primary(),
    title: p.text(),
    body: p.text(),
    likes: p.integer().default(0),
    createdAt: createdAt(),
    author: () => p.manyToOne(User).name('author_id'),
    comments: () => p.oneToMany(CommentSchema).mappedBy('post').orderBy({ id: 'asc' }),
  },
})
class Post extends PostSchema.class {}
PostSchema.setClass(Post)

const CommentSchema = defineEntity({
  name: 'Comment',
  tableName: 'comments',
  properties: {
    id: p.integer().primary(),
    body: p.text(),
    createdAt: createdAt(),
    post: () => p.manyToOne(Post).name('post_id'),
    author: () => p.manyToOne(User).name('author_id'),
  },
})
class Comment extends CommentSchema.class {}
CommentSchema.setClass(Comment)

export const open: OpenPeer = async (url, connections) => {
  const orm = await MikroORM.init({
    clientUrl: url,
    entities: [User, Post, Comment],
    pool: { min: 0, max: connections },
    // A larger batch is documented for many rows: one statement for each thousand.
    batchSize: 1000,
  })
  // Each request has its own EntityManager.
  const fork = (): EntityManager => orm.em.fork()
  const page = (after: number, limit: number) =>
    [{ id: { $gt: after } }, { orderBy: { id: 'asc' }, limit }] as const

  return {
    user: (id) => fork().findOne(User, id),
    users: (after, limit) => fork().find(User, ...page(after, limit)),
    usersWithPosts: (after, limit) => {
      const [where, options] = page(after, limit)
      return fork().find(User, where, {
        ...options,
        populate: ['posts.comments'],
        strategy: 'select-in',
      })
    },
    postsWithAuthors: (after, limit) => {
      const [where, options] = page(after, limit)
      return fork().find(Post, where, { ...options, populate: ['author'], strategy: 'select-in' })
    },
    postsThenAuthors: async (after, limit) => {
      const posts = await fork().find(Post, ...page(after, limit))
      for (const { author } of posts) await wrap(author).init()
      return posts
    },
    insertPosts: async (made) => {
      const em = fork()
      const posts = made.map(({ authorId, ...rest }) =>
        em.create(Post, { ...rest, author: em.getReference(User, authorId) }),
      )
      em.persist(posts)
      await em.flush()
      return posts
    },
    likePosts: async (after, limit) => {
      const em = fork()
      for (const post of await em.find(Post, ...page(after, limit))) post.likes += 1
      await em.flush()
    },
    publish: async (made) => {
      const { authorId, ...rest } = made
      const { id, createdAt } = await fork().transactional(async (em) => {
        const author = await em.findOneOrFail(User, authorId, {
          lockMode: LockMode.PESSIMISTIC_WRITE,
        })
        const post = em.create(Post, { ...rest, author })
        em.persist(post)
        author.postsCount += 1
        return post
      })
      return { ...made, id, createdAt }
    },
    read: (entity, property) => {
      if (property === 'authorId' && 'author' in entity) return (entity as Post | Comment).author.id
      if (property === 'postId') return (entity as Comment).post.id
      const value = (entity as Readonly<Record<string, unknown>>)[property]
      return isCollection(value) ? value.getItems() : value
    },
    // Foreign keys are not separate properties here.
    answer: (result) => (Array.isArray(result) ? result.map(withAuthorId) : withAuthorId(result)),
    close: () => orm.close(),
  }
}

function withAuthorId(entity: unknown): unknown {
  if (!(entity instanceof Post)) return entity
  const { comments: _, ...plain } = wrap(entity).toObject()
  return { ...plain, authorId: entity.author.id }
}

function isCollection(value: unknown): value is Collection<object> {
  return typeof value === 'object' && value !== null && 'getItems' in value
}
