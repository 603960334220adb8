import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Database, enumeration, integer, manyToMany, table, text } from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { coded, failure } from '../../support/failure.ts'
import { constraintsOf, indexesOf, stateOf } from './made-objects.ts'

const SCHEMA = 'DATA_BRIDGE_ERR_SCHEMA'
const id = integer().primaryKey().generated()

class Post extends table('posts', {
  id,
  title: text(),
  tags: () => manyToMany(Tag, { through: 'post_tags' }),
  related: () => manyToMany(Post, { through: 'related_posts', from: 'post_id', to: 'related_id' }),
  lines: () => manyToMany(OrderLine, { through: 'shop.post_lines' }),
}) {}
class Tag extends table('tags', {
  id,
  posts: () => manyToMany(Post, { through: 'post_tags' }),
}) {}
class OrderLine extends table(
  'lines',
  {
    orderId: integer().primaryKey(),
    state: enumeration('state', ['open', 'done']).primaryKey(),
  },
  { schema: 'shop' },
) {}

const all = [Post, Tag, OrderLine]
const { database, query, url } = await testDatabase()

const emitWarning = vi.spyOn(process, 'emitWarning')
beforeEach(async () => {
  emitWarning.mockReset().mockImplementation(() => {})
  await query('drop schema public cascade')
  await query('create schema public')
  await query('drop schema if exists shop cascade')
})
afterAll(() => emitWarning.mockRestore())

const warnings = () => emitWarning.mock.calls.map(([message]) => String(message))
const tables = async () => {
  const rows = await query(
    `select schemaname || '.' || tablename as name from pg_tables where schemaname in ('public', 'shop') order by 1`,
  )
  return rows.map(({ name }) => name)
}

