/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import { belongsTo, integer, jsonb, type NewRow, table, text, uuid } from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import { Box, Comment, Line, Parcel, Post, type Sample, type Theme, User } from './entities.ts'

const user = new User({ name: 'Ann', email: 'ann@example.com' })

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

  it('refuses a property that is not a column', () => {
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

  it('takes a foreign key of several columns or its entity, never a part', () => {
    const line = new Line({ orderId: 1, no: 2 })
    new Box({ orderId: 1, no: 2 })
    new Box({ line })
    // @ts-expect-error a part of the key
    new Box({ orderId: 1 })
    // @ts-expect-error the entity and a part of its key
    new Box({ line, no: 2 })
    // @ts-expect-error the key is not nullable
    new Box({ line: null })
    new Parcel({ orderId: 1 })
    new Parcel({ orderId: 1, no: null })
    new Parcel({ line })
    // @ts-expect-error the column that is not nullable is missing
    new Parcel({ no: 2 })
  })

  it('can be named, by the class', () => {
    const row: NewRow<typeof User> = { name: 'Ann', email: 'ann@example.com', manager: user }
    expectTypeOf(new User(row)).toEqualTypeOf<User>()
    expectTypeOf<NewRow<typeof User>>().toEqualTypeOf<ConstructorParameters<typeof User>[0]>()
    // @ts-expect-error another type, and no such column
    const wrong: NewRow<typeof User> = { name: 5, email: 'ann@example.com', nope: true }
    expectTypeOf(wrong).toBeObject()
    // @ts-expect-error an entity, not its class
    expectTypeOf<NewRow<User>>().toBeObject()
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
