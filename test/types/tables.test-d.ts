/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  type ColumnRefs,
  belongsTo,
  bigint,
  type Condition,
  enumeration,
  hasMany,
  hasOne,
  integer,
  type Key,
  keyOf,
  manyToMany,
  type ToManyRelation,
  type RelationRef,
  type Row,
  table,
  type TableOptions,
  text,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import {
  Comment,
  type Follow,
  Line,
  Parcel,
  Post,
  PostTag,
  type Sample,
  type Theme,
  User,
} from './entities.ts'

const user = new User({ name: 'Ann', email: 'ann@example.com' })

describe('rows', () => {
  it('has the type of each column', () => {
    const sample = {} as Sample
    expectTypeOf(sample.id).toEqualTypeOf<string>()
    expectTypeOf(sample.integer).toEqualTypeOf<number>()
    expectTypeOf(sample.double).toEqualTypeOf<number>()
    expectTypeOf(sample.exact).toEqualTypeOf<string>()
    expectTypeOf(sample.named).toEqualTypeOf<string>()
    expectTypeOf(sample.safe).toEqualTypeOf<number>()
    expectTypeOf(sample.big).toEqualTypeOf<bigint>()
    expectTypeOf(sample.amount).toEqualTypeOf<string>()
    expectTypeOf(sample.text).toEqualTypeOf<string>()
    expectTypeOf(sample.boolean).toEqualTypeOf<boolean>()
    expectTypeOf(sample.at).toEqualTypeOf<Date>()
    expectTypeOf(sample.theme).toEqualTypeOf<Theme>()
    expectTypeOf(sample.anything).toEqualTypeOf<unknown>()
    expectTypeOf(sample.mood).toEqualTypeOf<'ok' | 'sad'>()
    expectTypeOf(sample.day).toEqualTypeOf<string>()
  })

  it('has null where a column is nullable, and only there', () => {
    const sample = {} as Sample
    expectTypeOf(sample.orNull).toEqualTypeOf<number | null>()
    expectTypeOf(sample.orTheme).toEqualTypeOf<Theme | null>()
    expectTypeOf(sample.withDefault).toEqualTypeOf<number>()
    expectTypeOf(sample.nullableDefault).toEqualTypeOf<string | null>()
    expectTypeOf(sample.orMood).toEqualTypeOf<'ok' | 'sad' | null>()
    expectTypeOf(sample.labels).toEqualTypeOf<string[] | null>()
    expectTypeOf(sample.slug).toEqualTypeOf<{ path: string } | null>()
  })

  it('can be written, by values of the type', () => {
    user.age = 31
    user.age = null
    // @ts-expect-error a string where a number belongs
    user.age = '31'
    // @ts-expect-error the column is not nullable
    user.name = null
    // @ts-expect-error a relation is not assigned, its foreign key is
    new Post({ title: 'x', author: user }).author = user
  })

  it('has what the class has', () => {
    expectTypeOf(user.label).toEqualTypeOf<string>()
    expectTypeOf(user.latest()).toEqualTypeOf<Promise<Post | null>>()
    expectTypeOf(user.toJSON()).toEqualTypeOf<Record<string, unknown>>()
  })

  it('shows nothing of the library in its keys and copies', () => {
    type Field = 'id' | 'body' | 'postId' | 'post' | 'authorId' | 'author'
    expectTypeOf<keyof Comment>().toEqualTypeOf<Field | 'toJSON'>()
    // oxlint-disable-next-line typescript/no-misused-spread -- that is the question
    const copy = { ...new Comment({ body: 'x', postId: 1, authorId: 1 }) }
    expectTypeOf<keyof typeof copy>().toEqualTypeOf<Field>()
  })

  it('keeps entities of one shape apart', () => {
    class One extends table('one', { id: integer().primaryKey(), name: text() }) {}
    class Other extends table('other', { id: integer().primaryKey(), name: text() }) {}
    const one = new One({ id: 1, name: 'x' })
    // @ts-expect-error the other table's row
    const other: Other = one
    expectTypeOf(other.name).toEqualTypeOf<string>()
  })

  it('names the columns of an entity as plain data, by its class', () => {
    expectTypeOf<Row<typeof Comment>>().toEqualTypeOf<{
      id: number
      body: string
      postId: number
      authorId: number
    }>()
    expectTypeOf<Row<typeof Follow>>().toEqualTypeOf<{
      followerId: number
      followeeId: number
      createdAt: Date
    }>()
    // @ts-expect-error an entity, not its class
    expectTypeOf<Row<Comment>>().toBeObject()
    // @ts-expect-error fields, not a class
    expectTypeOf<Row<{ id: number }>>().toBeObject()
  })
})