describe('createSchema', () => {
  it('creates the link tables that relations name, each once, with their keys', async () => {
    await database.createSchema(all)
    expect(await tables()).toEqual([
      'public.post_tags',
      'public.posts',
      'public.related_posts',
      'public.tags',
      'shop.lines',
      'shop.post_lines',
    ])
    expect(await constraintsOf(query, 'post_tags')).toEqual({
      post_tags_pkey: 'PRIMARY KEY (post_id, tag_id)',
      post_tags_post_id_fkey: 'FOREIGN KEY (post_id) REFERENCES posts(id) ON DELETE CASCADE',
      post_tags_tag_id_fkey: 'FOREIGN KEY (tag_id) REFERENCES tags(id) ON DELETE CASCADE',
    })
    expect(await constraintsOf(query, 'shop.post_lines')).toMatchObject({
      post_lines_pkey: 'PRIMARY KEY (order_line_order_id, order_line_state, post_id)',
      post_lines_order_line_order_id_order_line_state_fkey:
        'FOREIGN KEY (order_line_order_id, order_line_state) REFERENCES shop.lines(order_id, state) ON DELETE CASCADE',
    })
    expect(warnings()).toEqual([])
  })

  it('creates an index on the second key, since the first begins the primary key', async () => {
    await database.createSchema(all)
    expect(await indexesOf(query, 'post_tags')).toEqual({ post_tags_tag_id_idx: '(tag_id)' })
    expect(await indexesOf(query, 'related_posts')).toEqual({
      related_posts_related_id_idx: '(related_id)',
    })
    expect(await indexesOf(query, 'shop.post_lines')).toEqual({
      'shop.post_lines_post_id_idx': '(post_id)',
    })
  })

  it('creates columns of the types of the keys, without their identities', async () => {
    await database.createSchema(all)
    const columns = await query(
      `select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as "isRequired",
         attidentity <> '' or atthasdef as "isFilled"
       from pg_attribute where attrelid = 'shop.post_lines'::regclass and attnum > 0 order by attnum`,
    )
    const column = (name: string, type: string) => ({
      name,
      type,
      isRequired: true,
      isFilled: false,
    })
    expect(columns).toEqual([
      column('order_line_order_id', 'integer'),
      column('order_line_state', 'state'),
      column('post_id', 'integer'),
    ])
  })

  it('deletes the links of a deleted row, from either side', async () => {
    await database.createSchema(all)
    await query(`insert into posts (title) values ('a'), ('b')`)
    await query('insert into tags default values')
    await query('insert into post_tags values (1, 1), (2, 1)')
    await database.run(async (session) => {
      session.delete(await session.getOrThrow(Post, 1))
    })
    expect(await query('table post_tags')).toEqual([{ post_id: 2, tag_id: 1 }])
    await database.run(async (session) => {
      session.delete(await session.getOrThrow(Tag, 1))
    })
    expect(await query('table post_tags')).toEqual([])
  })

  it('changes nothing the second time, whatever the order of the entities', async () => {
    await using own = new Database({ connectionString: url, tables: all })
    await own.createSchema()
    const before = await stateOf(query)
    await own.createSchema()
    await own.createSchema(all.toReversed())
    expect(await stateOf(query)).toEqual(before)
    expect(warnings()).toEqual([])
  })

  it('warns where a table differs, and names the relations', async () => {
    await query('create table posts (id integer primary key, title text not null)')
    await query('create table tags (id integer primary key)')
    await query('create table post_tags (tag_id bigint, post_id integer not null references posts)')
    await database.createSchema([Tag, Post, OrderLine])
    expect(warnings().filter((warning) => warning.includes('post_tags'))).toEqual([
      [
        'The table public.post_tags differs from the declaration of the link table of Post.tags and Tag.posts:',
        '- column tag_id: expected integer, found bigint',
        '- primary key: expected (post_id, tag_id), found none',
        '- foreign key (post_id): expected on delete cascade, found on delete no action',
        'createSchema() does not alter columns, and creates no constraint or index over a column that differs. ' +
          'Alter the table in a migration, or change the declaration of the link table of Post.tags and Tag.posts.',
      ].join('\n'),
    ])
  })

  it('takes a table whose key has another order, and adds what it lacks', async () => {
    await query('create table posts (id integer primary key, title text not null)')
    await query('create table tags (id integer primary key)')
    await query(
      'create table post_tags (tag_id integer, post_id integer, note text, primary key (tag_id, post_id))',
    )
    await database.createSchema([Tag, Post, OrderLine])
    expect(warnings().filter((warning) => warning.includes('post_tags'))).toEqual([])
    expect(await indexesOf(query, 'post_tags')).toEqual({ post_tags_post_id_idx: '(post_id)' })
    expect(Object.keys(await constraintsOf(query, 'post_tags'))).toEqual([
      'post_tags_pkey',
      'post_tags_post_id_fkey',
      'post_tags_tag_id_fkey',
    ])
  })

  it('asks for the other entity where its table does not exist', async () => {
    class Article extends table('articles', {
      id,
      labels: () => manyToMany(Label, { through: 'article_labels' }),
    }) {}
    class Label extends table('labels', { id }) {}
    await expect(database.createSchema([Article])).rejects.toThrow(
      coded(
        SCHEMA,
        'the link table of Article.labels refers to Label by label_id: the table public.labels does not exist; ' +
          'give Label to createSchema() too',
      ),
    )
    await database.createSchema([Label])
    await database.createSchema([Article])
    expect(await tables()).toEqual(['public.article_labels', 'public.articles', 'public.labels'])
  })

  it('creates it once for entities of the same tables', async () => {
    class Other extends table('posts', {
      id,
      title: text(),
      tags: () => manyToMany(OtherTag, { through: 'post_tags', from: 'post_id', to: 'tag_id' }),
    }) {}
    class OtherTag extends table('tags', { id }) {}
    await database.createSchema([...all, Other, OtherTag])
    expect(Object.keys(await constraintsOf(query, 'post_tags'))).toEqual([
      'post_tags_pkey',
      'post_tags_post_id_fkey',
      'post_tags_tag_id_fkey',
    ])
  })

  it('refuses the table of an entity, also where one of them names the schema', async () => {
    class Page extends table('pages', {
      id,
      marks: () => manyToMany(Mark, { through: 'page_marks' }),
    }) {}
    class Mark extends table('marks', { id }) {}
    class PageMark extends table(
      'page_marks',
      { pageId: integer().primaryKey(), markId: integer().primaryKey() },
      { schema: 'public' },
    ) {}
    const { details } = await failure(SCHEMA, database.createSchema([Page, Mark, PageMark]))
    expect(details).toContain(
      'PageMark and the link table of Page.marks declare the table page_marks: expected the entity class',
    )
    expect(await tables()).toEqual([])
  })
})

describe('dropSchema', () => {
  it('drops the link tables too, and the types of their keys', async () => {
    await database.createSchema(all)
    await database.dropSchema(all)
    expect(await tables()).toEqual([])
    expect(await query(`select from pg_type where typname = 'state'`)).toEqual([])
  })

  it('drops those of an entity that is given alone', async () => {
    await database.createSchema(all)
    await database.dropSchema([Post])
    expect(await tables()).toEqual(['public.tags', 'shop.lines'])
  })
})
