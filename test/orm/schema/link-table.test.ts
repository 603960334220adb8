import { describe, expect, it } from 'vitest'
import {
  type AnyEntityClass,
  citext,
  custom,
  enumeration,
  integer,
  manyToMany,
  numeric,
  selectinload,
  table,
  type text,
  uuid,
  varchar,
} from '../../../orm/index.ts'
import type { Through } from '../../../orm/schema/relation-metadata.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { coded, failure } from '../../support/failure.ts'

const SCHEMA = 'DATA_BRIDGE_ERR_SCHEMA'
const id = integer().primaryKey().generated()

class Post extends table('posts', {
  id,
  tags: () => manyToMany(Tag, { through: 'post_tags' }),
  lines: () => manyToMany(OrderLine, { through: 'post_lines' }),
}) {}
class Tag extends table('tags', {
  id,
  posts: () => manyToMany(Post, { through: 'post_tags' }),
}) {}
class OrderLine extends table('lines', {
  orderId: integer().primaryKey(),
  no: integer('Line "no"').primaryKey(),
  posts: () =>
    manyToMany(Post, {
      through: 'post_lines',
      from: ['order_line_order_id', 'order_line_Line "no"'],
    }),
}) {}
class User extends table('users', {
  id,
  friends: () =>
    manyToMany(User, { through: 'friendships', from: 'user_id', to: 'Friend of User' }),
  friendOf: () =>
    manyToMany(User, { through: 'friendships', from: 'Friend of User', to: 'user_id' }),
}) {}

const throughOf = (entity: AnyEntityClass, name: string): Through => {
  const { through } = tableOf(entity).relation(name)
  if (through === undefined) throw new Error(`expected a link table of ${name}`)
  return through
}
const names = (through: Through) => ({
  from: through.from.map(([key, column]) => [key.name, column.name]),
  to: through.to.map(([column, key]) => [column.name, key.name]),
})

/** What the first use of two entities says, one after the other. */
const errorOf = (...entities: AnyEntityClass[]) =>
  failure(SCHEMA, () => entities.forEach((entity) => tableOf(entity).relations))

