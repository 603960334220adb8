import { beforeEach, describe, expect, it } from 'vitest'
import {
  and,
  belongsTo,
  type Condition,
  hasMany,
  integer,
  or,
  type Query,
  sql,
  table,
  text,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded } from '../../support/failure.ts'
import { recordWire } from '../../support/recorder.ts'

class User extends table('users', {
  id: integer().primaryKey(),
  name: text(),
  posts: () => hasMany(Post, 'authorId'),
  edited: () => hasMany(Post, 'editorId'),
}) {}

class Post extends table('posts', {
  id: integer().primaryKey(),
  title: text(),
  authorId: integer().nullable(),
  editorId: integer().nullable(),
  author: () => belongsTo(User, 'authorId'),
  editor: () => belongsTo(User, 'editorId'),
  comments: () => hasMany(Comment, 'postId'),
}) {}

class Comment extends table('comments', {
  id: integer().primaryKey(),
  title: text(),
  postId: integer(),
  post: () => belongsTo(Post, 'postId'),
}) {}

/** The same table for another part of the program, with its columns in another order. */
class Login extends table('users', { name: text(), id: integer().primaryKey() }) {}
/** Another table of the same name. */
class Archived extends table(
  'users',
  { id: integer().primaryKey(), name: text() },
  { schema: 'archive' },
) {}

type Row<C extends typeof User | typeof Post | typeof Comment> = Parameters<
  Parameters<Query<C>['orderBy']>[0]
>[0]

const { database, query, url } = await testDatabase([User, Post, Comment])
await query('create schema archive')
await query('create table archive.users (id integer primary key, name text not null)')
await query(`insert into users values (1, 'ann'), (2, 'bob'), (3, 'cid')`)
await query(`insert into archive.users values (1, 'old')`)
await query(`insert into posts (id, title, author_id, editor_id) values
  (1, 'ann', 1, 2), (2, 'two', 1, 1), (3, 'three', 2, 3)`)
await query(`insert into comments (id, title, post_id) values (1, 'two', 2), (2, 'x', 3)`)

const session = database.session()
const users = session.find(User)
const posts = session.find(Post)
const refused = coded('DATA_BRIDGE_ERR_QUERY', 'kept from the callback of another query')

let user: Row<typeof User>
let post: Row<typeof Post>
let authored: Row<typeof Post>
let archived: Row<typeof User>

beforeEach(() => {
  users.filter((row) => ((user = row), row.posts.any((its) => ((authored = its), its.id.gt(0)))))
  posts.filter((row) => ((post = row), row.id.gt(0)))
  session.find(Archived).filter((row) => ((archived = row as never), row.id.gt(0)))
})

// Each has a twin of the same form that is compiled before.
const strangers: readonly [
  string,
  own: () => Query<typeof User> | Query<typeof Post>,
  kept: () => Query<typeof User> | Query<typeof Post>,
][] = [
  [
    'a column of another entity',
    () => users.filter((row) => row.id.eq(1)),
    () => users.filter(() => post.id.eq(1)),
  ],
  [
    'a column of a table of the same name in another schema',
    () => users.filter((row) => row.id.eq(1)),
    () => users.filter(() => archived.id.eq(1)),
  ],
  [
    'a column beside those of its own',
    () => users.filter((row) => and(row.id.gt(0), row.name.eq(row.name))),
    () => users.filter((row) => and(row.id.gt(0), row.name.eq(post.title))),
  ],
  [
    "a sub-query's row, outside of it",
    () => posts.filter((row) => row.title.eq('two')),
    () => posts.filter(() => authored.title.eq('two')),
  ],
  [
    "a sub-query's row, in the one behind another relation to its table",
    () => users.filter((row) => row.edited.any((its) => its.title.eq('two'))),
    () => users.filter((row) => row.edited.any(() => authored.title.eq('two'))),
  ],
  [
    "a sub-query's row, in the query of another entity",
    () => posts.filter((row) => row.author.posts.any((its) => its.title.eq('two'))),
    () => posts.filter((row) => row.author.posts.any(() => authored.title.eq('two'))),
  ],
  [
    'a column behind a relation',
    () => posts.filter((row) => row.author.name.eq('ann')),
    () => posts.filter(() => authored.author.name.eq('ann')),
  ],
  [
    'a relation to many',
    () => posts.filter((row) => row.comments.any()),
    () => posts.filter(() => user.posts.any()),
  ],
  [
    'a relation to many of a sub-query',
    () => posts.filter((row) => row.comments.any()),
    () => posts.filter(() => authored.comments.any()),
  ],
  [
    'how many rows a relation leads to',
    () => posts.filter((row) => row.comments.count().gt(0)),
    () => posts.filter(() => user.posts.count().gt(0)),
  ],
  [
    'a relation to one',
    () => posts.filter((row) => row.author.has((its) => its.id.eq(1))),
    () => posts.filter(() => authored.author.has((its) => its.id.eq(1))),
  ],
  [
    'a column, in a template',
    () => users.filter((row) => sql`${row.id} = 1`),
    () => users.filter(() => sql`${post.id} = 1`),
  ],
  [
    'an order',
    () => users.orderBy((row) => row.id.asc()),
    () => users.orderBy(() => post.id.asc()),
  ],
  [
    'an order by how many rows there are',
    () => posts.orderBy((row) => row.comments.count().asc()),
    () => posts.orderBy(() => user.posts.count().asc()),
  ],
]

