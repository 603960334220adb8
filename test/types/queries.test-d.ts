/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  type AnyEntityClass,
  type ColumnRef,
  type Condition,
  type EntityOf,
  type LockOptions,
  not,
  or,
  type Query,
  type Refs,
  type RefsOf,
  type Session,
  sql,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import { Post, type Sample, type User } from './entities.ts'

const session = {} as Session
const users = {} as Query<typeof User>
const samples = {} as Query<typeof Sample>

describe('filter by an object', () => {
  it('takes values, lists, and null where the column is nullable', () => {
    const filtered = users.filter({ active: true, name: ['Ann', 'Bob'], age: null })
    expectTypeOf(filtered).toEqualTypeOf<Query<typeof User>>()
    users.filter({}, { age: [1, 2] as const })
    // @ts-expect-error the column is not nullable
    users.filter({ name: null })
    // @ts-expect-error a list has no null in it
    users.filter({ age: [1, null] })
  })

  it('refuses unknown columns and other types', () => {
    // @ts-expect-error no such column
    users.filter({ nope: 1 })
    // @ts-expect-error a typo beside a column
    users.filter({ name: 'Ann', emial: 'x' })
    // @ts-expect-error a relation
    users.filter({ posts: [] })
    // @ts-expect-error a string where a number belongs
    users.filter({ age: '18' })
    // @ts-expect-error a list of another type
    users.filter({ age: ['18'] })
    // @ts-expect-error a string where a date belongs
    users.filter({ createdAt: '2024-01-01' })
  })

  it('refuses undefined, which would match every row', () => {
    const id: number | undefined = [1].at(0)
    // @ts-expect-error undefined
    users.filter({ id: undefined })
    // @ts-expect-error perhaps undefined
    users.filter({ id })
  })

  it('knows the types of every column', () => {
    samples.filter({ exact: '1', safe: 1, big: 1n, amount: '1.50', theme: [], anything: 'x' })
    // @ts-expect-error a bigint is a string unless its mode says otherwise
    samples.filter({ exact: 1 })
    // @ts-expect-error this one is a bigint
    samples.filter({ big: 1 })
    samples.filter({ mood: ['ok', 'sad'], orMood: null, labels: ['a'], slug: { path: 'a' } })
    samples.filter((sample) => sample.mood.eq('sad'))
    // @ts-expect-error another member of the enumeration
    samples.filter((sample) => sample.mood.eq('bad'))
    // @ts-expect-error the same
    samples.filter({ mood: 'bad' })
  })
})

describe('filter by a callback', () => {
  it('compares with values of the column', () => {
    users.filter((user) => user.age.gt(18))
    // @ts-expect-error like of a number
    users.filter((user) => user.age.like('3%'))
    users.filter((user) => or(user.name.like('A%'), not(user.id.in([1, 2]))))
    users.filter((user) => user.createdAt.between(new Date(0), new Date()))
    // @ts-expect-error a string where a number belongs
    users.filter((user) => user.age.gt('a'))
    // @ts-expect-error a list of another type
    users.filter((user) => user.age.in(['a']))
    // @ts-expect-error no such column
    users.filter((user) => user.nope.eq(1))
    // @ts-expect-error no such operator
    users.filter((user) => user.age.equals(1))
  })

  it('compares with null by eq and ne, where the column is nullable', () => {
    users.filter((user) => user.age.eq(null))
    users.filter((user) => user.age.ne(null))
    // @ts-expect-error the column is not nullable
    users.filter((user) => user.name.eq(null))
    // @ts-expect-error no order with null
    users.filter((user) => user.age.gt(null))
    // @ts-expect-error undefined
    users.filter((user) => user.age.eq(undefined))
  })

  it('compares columns of one type with each other', () => {
    users.filter((user) => user.name.eq(user.email))
    users.filter((user) => user.age.gt(user.id))
    users.filter((user) => user.id.eq(sql<number>`1 + 1`))
    // @ts-expect-error a text with a number
    users.filter((user) => user.name.eq(user.id))
  })

  it('asks for a condition', () => {
    users.filter((user) => sql`length(${user.name}) > ${3}`)
    // @ts-expect-error a comparison of JavaScript
    users.filter((user) => user.id === 1)
    // @ts-expect-error a column
    users.filter((user) => user.active)
    // @ts-expect-error nothing
    users.filter(() => {})
    // @ts-expect-error a text, whose values could not be told from SQL
    users.filter('id = 1')
  })

  it('has references that can be named, by the entity or by its class', () => {
    const adult = (user: Refs<User>): Condition => user.age.gte(18)
    const named = (user: RefsOf<typeof User>): Condition => user.name.eq('Ann')
    users.filter(adult, named)
    expectTypeOf<Refs<User>>().toEqualTypeOf<RefsOf<typeof User>>()
    expectTypeOf<Refs<User>['age']>().toEqualTypeOf<ColumnRef<number | null>>()
    // @ts-expect-error of another entity
    session.find(Post).filter(adult)
    function adults<C extends AnyEntityClass>(entity: C): void {
      // @ts-expect-error of an entity that is not known
      session.find(entity).filter(adult)
    }
    adults(Post)
    function adultPosts<C extends typeof Post>(entity: C): void {
      // @ts-expect-error of another entity, by a type parameter
      session.find(entity).filter(adult)
    }
    adultPosts(Post)
  })

  it('has the columns that every one of several entities has', () => {
    const either = {} as Query<typeof User | typeof Post>
    either.filter((row) => row.id.eq(1), { id: [1, 2] })
    // @ts-expect-error of one of them
    either.filter((row) => row.title.eq('x'))
    // @ts-expect-error the same
    either.filter({ title: 'x' })
  })
})

