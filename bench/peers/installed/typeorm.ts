import { DataSource, EntitySchema, MoreThan } from 'typeorm'
import type { OpenPeer } from '../peer.ts'

interface User {
  id: number
  name: string
  email: string
  age: number | null
  active: boolean
  postsCount: number
  createdAt: Date
  posts: Post[]
}

interface Post {
  id: number
  title: string
  body: string
  likes: number
  authorId: number
  createdAt: Date
  author: User
  comments: Comment[]
}

interface Comment {
  id: number
  body: string
  postId: number
  authorId: number
  createdAt: Date
  post: Post
}

const id = { type: Number, primary: true, generated: true } as const
const createdAt = {
  type: 'timestamptz',
  precision: 3,
  name: 'created_at',
  createDate: true,
} as const

const UserEntity = new EntitySchema<User>({
  name: 'User',
  tableName: 'users',
  columns: {
    id,
    name: { type: 'text' },
    email: { type: 'text', unique: true },
    age: { type: 'integer', nullable: true },
    active: { type: 'boolean', default: true },
    postsCount: { type: 'integer', name: 'posts_count', default: 0 },
    createdAt,
  },
  relations: { posts: { type: 'one-to-many', target: 'Post', inverseSide: 'author' } },
})
const PostEntity = new EntitySchema<Post>({
  name: 'Post',
  tableName: 'posts',
  columns: {
    id,
    title: { type: 'text' },
    body: { type: 'text' },
    likes: { type: 'integer', default: 0 },
    authorId: { type: 'integer', name: 'author_id' },
    createdAt,
  },
  relations: {
    author: {
      type: 'many-to-one',
      target: 'User',
      inverseSide: 'posts',
      joinColumn: { name: 'author_id' },
    },
    comments: { type: 'one-to-many', target: 'Comment', inverseSide: 'post' },
  },
})
const CommentEntity = new EntitySchema<Comment>({
  name: 'Comment',
  tableName: 'comments',
  columns: {
    id,
    body: { type: 'text' },
    postId: { type: 'integer', name: 'post_id' },
    authorId: { type: 'integer', name: 'author_id' },
    createdAt,
  },
  relations: {
    post: {
      type: 'many-to-one',
      target: 'Post',
      inverseSide: 'comments',
      joinColumn: { name: 'post_id' },
    },
  },
})

export const open: OpenPeer = async (url, connections) => {
  const source = new DataSource({
    type: 'postgres',
    url,
    poolSize: connections,
    entities: [UserEntity, PostEntity, CommentEntity],
    synchronize: false,
    installExtensions: false,
  })
  await source.initialize()
  const users = source.getRepository(UserEntity)
  const posts = source.getRepository(PostEntity)
  const page = (after: number, limit: number) =>
    ({ where: { id: MoreThan(after) }, order: { id: 'ASC' }, take: limit }) as const
  const one = (key: number): Promise<User | null> => users.findOneBy({ id: key })

  return {
    user: one,
    users: (after, limit) => users.find(page(after, limit)),
    usersWithPosts: (after, limit) =>
      users.find({
        ...page(after, limit),
        relations: { posts: { comments: true } },
      }),
    postsWithAuthors: (after, limit) =>
      posts.find({ ...page(after, limit), relations: { author: true } }),
    postsThenAuthors: async (after, limit) => {
      const found = await posts.find(page(after, limit))
      for (const post of found) post.author = (await one(post.authorId)) as User
      return found
    },
    insertPosts: async (made) => {
      const { generatedMaps } = await posts.insert([...made])
      return generatedMaps
    },
    likePosts: async (after, limit) => {
      const found = await posts.find(page(after, limit))
      for (const post of found) post.likes += 1
      await posts.save(found)
    },
    publish: (made) =>
      source.transaction(async (manager) => {
        const author = await manager.findOneOrFail(UserEntity, {
          where: { id: made.authorId },
          lock: { mode: 'pessimistic_write' },
        })
        const { generatedMaps } = await manager.insert(PostEntity, made)
        await manager.update(UserEntity, { id: author.id }, { postsCount: author.postsCount + 1 })
        return { ...made, ...generatedMaps[0] }
      }),
    // With an order of the relations, it would count their rows in `take`. So only the comparison sorts them.
    read: (entity, property) => {
      const value = (entity as Readonly<Record<string, unknown>>)[property]
      return Array.isArray(value) ? value.toSorted(byKey) : value
    },
    close: () => source.destroy(),
  }
}

function byKey(one: { readonly id: number }, other: { readonly id: number }): number {
  return one.id - other.id
}
