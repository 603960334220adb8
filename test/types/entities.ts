import {
  belongsTo,
  bigint,
  boolean,
  double,
  hasMany,
  integer,
  jsonb,
  numeric,
  table,
  text,
  timestamptz,
  uuid,
} from 'fastify-data-bridge/orm'

export class User extends table('users', {
  id: integer().primaryKey().generated(),
  name: text(),
  email: text().unique(),
  passwordHash: text().nullable().hidden(),
  age: integer().nullable(),
  active: boolean().default(true),
  createdAt: timestamptz().defaultNow(),
  managerId: integer()
    .nullable()
    .references(() => User),
  manager: () => belongsTo(User, 'managerId'),
  reports: () => hasMany(User, 'managerId'),
  posts: () => hasMany(Post, 'authorId'),
}) {
  // Inferred on purpose: what tables refer to must not run in a circle.
  get label() {
    return `${this.name} <${this.email}>`
  }

  async latest() {
    return Post.find()
      .filter({ authorId: this.id })
      .orderBy((post) => post.id.desc())
      .first()
  }
}

export class Post extends table('posts', {
  id: integer().primaryKey().generated(),
  title: text(),
  likes: integer().default(0),
  authorId: integer().references(() => User),
  author: () => belongsTo(User, 'authorId'),
  comments: () => hasMany(Comment, 'postId'),
}) {
  get byline() {
    return `${this.title}, by ${this.author.value.label}`
  }
}

export class Comment extends table('comments', {
  id: integer().primaryKey().generated(),
  body: text(),
  postId: integer().references(() => Post, { onDelete: 'cascade' }),
  post: () => belongsTo(Post, 'postId'),
  authorId: integer().references(() => User),
  author: () => belongsTo(User, 'authorId'),
}) {}

/** Has the shape of a comment, and is none. */
export class Reply extends table('replies', {
  id: integer().primaryKey().generated(),
  body: text(),
  postId: integer().references(() => Post),
  post: () => belongsTo(Post, 'postId'),
  authorId: integer().references(() => User),
  author: () => belongsTo(User, 'authorId'),
}) {}

export interface Theme {
  dark: boolean
  accents: string[]
}

export class Sample extends table('samples', {
  id: uuid().primaryKey().generated(),
  integer: integer(),
  double: double(),
  exact: bigint(),
  named: bigint('a_name'),
  safe: bigint({ mode: 'number' }),
  big: bigint({ mode: 'bigint' }),
  amount: numeric({ precision: 12, scale: 2 }),
  text: text(),
  boolean: boolean(),
  at: timestamptz(),
  theme: jsonb<Theme>(),
  anything: jsonb(),
  orNull: integer().nullable(),
  orTheme: jsonb<Theme>().nullable(),
  withDefault: integer().default(1),
  nullableDefault: text().nullable().default('x'),
}) {}
