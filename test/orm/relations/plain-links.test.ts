import { beforeAll, describe, expect, it } from 'vitest'
import {
  bigint,
  citext,
  custom,
  enumeration,
  integer,
  manyToMany,
  numeric,
  selectinload,
  table,
  text,
  uuid,
} from '../../../orm/index.ts'
import { tablesRead } from '../../../orm/relations/related.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { conditionsOf } from '../../../orm/sql/callbacks.ts'
import { declaredDefaults } from '../../../orm/sql/defaults.ts'
import { rowsWhere, Select } from '../../../orm/sql/select.ts'
import { rootSource } from '../../../orm/sql/source.ts'
import { render } from '../../../orm/sql/statement.ts'
import { testDatabase } from '../../support/database.ts'
import { bothWays, countOrLabel, selected } from './both-ways.ts'

const id = integer().primaryKey().generated()

class Post extends table('posts', {
  id,
  label: text(),
  tags: () => manyToMany(Tag, { through: 'post_tags' }),
  related: () =>
    manyToMany(Post, { through: 'related_posts', from: 'post_id', to: 'related "post"' }),
  relatedTo: () =>
    manyToMany(Post, { through: 'related_posts', from: 'related "post"', to: 'post_id' }),
}) {}

class Tag extends table('tags', {
  id,
  label: text(),
  weight: integer().default(1),
  posts: () => manyToMany(Post, { through: 'post_tags' }),
}) {}

class OrderLine extends table(
  'lines',
  {
    order: text().primaryKey(),
    no: integer().primaryKey(),
    label: text(),
    places: () => manyToMany(Place, { through: 'line_places' }),
    similar: () =>
      manyToMany(OrderLine, {
        through: 'similar_lines',
        from: ['a_order', 'a_no'],
        to: ['b_order', 'b_no'],
      }),
  },
  { schema: 'shop' },
) {}

class Place extends table(
  'places',
  {
    row: integer().primaryKey(),
    shelf: text().primaryKey(),
    label: text(),
    lines: () => manyToMany(OrderLine, { through: 'line_places' }),
  },
  { schema: 'shop' },
) {}

/** A key of each type, and two values of it. */
const keys = {
  mood: [enumeration('mood', ['ok', 'sad']), 'ok', 'sad'],
  name: [citext(), 'Ann', 'bob'],
  amount: [numeric({ precision: 6, scale: 2 }), '1.50', '2.00'],
  uuid: [uuid(), '0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e4f', '0190b0c4-8d2e-7c3a-9a41-3f0a6c1d2e50'],
  big: [bigint({ mode: 'bigint' }), '9007199254740993', '-1'],
  code: [
    custom<{ code: string }>({
      sql: 'varchar(9)',
      decode: (code) => ({ code }),
      encode: ({ code }) => code,
    }),
    'a,b',
    '{"}',
  ],
} as const

const keyed = Object.entries(keys).map(([type, [column, one, other]]) => {
  class Keyed extends table(`keyed_${type}`, {
    id: (column as ReturnType<typeof text>).primaryKey(),
    label: text(),
    tags: () => manyToMany(Tag, { through: `${type}_tags`, from: type }),
  }) {}
  return { type, one, other, entity: Keyed }
})

const tables = [Post, Tag, OrderLine, Place, ...keyed.map(({ entity }) => entity)]
const { database, query } = await testDatabase(tables)

beforeAll(async () => {
  await query(`insert into posts (label) values ('p1'), ('p2'), ('p3'), ('p4')`)
  await query(`insert into tags (label, weight) values ('t1', 3), ('t2', 2), ('t3', 1), ('t4', 0)`)
  await query(
    'insert into post_tags (post_id, tag_id) values (1, 1), (1, 2), (1, 3), (2, 2), (4, 3)',
  )
  await query(
    'insert into related_posts (post_id, "related ""post""") values (1, 2), (1, 3), (2, 1), (4, 4)',
  )
  await query(`insert into shop.lines values ('a', 1, 'a1'), ('a', 2, 'a2'), ('a,1', 1, 'comma')`)
  await query(`insert into shop.places values (1, 'x', '1x'), (1, 'y', '1y'), (2, 'x', '2x')`)
  await query(`insert into shop.line_places
    (order_line_order, order_line_no, place_row, place_shelf) values
    ('a', 1, 1, 'x'), ('a', 1, 2, 'x'), ('a,1', 1, 1, 'x'), ('a', 2, 1, 'y')`)
  await query(`insert into shop.similar_lines (a_order, a_no, b_order, b_no) values
    ('a', 1, 'a', 2), ('a', 1, 'a,1', 1), ('a,1', 1, 'a,1', 1)`)
  for (const { type, one, other } of keyed) {
    await query(`insert into keyed_${type} values ($1, 'one'), ($2, 'two')`, [one, other])
    await query(
      `insert into ${type}_tags ("${type}", tag_id) select id, 1 from keyed_${type} union all select id, 2 from keyed_${type} where label = 'one'`,
    )
  }
})