it.each(strangers)('%s is refused, cold and warm', async (_, own, kept) => {
  await expect(kept().toList()).rejects.toThrow(refused)
  for (let time = 0; time < 3; time += 1) await own().toList()
  for (let time = 0; time < 3; time += 1) await expect(kept().toList()).rejects.toThrow(refused)
  expect(await own().toList()).not.toEqual([])
})

it('a selected column of another entity is refused', async () => {
  await users.select((row) => ({ id: row.id })).toList()
  await expect(users.select(() => ({ id: post.id })).toList()).rejects.toThrow(refused)
  await expect(users.aggregate(() => ({ id: post.id }))).rejects.toThrow(refused)
})

it('a column or relation in a template that is executed by itself is refused', async () => {
  for (const fragment of [
    sql`select ${post.id} from posts as t0`,
    sql`select 1 from posts as t0 where ${post.id.eq(1)}`,
    sql`select 1 from posts as t0 where ${post.comments.any()}`,
    sql`select 1 from posts as t0 where ${post.author.name} = 'ann'`,
  ])
    await expect(session.execute(fragment)).rejects.toThrow(refused)
})

it('two classes of one table name share no text', async () => {
  await using wire = recordWire(url)
  await using own = wire.database.session()
  for (let time = 0; time < 3; time += 1) {
    const all = await Promise.all([
      own.find(User).filter({ id: 1 }).one(),
      own.find(Login).filter({ id: 1 }).one(),
      own.find(Archived).filter({ id: 1 }).one(),
    ])
    expect(all.map(({ name }) => name)).toEqual(['ann', 'ann', 'old'])
  }
  expect(new Set(wire.texts).size).toBe(3)
})

describe('what is kept where it belongs means what it did', () => {
  const idsOf = async (found: Query<typeof User>) =>
    (await found.orderBy((row) => row.id.asc()).toList()).map(({ id }) => id)

  it.each<[string, (query: Query<typeof User>) => Query<typeof User>, number[]]>([
    ['a row of a query of the same entity', (all) => all.filter(() => user.name.eq('bob')), [2]],
    [
      'the outer row, one deeper',
      (all) => all.filter((row) => row.posts.any((its) => its.title.eq(row.name))),
      [1],
    ],
    [
      'the outer row, two deeper',
      (all) =>
        all.filter((row) =>
          row.posts.any((its) => its.comments.any((comment) => comment.postId.gt(row.id))),
        ),
      [1, 2],
    ],
    [
      'the row between, in the deepest',
      (all) =>
        all.filter((row) =>
          row.posts.any((its) => its.comments.any((comment) => comment.title.eq(its.title))),
        ),
      [1],
    ],
    [
      'a condition that is made outside',
      (all) =>
        all.filter((row) => {
          const isAnn = row.name.eq('ann')
          return row.posts.any((its) => and(its.id.gt(1), isAnn))
        }),
      [1],
    ],
    [
      'a relation that is asked for outside, in a sub-query of the same depth and table',
      (all) =>
        all.filter((row) => {
          const edits = row.edited.any((its) => its.id.eq(3))
          return or(
            row.posts.any((its) => and(its.id.gt(0), edits)),
            row.posts.none(() => or(edits, row.id.eq(1))),
          )
        }),
      [2, 3],
    ],
    [
      'the same relation twice in one query',
      (all) =>
        all.filter(
          (row) => row.posts.any((its) => its.id.eq(1)),
          (row) => row.posts.any((its) => its.id.eq(2)),
        ),
      [1],
    ],
    [
      'a column behind a relation of the outer row',
      (all) =>
        all.filter((row) =>
          row.posts.any((its) => its.comments.any(() => its.editor.name.eq('cid'))),
        ),
      [2],
    ],
  ])('%s', async (_, build, expected) => {
    for (let time = 0; time < 3; time += 1) expect(await idsOf(build(users))).toEqual(expected)
  })

  it('a callback that asks another query gets its own rows', async () => {
    const inner: Query<typeof Post>[] = []
    const found = users.filter((row): Condition => {
      inner.push(posts.filter((its) => its.comments.any((comment) => comment.title.eq(its.title))))
      return row.posts.any((its) => its.title.eq(row.name))
    })
    expect((await found.toList()).map(({ id }) => id)).toEqual([1])
    expect((await inner[0]?.toList())?.map(({ id }) => id)).toEqual([2])
  })

  it('a callback that throws leaves nothing behind', async () => {
    expect(() =>
      users.filter((row) =>
        row.posts.any(() => {
          throw new Error('from the program')
        }),
      ),
    ).toThrow('from the program')
    await using wire = recordWire(url)
    await using own = wire.database.session()
    await own
      .find(User)
      .filter((row) => row.posts.any())
      .toList()
    expect(wire.texts[0]).toContain('"posts" as "t1"')
  })
})
