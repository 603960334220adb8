import {
  belongsTo,
  boolean,
  hasMany,
  hasOne,
  integer,
  manyToMany,
  table,
  text,
  timestamptz,
} from '../../../orm/index.ts'
import type { TestDatabase } from '../../support/database.ts'

/** Authors and posts that are deleted softly, in desks of several tenants. */
export class Author extends table(
  'authors',
  {
    id: integer().primaryKey(),
    name: text(),
    tenantId: integer(),
    deletedAt: timestamptz().nullable(),
    posts: () => hasMany(Post, 'authorId'),
    allPosts: () => hasMany(Post, 'authorId', { withDefaults: false }),
    bio: () => hasOne(Bio, 'authorId'),
  },
  { defaultFilter: (author) => author.deletedAt.isNull() },
) {}

export class Post extends table(
  'posts',
  {
    id: integer().primaryKey(),
    title: text(),
    likes: integer().default(0),
    tenantId: integer(),
    deletedAt: timestamptz().nullable(),
    authorId: integer().references(() => Author),
    editorId: integer()
      .nullable()
      .references(() => Author),
    author: () => belongsTo(Author, 'authorId'),
    writer: () => belongsTo(Author, 'authorId', { withDefaults: false }),
    editor: () => belongsTo(Author, 'editorId'),
    comments: () => hasMany(Comment, 'postId'),
    tags: () => manyToMany(Tag, { through: PostTag }),
    allTags: () => manyToMany(Tag, { through: PostTag, withDefaults: false }),
  },
  { defaultFilter: (post) => post.deletedAt.isNull() },
) {}

export class Comment extends table(
  'comments',
  {
    id: integer().primaryKey(),
    body: text(),
    postId: integer().references(() => Post),
    isSpam: boolean().default(false),
    post: () => belongsTo(Post, 'postId'),
  },
  { defaultFilter: (comment) => comment.isSpam.eq(false) },
) {}

export class Tag extends table('tags', {
  id: integer().primaryKey(),
  name: text(),
  posts: () => manyToMany(Post, { through: PostTag }),
}) {}

export class PostTag extends table(
  'post_tags',
  {
    postId: integer()
      .primaryKey()
      .references(() => Post),
    tagId: integer()
      .primaryKey()
      .references(() => Tag),
    state: text().default('on'),
  },
  { defaultFilter: (link) => link.state.ne('off') },
) {}

/** Several rows may belong to one author: the relation gives the first. */
export class Bio extends table(
  'bios',
  {
    id: integer().primaryKey(),
    text: text(),
    authorId: integer().references(() => Author),
    state: text().default('on'),
  },
  { defaultFilter: (bio) => bio.state.in(['on', "it's"]) },
) {}

export const desk = [Author, Post, Comment, Tag, PostTag, Bio]

/** Ann has the posts 1, 2 and, deleted, 3. Bob is deleted, and has the post 4. Cid has the post 5, of another tenant. */
export async function fillDesk({ query, truncate }: TestDatabase): Promise<void> {
  await truncate()
  await query(`insert into authors values
    (1, 'ann', 1, null), (2, 'bob', 1, '2026-01-01'), (3, 'cid', 2, null)`)
  await query(`insert into posts (id, title, likes, tenant_id, deleted_at, author_id, editor_id) values
    (1, 'one', 10, 1, null, 1, 2), (2, 'two', 20, 1, null, 1, 3), (3, 'three', 30, 1, '2026-01-01', 1, null),
    (4, 'four', 40, 1, null, 2, 1), (5, 'five', 50, 2, null, 3, null)`)
  await query(`insert into comments values
    (1, 'fine', 1, false), (2, 'buy', 1, true), (3, 'gone', 3, false), (4, 'sell', 2, true)`)
  await query(`insert into tags values (1, 'news'), (2, 'sport')`)
  await query(
    `insert into post_tags values (1, 1, 'on'), (1, 2, 'off'), (2, 2, 'off'), (3, 1, 'on')`,
  )
  await query(
    `insert into bios values (1, 'old', 1, 'off'), (2, 'new', 1, 'on'), (3, 'newer', 1, 'on'), (4, 'x', 3, 'off')`,
  )
}
