import {
  array,
  belongsTo,
  bigint,
  boolean,
  custom,
  date,
  double,
  enumeration,
  hasMany,
  hasOne,
  integer,
  jsonb,
  keyOf,
  manyToMany,
  numeric,
  selectinload,
  type Session,
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
  profile: () => hasOne(Profile, 'userId'),
  following: () => hasMany(Follow, 'followerId'),
}) {
  // Inferred on purpose: types of members may not run in a circle.
  get label() {
    return `${this.name} <${this.email}>`
  }

  async latest() {
    return Post.find()
      .filter({ authorId: this.id }, (post) => post.author.manager.id.isNotNull())
      .orderBy((post) => post.id.desc())
      .first()
  }

  static oldest(session: Session) {
    return session
      .find(User)
      .orderBy((user) => [user.manager.age.desc(), user.reports.count().asc()])
      .options(selectinload(User.reports))
      .first()
  }
}

export class Post extends table(
  'posts',
  {
    id: integer().primaryKey().generated(),
    title: text(),
    likes: integer().default(0),
    authorId: integer().references(() => User),
    reviewerId: integer()
      .nullable()
      .references(() => User),
    author: () => belongsTo(User, 'authorId'),
    reviewer: () => belongsTo(User, 'reviewerId'),
    comments: () => hasMany(Comment, 'postId'),
    tags: () => manyToMany(Tag, { through: PostTag }),
  },
  {
    unique: [['authorId', 'title']],
    indexes: [['likes', 'id']],
    checks: { likes_positive: (row) => row.likes.gte(0) },
  },
) {
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

export class Profile extends table('profiles', {
  id: uuid().primaryKey().generated(),
  bio: text(),
  userId: integer()
    .unique()
    .references(() => User),
  user: () => belongsTo(User, 'userId'),
}) {}

export class Follow extends table(
  'follows',
  {
    followerId: integer()
      .primaryKey()
      .references(() => User),
    followeeId: integer()
      .primaryKey()
      .references(() => User),
    createdAt: timestamptz().defaultNow(),
    follower: () => belongsTo(User, 'followerId'),
    followee: () => belongsTo(User, 'followeeId'),
  },
  { indexes: [['createdAt']] },
) {}

export class Tag extends table('tags', {
  id: integer().primaryKey().generated(),
  name: text().unique(),
  posts: () => manyToMany(Post, { through: PostTag, from: 'tagId', to: 'postId' }),
}) {}

export class PostTag extends table('post_tags', {
  postId: integer()
    .primaryKey()
    .references(() => Post),
  tagId: integer()
    .primaryKey()
    .references(() => Tag),
}) {}

/** Refers to parcels, whose foreign key refers back by two columns. */
export class Line extends table(
  'lines',
  {
    orderId: integer().primaryKey(),
    no: integer().primaryKey(),
    lastId: integer().nullable(),
    parcels: () => hasMany(Parcel, ['orderId', 'no']),
    boxes: () => hasMany(Box, ['orderId', 'no']),
  },
  {
    schema: 'shop',
    foreignKeys: [{ columns: ['lastId'], references: () => keyOf(Parcel), onDelete: 'set null' }],
  },
) {}

/** May have no line, since one column of its foreign key is nullable. */
export class Parcel extends table(
  'parcels',
  {
    id: integer().primaryKey().generated(),
    orderId: integer(),
    no: integer().nullable(),
    line: () => belongsTo(Line, ['orderId', 'no']),
  },
  {
    foreignKeys: [{ columns: ['orderId', 'no'], references: () => keyOf(Line, ['orderId', 'no']) }],
  },
) {}

/** Has a line in every case. */
export class Box extends table('boxes', {
  id: integer().primaryKey().generated(),
  orderId: integer(),
  no: integer(),
  line: () => belongsTo(Line, ['orderId', 'no']),
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
  mood: enumeration('mood', ['ok', 'sad']).default('ok'),
  orMood: enumeration('mood', ['ok', 'sad']).nullable(),
  labels: array(text()).nullable(),
  day: date().default('2024-02-29'),
  slug: custom<{ path: string }>({
    sql: 'slug',
    decode: (path) => ({ path }),
    encode: ({ path }) => path,
  }).nullable(),
}) {}
