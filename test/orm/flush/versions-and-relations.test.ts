import { beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, hasMany, integer, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { failure } from '../../support/failure.ts'

const STALE = 'DATA_BRIDGE_ERR_STALE'
const id = integer().primaryKey().generated()

class Author extends table('authors', {
  id,
  name: text(),
  posts: () => hasMany(Post, 'authorId'),
  pages: () => hasMany(Page, 'authorId'),
}) {}
class Post extends table('posts', {
  id,
  slug: text().unique(),
  code: text().nullable().unique(),
  authorId: integer()
    .nullable()
    .references(() => Author, { onDelete: 'set null' }),
  version: integer().version(),
  author: () => belongsTo(Author, 'authorId'),
}) {}
class Page extends table(
  'pages',
  {
    id,
    slug: text().unique(),
    code: text().nullable().unique(),
    authorId: integer()
      .nullable()
      .references(() => Author, { onDelete: 'set null' }),
    author: () => belongsTo(Author, 'authorId'),
  },
  { version: 'xmin' },
) {}

const { database, query, truncate } = await testDatabase([Author, Post, Page])

beforeEach(async () => {
  await truncate()
  await query(`insert into authors (name) values ('ann'), ('bob')`)
  for (const name of ['posts', 'pages'])
    await query(
      `insert into ${name} (slug, code, author_id) values ('one', 'x', 1), ('two', 'y', 1)`,
    )
})

const kinds = [
  ['a version column', Post, 'posts'],
  ['xmin', Page, 'pages'],
] as const

describe.each(kinds)('rows with %s', (_, kind, name) => {
  const Item = kind as typeof Post
  const rows = (): Promise<object[]> =>
    query(`select slug, code, author_id from ${name} order by id`)

  it('get the keys of new rows by set(), and can be written again', async () => {
    await using session = database.session()
    const [one, two] = (await session.getMany(Item, [1, 2])) as [Post, Post]
    const dan = new Author({ name: 'dan' })
    one.author.set(dan)
    one.slug = 'changed'
    await session.commit()
    two.author.set(dan)
    one.code = 'z'
    await session.flush()
    one.slug = 'changed again'
    await session.commit()
    expect(await rows()).toEqual([
      { slug: 'changed again', code: 'z', author_id: 3 },
      { slug: 'two', code: 'y', author_id: 3 },
    ])
  })

  it('are stale after another session gave them a new row', async () => {
    await using session = database.session()
    const stale = await session.getOrThrow(Item, 1)
    await database.run(async (other) => {
      const item = await other.getOrThrow(Item, 1)
      item.author.set(new Author({ name: 'dan' }))
    })
    stale.author.set(new Author({ name: 'eve' }))
    expect(await failure(STALE, session.commit())).toMatchObject({ code: STALE, statusCode: 409 })
    expect(await query('select name from authors order by id')).toEqual([
      { name: 'ann' },
      { name: 'bob' },
      { name: 'dan' },
    ])
  })

  it('exchange their unique values', async () => {
    await using session = database.session()
    const [one, two] = (await session.getMany(Item, [1, 2])) as [Post, Post]
    one.code = 'y'
    two.code = 'x'
    one.author.set(await session.getOrThrow(Author, 2))
    await session.commit()
    one.slug = 'one more'
    two.slug = 'two more'
    await session.commit()
    expect(await rows()).toEqual([
      { slug: 'one more', code: 'y', author_id: 2 },
      { slug: 'two more', code: 'x', author_id: 1 },
    ])
  })

  it('exchange their unique values, unless they are stale', async () => {
    await using session = database.session()
    const [one, two] = (await session.getMany(Item, [1, 2])) as [Post, Post]
    await database.run(async (other) => {
      const item = await other.getOrThrow(Item, 1)
      item.slug = 'changed'
    })
    one.code = 'y'
    two.code = 'x'
    expect(await failure(STALE, session.commit())).toMatchObject({ code: STALE })
    expect(await rows()).toMatchObject([{ slug: 'changed', code: 'x' }, { code: 'y' }])
  })

  it('can be written after the row that they referred to was deleted', async () => {
    await using session = database.session()
    const one = await session.getOrThrow(Item, 1)
    session.delete(await session.getOrThrow(Author, 1))
    await session.flush()
    expect(one.authorId).toBeNull()
    // PostgreSQL has given the row another xmin, and nobody has read it.
    if (Item.name === 'Page') await session.refresh(one)
    one.slug = 'changed'
    await session.commit()
    expect(await rows()).toMatchObject([{ slug: 'changed', author_id: null }, { slug: 'two' }])
  })

  it('take a unique value that a deleted row frees, with the key of a new row', async () => {
    await using session = database.session()
    const [one, two] = (await session.getMany(Item, [1, 2])) as [Post, Post]
    session.delete(two)
    one.slug = 'two'
    one.author.set(new Author({ name: 'dan' }))
    await session.commit()
    one.code = 'z'
    await session.commit()
    expect(await rows()).toEqual([{ slug: 'two', code: 'z', author_id: 3 }])
  })

  it('free a unique value for a new row, and get the key of another new row', async () => {
    await using session = database.session()
    const one = await session.getOrThrow(Item, 1)
    one.slug = 'former'
    one.author.set(new Author({ name: 'dan' }))
    session.add(new Item({ slug: 'one', authorId: 2 }))
    await session.commit()
    expect(await rows()).toMatchObject([
      { slug: 'former', author_id: 3 },
      { slug: 'two' },
      { slug: 'one', author_id: 2 },
    ])
  })
})