describe('order, page and groups', () => {
  it('takes one order or several', () => {
    users.orderBy((user) => user.name.asc())
    users.orderBy((user) => [user.name.asc(), user.id.desc()])
    // @ts-expect-error no such column
    users.orderBy((user) => user.nope.asc())
    // @ts-expect-error a name, which could come from outside
    users.orderBy('name')
  })

  it('takes numbers for a page', () => {
    users.limit(10).offset(20)
    // @ts-expect-error a string
    users.limit('10')
  })

  it('groups by columns', () => {
    users.groupBy((user) => user.active)
    users.groupBy((user) => [user.active, user.age])
    // @ts-expect-error no such column
    users.groupBy((user) => user.nope)
  })
})

describe('results', () => {
  it('gives entities of the class, with its getters', async () => {
    expectTypeOf(users.toList()).toEqualTypeOf<Promise<User[]>>()
    expectTypeOf(users.first()).toEqualTypeOf<Promise<User | null>>()
    expectTypeOf(users.one()).toEqualTypeOf<Promise<User>>()
    expectTypeOf((await users.one()).label).toEqualTypeOf<string>()
    expectTypeOf((await users.toList())[0]).toEqualTypeOf<User | undefined>()
    expectTypeOf(users.count()).toEqualTypeOf<Promise<number>>()
    expectTypeOf(users.exists()).toEqualTypeOf<Promise<boolean>>()
  })

  it('can be given by a function for every entity', () => {
    function all<C extends AnyEntityClass>(entity: C): Promise<EntityOf<C>[]> {
      return session.find(entity).toList()
    }
    function page<C extends AnyEntityClass>(query: Query<C>): Promise<EntityOf<C>[]> {
      return query.limit(10).toList()
    }
    expectTypeOf(all(Post)).toEqualTypeOf<Promise<Post[]>>()
    expectTypeOf(page(users.filter({ active: true }))).toEqualTypeOf<Promise<User[]>>()
  })
})

describe('locks', () => {
  it('keep the query, and take known options', () => {
    expectTypeOf(users.forUpdate({ skipLocked: true })).toEqualTypeOf<Query<typeof User>>()
    expectTypeOf(users.forShare()).toEqualTypeOf<Query<typeof User>>()
    // @ts-expect-error no such option
    users.forUpdate({ nowait: true })
    // @ts-expect-error not a boolean
    users.forUpdate({ noWait: 1 })
    expectTypeOf(users.forUpdate({ noKey: true })).toEqualTypeOf<Query<typeof User>>()
    // @ts-expect-error only rows that are updated can leave their keys to others
    users.forShare({ noKey: true })
    const waiting: LockOptions = { skipLocked: true }
    users.forUpdate(waiting).forShare(waiting)
  })

  it('name the row and to-one relations', () => {
    const posts = session.find(Post)
    expectTypeOf(posts.forUpdate({ of: (post) => post.author })).toEqualTypeOf<Query<typeof Post>>()
    posts.forShare({ of: (post) => [post, post.author] })
    // @ts-expect-error a column
    posts.forUpdate({ of: (post) => post.title })
    // @ts-expect-error a column among rows
    posts.forUpdate({ of: (post) => [post, post.author.name] })
    // @ts-expect-error no such relation
    posts.forUpdate({ of: (post) => post.editor })
    // @ts-expect-error the name of a relation
    posts.forUpdate({ of: 'author' })
  })
})