describe('a relation through a table without an entity class gives the same in every way:', () => {
  it.each([
    ['from one side', Post, 'tags', [['t1', 't2', 't3'], ['t2'], [], ['t3']]],
    ['from the other side', Tag, 'posts', [['p1'], ['p1', 'p2'], ['p1', 'p4'], []]],
    ['to itself', Post, 'related', [['p2', 'p3'], ['p1'], [], ['p4']]],
    ['to itself, backwards', Post, 'relatedTo', [['p2'], ['p1'], ['p1'], ['p4']]],
    ['by composite keys', OrderLine, 'places', [['1x', '2x'], ['1y'], ['1x']]],
    ['by composite keys, backwards', Place, 'lines', [['a1', 'comma'], ['a2'], ['a1']]],
    ['to itself by composite keys', OrderLine, 'similar', [['a2', 'comma'], [], ['comma']]],
  ] as const)('%s', async (_, entity, name, expected) => {
    expect(await bothWays(database, entity, name)).toEqual(expected)
    expect(await selected(database, entity, name)).toEqual(expected.map(countOrLabel))
  })

  it.each(keyed)('by keys of the type of $type', async ({ entity }) => {
    const found = await bothWays(database, entity, 'tags')
    // Whether the row that has both is the first depends on the type.
    expect(new Set(found)).toEqual(new Set([['t1', 't2'], ['t1']]))
    expect(await selected(database, entity, 'tags')).toEqual(found.map(countOrLabel))
  })
})

describe('through a table without an entity class', () => {
  it('a loader takes filters, an order and a limit for each parent', async () => {
    await using session = database.session()
    const loader = selectinload(Post.tags)
      .filter((tag) => tag.weight.lt(3))
      .orderBy((tag) => tag.weight.asc())
    const posts = session.find(Post).orderBy((post) => post.id.asc())
    const labels = (found: readonly Post[]) =>
      found.map(({ tags }) => tags.value.map(({ label }) => label))
    expect(labels(await posts.options(loader).toList())).toEqual([['t3', 't2'], ['t2'], [], ['t3']])
    expect(labels(await posts.options(loader.limit(1)).toList())).toEqual([
      ['t3'],
      ['t2'],
      [],
      ['t3'],
    ])
    expect(session.stats.queryCount).toBe(4)
  })

  it('nested loaders go there and back with one statement each', async () => {
    await using session = database.session()
    const loader = selectinload(Post.tags).options(selectinload(Tag.posts))
    const post = await session.find(Post).filter({ id: 2 }).options(loader).one()
    expect(post.tags.value[0]?.posts.value.map(({ label }) => label)).toEqual(['p1', 'p2'])
    expect(post.tags.value[0]?.posts.value[1]).toBe(post)
    expect(session.stats.queryCount).toBe(3)
  })

  it('a lazy load is one statement', async () => {
    await using session = database.session()
    const tag = await session.getOrThrow(Tag, 3)
    expect((await tag.posts).map(({ label }) => label)).toEqual(['p1', 'p4'])
    expect(session.stats.queryCount).toBe(2)
  })

  it.each([
    ['any', ['p1', 'p4']],
    ['none', ['p2', 'p3']],
    ['every', ['p3', 'p4']],
  ] as const)('a filter tests %s of the rows', async (test, expected) => {
    const posts = await database.run((session) =>
      session
        .find(Post)
        .filter((post) => post.tags[test]((tag) => tag.label.eq('t3')))
        .orderBy((post) => post.id.asc())
        .toList(),
    )
    expect(posts.map(({ label }) => label)).toEqual(expected)
  })

  it('rows are counted, with a condition and in an order', async () => {
    const rows = await database.run((session) =>
      session
        .find(Tag)
        .orderBy((tag) => [tag.posts.count().desc(), tag.id.asc()])
        .select((tag) => ({
          label: tag.label,
          posts: tag.posts.count(),
          firsts: tag.posts.count((post) => post.id.eq(1)),
        }))
        .toList(),
    )
    expect(rows).toEqual([
      { label: 't2', posts: 2, firsts: 1 },
      { label: 't3', posts: 2, firsts: 1 },
      { label: 't1', posts: 1, firsts: 1 },
      { label: 't4', posts: 0, firsts: 0 },
    ])
  })

  it('a condition goes on to what is behind, back to the same table', async () => {
    const posts = await database.run((session) =>
      session
        .find(Post)
        .filter((post) => post.tags.any((tag) => tag.posts.any((other) => other.label.eq('p2'))))
        .orderBy((post) => post.id.asc())
        .toList(),
    )
    expect(posts.map(({ label }) => label)).toEqual(['p1', 'p2'])
  })

  it('changes of both sides are flushed before rows are read', async () => {
    await using session = database.session()
    const [post, tag] = [await session.getOrThrow(Post, 4), await session.getOrThrow(Tag, 3)]
    post.label = 'changed'
    tag.weight = 50
    const found = session
      .find(Tag)
      .filter((row) => row.posts.any((each) => each.label.eq('changed')))
    expect(await found.toList()).toEqual([tag])
    post.label = 'again'
    const loader = selectinload(Tag.posts).filter({ label: 'again' })
    const [loaded] = await session.find(Tag).filter({ weight: 50 }).options(loader).toList()
    expect(loaded?.posts.value).toEqual([post])
    tag.weight = 51
    expect(await post.tags).toEqual([tag])
    await session.rollback()
  })

  it('loaders and conditions say that they read the table', () => {
    const between = tableOf(Post).relation('tags').through?.table
    expect(tablesRead(selectinload(Tag.posts).plan, declaredDefaults)).toContain(between)
    const source = rootSource(tableOf(Post))
    const condition = conditionsOf(source, (post: never) => anyTag(post), 'filter()')
    const parts = rowsWhere(source, declaredDefaults, condition[0], [])
    expect(render(new Select(parts)).tables).toContain(between)
  })
})

function anyTag(post: { readonly tags: { any(): unknown } }): unknown {
  return post.tags.any()
}
