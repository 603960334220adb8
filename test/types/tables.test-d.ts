/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  belongsTo,
  bigint,
  integer,
  jsonb,
  type Row,
  table,
  text,
  uuid,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import { Comment, Post, type Sample, type Theme, User } from './entities.ts'

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
  })

  it('has null where a column is nullable, and only there', () => {
    const sample = {} as Sample
    expectTypeOf(sample.orNull).toEqualTypeOf<number | null>()
    expectTypeOf(sample.orTheme).toEqualTypeOf<Theme | null>()
    expectTypeOf(sample.withDefault).toEqualTypeOf<number>()
    expectTypeOf(sample.nullableDefault).toEqualTypeOf<string | null>()
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
    type Column = 'id' | 'title' | 'likes' | 'authorId'
    expectTypeOf<keyof Post>().toEqualTypeOf<Column | 'author' | 'comments' | 'byline' | 'toJSON'>()
    // oxlint-disable-next-line typescript/no-misused-spread -- that is the question
    const copy = { ...new Post({ title: 'x', authorId: 1 }) }
    expectTypeOf<keyof typeof copy>().toEqualTypeOf<Column | 'author' | 'comments'>()
  })

  it('keeps entities of one shape apart', () => {
    class One extends table('one', { id: integer().primaryKey(), name: text() }) {}
    class Other extends table('other', { id: integer().primaryKey(), name: text() }) {}
    const one = new One({ id: 1, name: 'x' })
    // @ts-expect-error the other table's row
    const other: Other = one
    expectTypeOf(other.name).toEqualTypeOf<string>()
  })

  it('names the types of a declaration', () => {
    const fields = { id: integer(), name: text().nullable() }
    expectTypeOf<Row<typeof fields>>().toEqualTypeOf<{ id: number; name: string | null }>()
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

describe('new', () => {
  it('asks for exactly the columns that have no other value', () => {
    new User({ name: 'Ann', email: 'ann@example.com' })
    // @ts-expect-error email is missing
    new User({ name: 'Ann' })
    // @ts-expect-error everything is missing
    new User({})
    // @ts-expect-error everything is missing
    new User()
    type Needed = 'integer' | 'double' | 'exact' | 'named' | 'safe' | 'big' | 'amount'
    type Given = ConstructorParameters<typeof Sample>[0]
    type Required = { [K in keyof Given]-?: object extends Pick<Given, K> ? never : K }[keyof Given]
    expectTypeOf<Required>().toEqualTypeOf<
      Needed | 'text' | 'boolean' | 'at' | 'theme' | 'anything'
    >()
  })

  it('takes the others too, and undefined for them', () => {
    new User({
      id: 1,
      name: 'Ann',
      email: 'ann@example.com',
      passwordHash: null,
      age: undefined,
      active: false,
      createdAt: new Date(),
      managerId: 1,
    })
    new User({ name: 'Ann', email: 'ann@example.com', manager: user })
    new User({ name: 'Ann', email: 'ann@example.com', manager: null })
    new User({ name: 'Ann', email: 'ann@example.com', managerId: null, manager: undefined })
    // @ts-expect-error a required column is not undefined
    new User({ name: undefined, email: 'ann@example.com' })
    // @ts-expect-error active is not nullable
    new User({ name: 'Ann', email: 'ann@example.com', active: null })
  })

  it('refuses what is no column', () => {
    // @ts-expect-error no such column
    new User({ name: 'Ann', email: 'ann@example.com', nope: 1 })
    // @ts-expect-error a typo
    new User({ name: 'Ann', emial: 'ann@example.com' })
    // @ts-expect-error many rows cannot be given
    new User({ name: 'Ann', email: 'ann@example.com', posts: [] })
    // @ts-expect-error a getter of the class
    new User({ name: 'Ann', email: 'ann@example.com', label: 'x' })
  })

  it('refuses values of another type', () => {
    // @ts-expect-error a number where a string belongs
    new User({ name: 1, email: 'ann@example.com' })
    // @ts-expect-error a string where a date belongs
    new User({ name: 'Ann', email: 'ann@example.com', createdAt: '2024-01-01' })
    class Setting extends table('settings', {
      id: integer().primaryKey().generated(),
      theme: jsonb<Theme>(),
      anything: jsonb(),
    }) {}
    new Setting({ theme: { dark: true, accents: [] }, anything: 1 })
    // @ts-expect-error the theme has no accents
    new Setting({ theme: { dark: true }, anything: 1 })
    // @ts-expect-error unknown is not left out
    new Setting({ theme: { dark: true, accents: [] } })
  })

  it('takes a foreign key or its entity', () => {
    new Post({ title: 'x', authorId: 1 })
    new Post({ title: 'x', author: user })
    new Post({ title: 'x', author: user, authorId: undefined })
    // @ts-expect-error one of both is needed
    new Post({ title: 'x' })
    // @ts-expect-error not both
    new Post({ title: 'x', authorId: 1, author: user })
    // @ts-expect-error the foreign key is not nullable
    new Post({ title: 'x', author: null })
    // @ts-expect-error an entity of another table
    new Post({ title: 'x', author: new Post({ title: 'y', authorId: 1 }) })
    // @ts-expect-error a key where the entity belongs
    new Post({ title: 'x', author: 1 })
    // @ts-expect-error an entity where the key belongs
    new Post({ title: 'x', authorId: user })
  })

  it('takes each of several foreign keys in its own way', () => {
    const post = new Post({ title: 'x', authorId: 1 })
    new Comment({ body: 'x', postId: 1, authorId: 1 })
    new Comment({ body: 'x', postId: 1, author: user })
    new Comment({ body: 'x', post, authorId: 1 })
    new Comment({ body: 'x', post, author: user })
    // @ts-expect-error the author is missing
    new Comment({ body: 'x', post })
    // @ts-expect-error the post twice
    new Comment({ body: 'x', post, postId: 1, author: user })
    // @ts-expect-error the other's entity
    new Comment({ body: 'x', post: user, author: post })
  })

  it('takes one of several relations of one foreign key', () => {
    class Letter extends table('letters', {
      id: integer().primaryKey().generated(),
      writerId: integer(),
      writer: () => belongsTo(User, 'writerId'),
      author: () => belongsTo(User, 'writerId'),
    }) {}
    new Letter({ writerId: 1 })
    new Letter({ writer: user })
    new Letter({ author: user })
    // @ts-expect-error none of them
    new Letter({})
  })

  it('takes one of several relations of each of several foreign keys', () => {
    class Parcel extends table('parcels', {
      id: integer().primaryKey().generated(),
      senderId: integer(),
      sender: () => belongsTo(User, 'senderId'),
      payer: () => belongsTo(User, 'senderId'),
      postId: integer(),
      post: () => belongsTo(Post, 'postId'),
      carrierId: integer().nullable(),
      carrier: () => belongsTo(User, 'carrierId'),
    }) {}
    const post = new Post({ title: 'x', authorId: 1 })
    new Parcel({ senderId: 1, postId: 1 })
    new Parcel({ sender: user, post })
    new Parcel({ payer: user, postId: 1, carrier: null })
    new Parcel({ payer: user, post, carrierId: 1, carrier: undefined })
    // @ts-expect-error the post is missing
    new Parcel({ sender: user })
    // @ts-expect-error the key and its entity
    new Parcel({ senderId: 1, payer: user, post })
    // @ts-expect-error the other's entity
    new Parcel({ sender: post, postId: 1 })
  })

  it('asks for the columns of a table that has no relations', () => {
    class Point extends table('points', { id: uuid().primaryKey(), x: integer(), y: integer() }) {}
    expectTypeOf<ConstructorParameters<typeof Point>>().toEqualTypeOf<
      [{ id: string; x: number; y: number }]
    >()
    new Point({ id: 'x', x: 1, y: 2 })
    // @ts-expect-error y is missing
    new Point({ id: 'x', x: 1 })
  })

  // Five references can be given in 32 ways; beyond that the constructor alone checks.
  it('takes many foreign keys without counting their combinations', () => {
    class Six extends table('six', {
      id: integer().primaryKey().generated(),
      a: integer(),
      oneA: () => belongsTo(User, 'a'),
      b: integer(),
      oneB: () => belongsTo(User, 'b'),
      c: integer(),
      oneC: () => belongsTo(User, 'c'),
      d: integer(),
      oneD: () => belongsTo(User, 'd'),
      e: integer(),
      oneE: () => belongsTo(User, 'e'),
      f: integer(),
      oneF: () => belongsTo(User, 'f'),
      g: integer().nullable(),
      oneG: () => belongsTo(User, 'g'),
      name: text(),
    }) {}
    new Six({ a: 1, oneB: user, c: 1, oneD: user, e: 1, oneF: user, name: 'x' })
    new Six({ a: 1, oneB: user, c: 1, oneD: user, e: 1, oneF: user, oneG: null, name: 'x' })
    // @ts-expect-error a key where the entity belongs
    new Six({ a: 1, oneB: 1, c: 1, oneD: user, e: 1, oneF: user, name: 'x' })
    // @ts-expect-error no such column
    new Six({ a: 1, oneB: user, c: 1, oneD: user, e: 1, oneF: user, name: 'x', h: 1 })
    // @ts-expect-error a column that is no reference is needed
    new Six({ a: 1, oneB: user, c: 1, oneD: user, e: 1, oneF: user })
  })
})