describe('columns', () => {
  it('refuses defaults of another type', () => {
    integer().default(1)
    // @ts-expect-error a string where a number belongs
    integer().default('1')
    // @ts-expect-error null is the default of a nullable column already
    integer().nullable().default(null)
    // @ts-expect-error only of a timestamptz
    text().defaultNow()
    // @ts-expect-error no such mode
    bigint({ mode: 'float' })
    // @ts-expect-error no member of the enumeration
    enumeration('mood', ['ok', 'sad']).default('bad')
    // @ts-expect-error items of another type
    array(text()).default([1])
  })

  it('refuses what is neither column nor relation', () => {
    // @ts-expect-error a value
    table('wrong', { id: integer().primaryKey(), name: 'text' })
  })

  it('gives a relation whose foreign key is no column nothing to be used by accident', () => {
    class Typo extends table('typos', {
      id: integer().primaryKey().generated(),
      authorId: integer(),
      author: () => belongsTo(User, 'autorId'),
    }) {}
    // @ts-expect-error NoSuchColumn<"autorId">
    expectTypeOf(new Typo({ authorId: 1 }).author.value.label).toBeString()
    // @ts-expect-error the same
    new Typo({ authorId: 1, author: user })
  })
})

describe('keys', () => {
  it('is the value of one column, or an object of several', () => {
    expectTypeOf<Key<User>>().toEqualTypeOf<number>()
    expectTypeOf<Key<Sample>>().toEqualTypeOf<string>()
    expectTypeOf<Key<Follow>>().toEqualTypeOf<{
      readonly followerId: number
      readonly followeeId: number
    }>()
  })

  it('is what every table needs', () => {
    // @ts-expect-error a table needs a column with .primaryKey()
    table('keyless', { name: text() })
    // @ts-expect-error a relation is no key
    table('keyless', { name: text(), posts: () => hasMany(Post, 'authorId') })
  })

  it('is found when it runs where the names of columns are computed', () => {
    const name = 'computed' as string
    table('t', { [name]: text(), id: integer().primaryKey() })
    table('t', Object.fromEntries([[name, integer().primaryKey()]]))
  })
})

