/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import type { NewRow, Session } from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import { Comment, Post, User } from './entities.ts'

declare const session: Session
const ann = { name: 'Ann', email: 'ann@example.com' }

describe('insertMany', () => {
  it('gives entities of the class', () => {
    expectTypeOf(session.insertMany(User, [ann])).resolves.toEqualTypeOf<User[]>()
    expectTypeOf(session.insertMany(User, [], { onConflict: 'ignore' })).resolves.toEqualTypeOf<
      User[]
    >()
  })

  it('takes what new takes', () => {
    void session.insertMany(User, [{ ...ann, age: null, active: false }])
    void session.insertMany(Post, [{ title: 'a', author: new User(ann) }])
    // @ts-expect-error email is missing
    void session.insertMany(User, [{ name: 'Ann' }])
    // @ts-expect-error a number is no name
    void session.insertMany(User, [{ ...ann, name: 1 }])
    // @ts-expect-error there is no such column
    void session.insertMany(User, [{ ...ann, nothing: 1 }])
    // @ts-expect-error rows are a list
    void session.insertMany(User, ann)
    // @ts-expect-error of the entity
    void session.insertMany(Comment, [ann])
  })

  it('knows the columns of a conflict', () => {
    void session.insertMany(User, [ann], { onConflict: { on: ['email'], update: ['name', 'age'] } })
    void session.insertMany(User, [ann], { onConflict: { on: ['email'], update: [] } })
    // @ts-expect-error there is no such column
    void session.insertMany(User, [ann], { onConflict: { on: ['mail'], update: [] } })
    // @ts-expect-error a relation is no column
    void session.insertMany(User, [ann], { onConflict: { on: ['email'], update: ['posts'] } })
    // @ts-expect-error update is missing
    void session.insertMany(User, [ann], { onConflict: { on: ['email'] } })
    // @ts-expect-error there is no such way
    void session.insertMany(User, [ann], { onConflict: 'replace' })
  })
})

describe('upsert', () => {
  it('gives the entity', () => {
    const upserted = session.upsert(User, ann, { on: ['email'], update: ['name'] })
    expectTypeOf(upserted).resolves.toEqualTypeOf<User>()
  })

  it('asks for all values and both lists', () => {
    // @ts-expect-error email is missing
    void session.upsert(User, { name: 'Ann' }, { on: ['email'], update: [] })
    // @ts-expect-error the key is missing
    void session.upsert(User, ann, { update: ['name'] })
    // @ts-expect-error the options are missing
    void session.upsert(User, ann)
    // @ts-expect-error there is no such column
    void session.upsert(User, ann, { on: ['email'], update: ['title'] })
  })
})

describe('copy', () => {
  it('gives a number, of rows from any iterable', () => {
    function* some(): Generator<NewRow<typeof User>> {
      yield ann
    }
    async function* many(): AsyncGenerator<NewRow<typeof User>> {
      yield ann
    }
    expectTypeOf(session.copy(User, [ann])).resolves.toEqualTypeOf<number>()
    expectTypeOf(session.copy(User, some())).resolves.toEqualTypeOf<number>()
    expectTypeOf(session.copy(User, many())).resolves.toEqualTypeOf<number>()
    // @ts-expect-error of another entity
    void session.copy(Post, some())
    // @ts-expect-error email is missing
    void session.copy(User, [{ name: 'Ann' }])
    // @ts-expect-error no rows
    void session.copy(User, ann)
  })
})

it('has no any', () => {
  expectTypeOf<Parameters<typeof session.copy>[1]>().not.toBeAny()
  expectTypeOf<Awaited<ReturnType<typeof session.upsert<typeof User>>>>().not.toBeAny()
})

describe('generic code', () => {
  it('passes on any entity class of two', () => {
    async function fill<C extends typeof User | typeof Post>(
      entity: C,
      rows: readonly NewRow<C>[],
    ): Promise<number> {
      await session.insertMany(entity, rows, { onConflict: 'ignore' })
      return session.copy(entity, rows)
    }
    expectTypeOf(fill(User, [ann])).resolves.toEqualTypeOf<number>()
  })
})