describe('a link table without an entity class', () => {
  it('is one table for both sides, with columns named after the entities and their keys', () => {
    const tags = throughOf(Post, 'tags')
    const posts = throughOf(Tag, 'posts')
    expect(posts.table).toBe(tags.table)
    expect(tags.isPlain).toBe(true)
    expect(names(tags)).toEqual({ from: [['id', 'post_id']], to: [['tag_id', 'id']] })
    expect(names(posts)).toEqual({ from: [['id', 'tag_id']], to: [['post_id', 'id']] })
    expect(tags.table).toMatchObject({
      name: 'post_tags',
      schema: undefined,
      entityName: 'post_tags',
    })
  })

  it('has a column for each column of a composite key, by default or by a list', () => {
    const lines = throughOf(Post, 'lines')
    expect(names(lines)).toEqual({
      from: [['id', 'post_id']],
      to: [
        ['order_line_order_id', 'order_id'],
        ['order_line_Line "no"', 'Line "no"'],
      ],
    })
    expect(throughOf(OrderLine, 'posts').table).toBe(lines.table)
  })

  it('has the columns that from and to name, as they are in the database', () => {
    const friends = throughOf(User, 'friends')
    expect(names(friends)).toEqual({
      from: [['id', 'user_id']],
      to: [['Friend of User', 'id']],
    })
    expect(throughOf(User, 'friendOf').table).toBe(friends.table)
  })

  it.each([
    ['the owner', true],
    ['the target', false],
  ])('has the same columns if %s is resolved first', (_, isOwnerFirst) => {
    class Zebra extends table('zebras', {
      id,
      ants: () => manyToMany(Ant, { through: 'ant_zebras' }),
    }) {}
    class Ant extends table('ants', {
      id,
      zebras: () => manyToMany(Zebra, { through: 'ant_zebras' }),
    }) {}
    const through = isOwnerFirst ? throughOf(Zebra, 'ants') : throughOf(Ant, 'zebras')
    expect(through.table.primaryKey.map(({ name }) => name)).toEqual(['ant_id', 'zebra_id'])
  })

  it('knows the class of its owner where a loader is the first to ask', () => {
    class OddName extends table('other_names', {
      id,
      tags: () => manyToMany(Tag, { through: 'odd_tags' }),
    }) {}
    const { relation } = selectinload(OddName.tags).plan
    expect(relation.through?.from[0]?.[1].name).toBe('odd_name_id')
  })

  it('has columns of the types of the keys, not null, without their identities and defaults', () => {
    const types = {
      enumeration: enumeration('mood', ['ok', 'sad']).default('ok'),
      citext: citext(),
      numeric: numeric({ precision: 6, scale: 2 }),
      varchar: varchar(20).unique(),
      uuid: uuid().generated(),
      custom: custom<{ code: string }>({
        sql: 'varchar(9)',
        decode: (code) => ({ code }),
        encode: ({ code }) => code,
      }).hidden(),
    }
    for (const column of Object.values(types)) {
      class Thing extends table('things', {
        id: (column as ReturnType<typeof text>).primaryKey(),
        tags: () => manyToMany(Tag, { through: 'thing_tags' }),
      }) {}
      const { table: between } = throughOf(Thing, 'tags')
      const key = between.columnOf.get('thing_id')
      expect(key?.type).toBe(tableOf(Thing).primaryKey[0].type)
      expect(between.columns).toHaveLength(2)
      for (const each of between.columns) {
        expect(each).toMatchObject({
          primaryKey: true,
          nullable: false,
          generated: false,
          unique: false,
          hidden: false,
          default: undefined,
        })
      }
    }
  })

  it('refers to both tables, and loses its rows with theirs', () => {
    const { table: between } = throughOf(Post, 'lines')
    expect(
      between.foreignKeys.map(({ columns, target, targetColumns, onDelete }) => ({
        columns: columns.map(({ name }) => name),
        target: target.entityName,
        targetColumns: targetColumns.map(({ property }) => property),
        onDelete,
      })),
    ).toEqual([
      {
        columns: ['order_line_order_id', 'order_line_Line "no"'],
        target: 'OrderLine',
        targetColumns: ['orderId', 'no'],
        onDelete: 'cascade',
      },
      { columns: ['post_id'], target: 'Post', targetColumns: ['id'], onDelete: 'cascade' },
    ])
  })

  it('is another one for entities of the same names that are declared apart', () => {
    const declare = () => {
      class Page extends table('pages', {
        id,
        marks: () => manyToMany(Mark, { through: 'page_marks' }),
      }) {}
      class Mark extends table('marks', { id }) {}
      return throughOf(Page, 'marks').table
    }
    expect(declare()).not.toBe(declare())
  })

  it('is no property of an entity: rows are given to it otherwise', () => {
    expect(() => new Post({ tags: [] } as never)).toThrow(
      coded(
        'DATA_BRIDGE_ERR_ENTITY',
        'new Post(…): tags leads to many rows and cannot be given; call tags.add(…) on the new entity',
      ),
    )
  })
})

describe('the schema of a link table', () => {
  class Page extends table(
    'pages',
    {
      id,
      marks: () => manyToMany(Mark, { through: 'page_marks' }),
      others: () => manyToMany(Mark, { through: 'other.page_marks' }),
      tags: () => manyToMany(Tag, { through: 'blog.page_tags' }),
    },
    { schema: 'blog' },
  ) {}
  class Mark extends table(
    'marks',
    { id, pages: () => manyToMany(Page, { through: 'blog.page_marks' }) },
    { schema: 'blog' },
  ) {}

  it('is that of both entities, unless it is named', () => {
    const marks = throughOf(Page, 'marks')
    expect(marks.table).toMatchObject({ schema: 'blog', name: 'page_marks' })
    expect(throughOf(Mark, 'pages').table).toBe(marks.table)
    expect(throughOf(Page, 'others').table.fullName).toBe('other.page_marks')
    expect(throughOf(Page, 'tags').table.fullName).toBe('blog.page_tags')
  })

  it('has to be named where both entities are in different ones', async () => {
    class Label extends table('labels', {
      id,
      pages: () => manyToMany(Page, { through: 'page_labels' }),
    }) {}
    expect((await errorOf(Label)).message).toBe(
      "Label.pages: through expected a schema, such as 'blog.page_labels', since labels and blog.pages are in " +
        "different ones, got 'page_labels'",
    )
  })

  it('has to be named on both sides or on neither', async () => {
    class One extends table('ones', {
      id,
      others: () => manyToMany(Other, { through: 'one_others' }),
    }) {}
    class Other extends table('others', {
      id,
      ones: () => manyToMany(One, { through: 'public.one_others' }),
    }) {}
    expect((await errorOf(One, Other)).message).toBe(
      'One.others and Other.ones declare the link table one_others differently: Other.ones expected one_others with ' +
        'one_id for One, other_id for Other as in One.others, got public.one_others with one_id for One, other_id for Other',
    )
  })
})

