/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  type AnyEntityClass,
  type Changes,
  type EntityOf,
  type Query,
  type Session,
  sql,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import type { Comment, Post, Sample, User } from './entities.ts'

const users = {} as Query<typeof User>
const posts = {} as Query<typeof Post>
const samples = {} as Query<typeof Sample>

describe('update', () => {
  it('takes values of columns, and expressions of them', () => {
    expectTypeOf(users.update({ age: 1, managerId: null })).toEqualTypeOf<Promise<number>>()
    expectTypeOf(users.all().update((user) => ({ age: user.managerId }))).toEqualTypeOf<
      Promise<number>
    >()
    void users.update({ age: sql`1` })
    void users.update((user) => ({ age: sql`${user.age} + 1`, name: user.email }))
    void users.update((user) => ({ age: user.posts.count(), managerId: user.manager.managerId }))
    void samples.update({
      theme: { dark: true, accents: [] },
      anything: [1],
      at: new Date(),
      big: 1n,
    })
    void samples.update({
      orNull: null,
      mood: 'sad',
      labels: ['a'],
      slug: { path: 'a' },
      exact: '1',
    })
  })

  it('refuses unknown columns, relations and the primary key', () => {
    // @ts-expect-error no such column
    void users.update({ nope: 1 })
    // @ts-expect-error a typo beside a column
    void users.update({ name: 'Ann', emial: 'x' })
    // @ts-expect-error the same in a callback
    void users.update((user) => ({ name: user.email, emial: 'x' }))
    // @ts-expect-error only an unknown one
    void users.update(() => ({ nope: 1 }))
    // @ts-expect-error a relation
    void users.update({ posts: [] })
    // @ts-expect-error a relation to one
    void posts.update((post) => ({ author: post.author }))
    // @ts-expect-error the primary key
    void users.update({ id: 1 })
    // @ts-expect-error the primary key
    void users.update((user) => ({ age: 1, id: user.id }))
  })

  it('refuses values and expressions of other types', () => {
    // @ts-expect-error a string where a number belongs
    void users.update({ age: '1' })
    // @ts-expect-error the same in a callback
    void users.update(() => ({ age: '1' }))
    // @ts-expect-error null where the column is not nullable
    void users.update({ name: null })
    // @ts-expect-error an expression that may be null
    void users.update((user) => ({ name: user.manager.name }))
    // @ts-expect-error an expression of text
    void users.update((user) => ({ age: user.name }))
    // @ts-expect-error a template of text
    void users.update({ age: sql<string>`'1'` })
    // @ts-expect-error undefined
    void users.update({ age: undefined })
    // @ts-expect-error another member of the enumeration
    void samples.update({ mood: 'bad' })
    // @ts-expect-error an order
    void users.update((user) => ({ age: user.age.asc() }))
  })

  it('gives exactly the rows that are asked for', () => {
    const rows = posts.update(
      { likes: 1 },
      {
        returning: (post) => ({
          id: post.id,
          author: post.author.name,
          reviewer: post.reviewer.name,
          comments: post.comments.count(),
          at: sql<Date>`now()`,
        }),
      },
    )
    expectTypeOf(rows).toEqualTypeOf<
      Promise<{ id: number; author: string; reviewer: string | null; comments: number; at: Date }[]>
    >()
    const renamed = users.update((user) => ({ name: user.email }), {
      returning: (user) => ({ name: user.name }),
    })
    expectTypeOf(renamed).toEqualTypeOf<Promise<{ name: string }[]>>()
    // @ts-expect-error a relation is no value
    void posts.update({ likes: 1 }, { returning: (post) => ({ author: post.author }) })
    // @ts-expect-error a column is no object
    void posts.update({ likes: 1 }, { returning: (post) => post.id })
    // @ts-expect-error no such option
    void posts.update({ likes: 1 }, { return: true })
  })
})

describe('delete', () => {
  it('gives the number of rows, or exactly those that are asked for', () => {
    expectTypeOf(users.delete()).toEqualTypeOf<Promise<number>>()
    const rows = users.delete({ returning: (user) => ({ id: user.id, age: user.age }) })
    expectTypeOf(rows).toEqualTypeOf<Promise<{ id: number; age: number | null }[]>>()
    // @ts-expect-error no such column
    void users.delete({ returning: (user) => ({ id: user.nope }) })
    // @ts-expect-error plain rows are not deleted
    users.select((user) => ({ id: user.id })).delete()
  })
})

describe('generic code', () => {
  it('writes the rows of several entities', () => {
    function recent<C extends typeof Post | typeof Comment>(session: Session, entity: C) {
      return session.find(entity).filter((row) => row.id.gt(3))
    }
    function remove<C extends typeof Post | typeof Comment>(session: Session, entity: C) {
      return recent(session, entity).delete({ returning: (row) => ({ id: row.id }) })
    }
    function change<C extends typeof Post | typeof Comment>(
      session: Session,
      entity: C,
      changes: Changes<EntityOf<C>>,
    ) {
      return recent(session, entity).update(changes, { returning: (row) => ({ id: row.id }) })
    }
    function clear<C extends AnyEntityClass>(query: Query<C>): Promise<number> {
      return query.all().delete()
    }
    expectTypeOf(remove<typeof Post>).returns.toEqualTypeOf<Promise<{ id: number }[]>>()
    expectTypeOf(change<typeof Post>).returns.toEqualTypeOf<Promise<{ id: number }[]>>()
    expectTypeOf(change<typeof Post>)
      .parameter(2)
      .toEqualTypeOf<Changes<Post>>()
    expectTypeOf(clear(users)).toEqualTypeOf<Promise<number>>()
    // @ts-expect-error a column of another entity
    void change({} as Session, {} as typeof Comment, { likes: 1 })
  })
})
