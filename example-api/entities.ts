import {
  belongsTo,
  boolean,
  hasMany,
  integer,
  manyToMany,
  table,
  text,
  timestamptz,
} from 'fastify-data-bridge/orm'

export class User extends table('users', {
  id: integer().primaryKey().generated(),
  name: text(),
  email: text().unique(),
  passwordHash: text().nullable().hidden(),
  age: integer().nullable(),
  active: boolean().default(true),
  createdAt: timestamptz().defaultNow(),
  posts: () => hasMany(Post, 'authorId'),
}) {
  get label(): string {
    return `${this.name} <${this.email}>`
  }
}

export class Post extends table('posts', {
  id: integer().primaryKey().generated(),
  title: text(),
  likes: integer().default(0),
  authorId: integer().references(() => User),
  author: () => belongsTo(User, 'authorId'),
  comments: () => hasMany(Comment, 'postId'),
  tags: () => manyToMany(Tag, { through: 'post_tags' }),
}) {}

export class Comment extends table('comments', {
  id: integer().primaryKey().generated(),
  body: text(),
  postId: integer().references(() => Post, { onDelete: 'cascade' }),
  post: () => belongsTo(Post, 'postId'),
}) {}

export class Tag extends table('tags', {
  id: integer().primaryKey().generated(),
  name: text().unique(),
  posts: () => manyToMany(Post, { through: 'post_tags' }),
}) {}

export const tables = [User, Post, Comment, Tag] as const