describe('options', () => {
  const id = integer().primaryKey()

  it('names columns of the table', () => {
    const fields = { id, age: integer().nullable(), posts: () => hasMany(Post, 'authorId') }
    table('t', fields, { schema: 's', comment: 'c', unique: [['age', 'id']], indexes: [['age']] })
    table('t', fields, {})
    type Names = NonNullable<TableOptions<'id' | 'age', typeof fields>['unique']>[number][number]
    expectTypeOf<Names>().toEqualTypeOf<'id' | 'age'>()
    // @ts-expect-error no such column
    table('t', fields, { unique: [['nope']] })
    // @ts-expect-error one list of columns, not a list of lists
    table('t', fields, { unique: ['age'] })
    // @ts-expect-error a relation is no column
    table('t', fields, { indexes: [['posts']] })
    // @ts-expect-error no such option
    table('t', fields, { uniqe: [] })
    // @ts-expect-error no name
    table('t', fields, { schema: 1 })
  })

  it('has checks of the columns, in a list or by names', () => {
    const fields = { id, age: integer().nullable(), boss: () => belongsTo(User, 'id') }
    const adult = (row: ColumnRefs<typeof fields>): Condition => row.age.gte(18)
    table('t', fields, { checks: [(row) => row.age.gte(0), adult] })
    table('t', fields, { checks: { age_positive: (row) => row.age.gte(0) } })
    // @ts-expect-error no such column
    table('t', fields, { checks: [(row) => row.nope.gte(0)] })
    // @ts-expect-error a text for a number
    table('t', fields, { checks: { age_positive: (row) => row.age.gte('0') } })
    // @ts-expect-error a check is of the row's own columns
    table('t', fields, { checks: [(row) => row.boss.age.gte(0)] })
    // @ts-expect-error a column is no condition
    table('t', fields, { checks: [(row) => row.age] })
  })

  it('has foreign keys of several columns, checked in their thunk', () => {
    const fields = { id, orderId: integer(), no: integer() }
    const columns = ['orderId', 'no'] as const
    table('t', fields, { foreignKeys: [{ columns, references: () => keyOf(Line) }] })
    table('t', fields, {
      foreignKeys: [
        { columns, references: () => keyOf(Line, ['orderId', 'no']), onDelete: 'cascade' },
      ],
    })
    // @ts-expect-error no such column
    table('t', fields, { foreignKeys: [{ columns: ['nope'], references: () => keyOf(User) }] })
    // @ts-expect-error no thunk
    table('t', fields, { foreignKeys: [{ columns, references: 'lines' }] })
    // @ts-expect-error no such column there
    keyOf(Line, ['nope'])
    // @ts-expect-error a relation there
    keyOf(Line, ['parcels'])
    // @ts-expect-error an entity, not its class
    keyOf({} as Line)
  })
})

describe('relations', () => {
  it('names a foreign key by columns of the other entity', () => {
    hasMany(Post, 'authorId')
    hasMany(Parcel, ['orderId', 'no'])
    // @ts-expect-error no such column
    hasMany(Post, 'writerId')
    // @ts-expect-error a relation there
    hasMany(Post, 'author')
    // @ts-expect-error one of both is no column
    hasMany(Parcel, ['orderId', 'nope'])
    // @ts-expect-error an entity, not its class
    hasMany({} as Post, 'authorId')
    // @ts-expect-error no such column
    hasOne(Post, 'writerId')
  })

  it('names foreign keys of the table between', () => {
    manyToMany(Post, { through: PostTag })
    manyToMany(Post, { through: PostTag, from: 'tagId', to: 'postId' })
    // @ts-expect-error no such column in the table between
    manyToMany(Post, { through: PostTag, from: 'nope' })
    // @ts-expect-error a column of the target
    manyToMany(Post, { through: PostTag, to: 'title' })
    // @ts-expect-error no table between
    manyToMany(Post, { from: 'tagId' })
    // @ts-expect-error no entity
    manyToMany(Post, { through: Date })
    // @ts-expect-error neither an entity nor a name
    manyToMany(Post, { through: 5 })
  })

  it('names a table between that has no entity, with any columns', () => {
    const tags = manyToMany(Post, { through: 'post_tags' })
    expectTypeOf(tags.target).toEqualTypeOf<typeof Post>()
    manyToMany(Post, { through: 'blog.post_tags', from: 'tag_id', to: ['post_a', 'post_b'] })
    // @ts-expect-error a number for a name
    manyToMany(Post, { through: 'post_tags', from: 1 })
    // @ts-expect-error no such option
    manyToMany(Post, { through: 'post_tags', schema: 'blog' })
    class Author extends table('authors', {
      id: integer().primaryKey(),
      posts: () => manyToMany(Post, { through: 'author_posts' }),
      friends: () => manyToMany(Author, { through: 'friends', from: 'a', to: 'b' }),
    }) {}
    const author = {} as Author
    expectTypeOf(author.posts).toEqualTypeOf<ToManyRelation<Post>>()
    expectTypeOf(author.friends.value[0]?.posts).toEqualTypeOf<ToManyRelation<Post> | undefined>()
    expectTypeOf(Author.posts).toEqualTypeOf<RelationRef<'authors', Post>>()
  })
})
