import { belongsTo, boolean, hasMany, integer, table, text, timestamptz } from '../../orm/index.ts'

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
}) {}

export class Comment extends table('comments', {
  id: integer().primaryKey().generated(),
  body: text(),
  postId: integer().references(() => Post, { onDelete: 'cascade' }),
  post: () => belongsTo(Post, 'postId'),
}) {}

export const blog = [User, Post, Comment] as const

/** A user that needs nothing but a name. */
export function user(name: string, values: Partial<{ age: number; active: boolean }> = {}): User {
  return new User({ name, email: `${name}@example.com`, ...values })
}
