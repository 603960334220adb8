import {
  belongsTo,
  type Database,
  hasMany,
  hasOne,
  integer,
  manyToMany,
  type Session,
  table,
  text,
} from '../../../orm/index.ts'

class Company extends table('companies', {
  id: integer().primaryKey(),
  employees: () => hasMany(User, 'companyId'),
}) {}

export class User extends table('users', {
  id: integer().primaryKey(),
  companyId: integer().references(() => Company),
  company: () => belongsTo(Company, 'companyId'),
  posts: () => hasMany(Post, 'authorId'),
}) {}

export class Category extends table('categories', {
  id: integer().primaryKey(),
  parentId: integer().nullable(),
  parent: () => belongsTo(Category, 'parentId'),
  children: () => hasMany(Category, 'parentId'),
}) {}

export class Post extends table('posts', {
  id: integer().primaryKey().generated(),
  title: text().default('title'),
  body: text().default('body').deferred(),
  authorId: integer().references(() => User),
  editorId: integer().nullable(),
  categoryId: integer().nullable(),
  author: () => belongsTo(User, 'authorId'),
  editor: () => belongsTo(User, 'editorId'),
  category: () => belongsTo(Category, 'categoryId'),
  comments: () => hasMany(Comment, 'postId'),
  tags: () => manyToMany(Tag, { through: PostTag }),
  cover: () => hasOne(Cover, 'postId'),
}) {}

export class Comment extends table('comments', {
  id: integer().primaryKey().generated(),
  postId: integer().references(() => Post),
  authorId: integer().references(() => User),
  post: () => belongsTo(Post, 'postId'),
  author: () => belongsTo(User, 'authorId'),
}) {}

export class Tag extends table('tags', {
  id: integer().primaryKey(),
  posts: () => manyToMany(Post, { through: PostTag }),
}) {}

class PostTag extends table('post_tags', {
  postId: integer()
    .primaryKey()
    .references(() => Post),
  tagId: integer()
    .primaryKey()
    .references(() => Tag),
}) {}

export class Cover extends table('covers', {
  id: integer().primaryKey(),
  postId: integer().references(() => Post),
  post: () => belongsTo(Post, 'postId'),
}) {}

export const magazine = [Company, User, Category, Post, Comment, Tag, PostTag, Cover] as const

/**
 * Five posts with authors, covers and tags of their own and two comments each, by five other users. The users work for
 * ten companies. Category 1 is the root of a tree with two children for each, and category 100 to 106 are a chain.
 */
export async function fill(database: Database): Promise<void> {
  await database.run(async (session) => {
    const ids = [1, 2, 3, 4, 5]
    for (const id of Array.from({ length: 10 }, (_, index) => index + 1))
      session.add(new Company({ id }), new User({ id, companyId: id }))
    for (let id = 1; id <= 15; id += 1)
      session.add(new Category({ id, parentId: id === 1 ? null : Math.floor(id / 2) }))
    for (let id = 100; id <= 106; id += 1)
      session.add(new Category({ id, parentId: id === 100 ? null : id - 1 }))
    const posts = await session.insertMany(
      Post,
      ids.map((id) => ({ authorId: id, categoryId: id })),
    )
    for (const { id } of posts) {
      session.add(new Comment({ postId: id, authorId: 5 + id }))
      session.add(new Comment({ postId: id, authorId: 5 + (id % 5) + 1 }))
      session.add(new Tag({ id }), new PostTag({ postId: id, tagId: id }))
      session.add(new Cover({ id, postId: id }))
    }
  })
}

export function posts(session: Session): Promise<Post[]> {
  return session
    .find(Post)
    .orderBy((post) => post.id.asc())
    .toList()
}