describe('a link table is refused', () => {
  it.each<[by: object, message: string]>([
    [{ through: '' }, 'through expected names for the table and its schema of 1 to 63 bytes'],
    [{ through: 'blog.' }, 'through expected names for the table and its schema'],
    [{ through: 'x'.repeat(64) }, 'through expected names for the table and its schema'],
    [{ through: 'a.b.c' }, "a schema and a table such as 'blog.post_tags', got"],
    [{ through: 5 }, 'through expected an entity class, or the name of a table, got the number 5'],
    [{ through: Date }, 'through expected an entity class, or the name of a table, got'],
    [{ through: 't', from: '' }, 'from expected a name for the column of 1 to 63 bytes'],
    [{ through: 't', from: [] }, 'from expected the name of a column, or an array of names'],
    [
      { through: 't', to: 5 },
      'to expected the name of a column, or an array of names, got the number 5',
    ],
    [
      { through: 't', from: ['a', 'b'] },
      'from expected 1 column, since the primary key of Bad is id, got a and b',
    ],
    [
      { through: 't', to: 'no' },
      'to expected 2 columns, since the primary key of OrderLine is orderId and no, got no',
    ],
    [{ through: 't', to: ['no', 'no'] }, 'to expected different columns, got no and no'],
    [
      { through: 't', from: 'no', to: ['order_id', 'no'] },
      'lines expected different columns for from and to, got no for both',
    ],
  ])('with %j', async (by, message) => {
    class Bad extends table('bad', { id, lines: () => manyToMany(OrderLine, by as never) }) {}
    const error = await errorOf(Bad)
    expect(error.message).toContain('Bad.lines')
    expect(error.message).toContain(message)
  })

  it.each([{}, { from: 'user_id' }, { to: 'friend_id' }])(
    'where both keys refer to one entity and a name is missing: %j',
    async (by) => {
      class Loner extends table('loners', {
        id,
        friends: () => manyToMany(Loner, { through: 'friendships', ...by }),
      }) {}
      const { message } = await errorOf(Loner)
      expect(message).toContain(
        'Loner.friends expected the options from and to, since both keys of friendships refer to Loner, got',
      )
    },
  )

  it('where a default name is longer than PostgreSQL takes', async () => {
    class AVeryLongNameWhichTakesAllOfTheSpaceThatThereIsForNamesOfColumns extends table('long', {
      id,
      tags: () => manyToMany(Tag, { through: 'long_tags' }),
    }) {}
    const { message } = await errorOf(
      AVeryLongNameWhichTakesAllOfTheSpaceThatThereIsForNamesOfColumns,
    )
    expect(message).toContain('tags: from expected a name for the column of 1 to 63 bytes')
  })

  it('where the sides name other columns, whichever is resolved first', async () => {
    const declare = () => {
      class One extends table('ones', {
        id,
        others: () => manyToMany(Other, { through: 'links' }),
      }) {}
      class Other extends table('others', {
        id,
        ones: () => manyToMany(One, { through: 'links', to: 'single_id' }),
      }) {}
      return [One, Other] as const
    }
    const [One, Other] = declare()
    expect((await errorOf(One, Other)).message).toBe(
      'One.others and Other.ones declare the link table links differently: Other.ones expected links with one_id ' +
        'for One, other_id for Other as in One.others, got links with other_id for Other, single_id for One',
    )
    expect((await errorOf(Other)).message).toContain('One.others and Other.ones')
    const [First, Second] = declare()
    expect((await errorOf(Second, First)).message).toContain('Other.ones and One.others declare')
  })

  it('where the sides of one entity give a column to the other key', async () => {
    class Person extends table('people', {
      id,
      likes: () => manyToMany(Thing, { through: 'likes', from: 'a', to: 'b' }),
    }) {}
    class Thing extends table('things', {
      id,
      likedBy: () => manyToMany(Person, { through: 'likes', from: 'a', to: 'b' }),
    }) {}
    expect((await errorOf(Person, Thing)).message).toContain('Person.likes and Thing.likedBy')
  })

  it('where an entity uses one table for two targets', async () => {
    class Owner extends table('owners', {
      id,
      tags: () => manyToMany(Tag, { through: 'links' }),
      posts: () => manyToMany(Post, { through: 'links' }),
    }) {}
    expect((await errorOf(Owner)).message).toContain(
      'Owner.tags and Owner.posts declare the link table links differently',
    )
  })
})
