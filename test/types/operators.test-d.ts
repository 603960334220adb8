/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  type Aggregate,
  array,
  avg,
  type ColumnRef,
  type Condition,
  count,
  escapeLike,
  type Expression,
  integer,
  jsonb,
  not,
  type Query,
  type Refs,
  sql,
  type Sql,
  sum,
  table,
  text,
  timestamptz,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import type { Post, Sample, User } from './entities.ts'

interface Settings {
  theme: { dark: boolean; accents?: string[] }
  sizes: { width: number }[]
  since: string | null
}

class Thing extends table('things', {
  id: integer().primaryKey(),
  tags: array(text()),
  orTags: array(text().nullable()).nullable(),
  moments: array(timestamptz()),
  grid: array(array(integer())),
  settings: jsonb<Settings>(),
  orSettings: jsonb<Settings>().nullable(),
  words: jsonb<string[]>(),
  byName: jsonb<Record<string, number>>(),
  anything: jsonb(),
  name: text(),
}) {}

const things = {} as Query<typeof Thing>
const samples = {} as Query<typeof Sample>
const posts = {} as Query<typeof Post>
const users = {} as Query<typeof User>

describe('a condition', () => {
  it('is a boolean where it is selected, grouped or ordered by', () => {
    const rows = posts
      .orderBy((post) => [post.likes.gt(10).desc(), post.comments.any().asc().nullsLast()])
      .select((post) => ({
        popular: post.likes.gt(10),
        old: not(post.author.age.lt(50)),
        commented: post.comments.any(),
        reviewed: post.reviewer.has(),
      }))
    interface Row {
      popular: boolean
      old: boolean
      commented: boolean
      reviewed: boolean
    }
    expectTypeOf(rows.toList()).resolves.toEqualTypeOf<Row[]>()
    const popular = (post: Refs<Post>): Condition => post.likes.gt(100)
    expectTypeOf(posts.select((post) => ({ is: popular(post) })).one()).resolves.toEqualTypeOf<{
      is: boolean
    }>()
    posts.groupBy((post) => post.likes.gt(10))
    expectTypeOf<Condition>().toExtend<Expression<boolean>>()
    // @ts-expect-error a boolean is no text
    users.filter((user) => user.name.eq(user.age.gt(1)))
    users.filter((user) => user.active.eq(user.age.gt(1)))
    // @ts-expect-error a condition without a direction
    posts.orderBy((post) => post.likes.gt(10))
  })

  it('may be your own SQL: in its place, or with its type', () => {
    users.filter(() => sql`true`)
    users.filter((user) => not(sql`${user.name} ~ 'a'`))
    const kept = sql<boolean>`true`
    users.filter(() => kept)
    const other = sql<number>`1`
    // @ts-expect-error a number
    users.filter(() => other)
  })

  it('filters what an aggregate is of', () => {
    const groups = posts.aggregate((post) => ({
      popular: count().filter(post.likes.gt(10)),
      mean: avg(post.likes).filter(post.comments.any()),
      total: sum(post.likes).filter(post.id.gt(1)).filter(post.id.lt(9)),
    }))
    interface Row {
      popular: number
      mean: number | null
      total: number | null
    }
    expectTypeOf(groups).resolves.toEqualTypeOf<Row[]>()
    expectTypeOf(count()).toEqualTypeOf<Aggregate<number>>()
    // @ts-expect-error a column
    void posts.aggregate((post) => ({ n: count().filter(post.likes) }))
    // @ts-expect-error the mean of a condition
    void posts.aggregate((post) => ({ n: avg(post.likes.gt(1)) }))
  })
})

describe('texts', () => {
  it('take texts', () => {
    users.filter((user) => user.name.startsWith('A'))
    users.filter((user) => user.passwordHash.endsWith('x', { ignoreCase: true }))
    users.filter((user) => user.manager.name.includes(escapeLike('%')))
    samples.filter((sample) => sample.mood.startsWith('o'))
    // @ts-expect-error of a number
    users.filter((user) => user.age.startsWith('1'))
    // @ts-expect-error a number
    users.filter((user) => user.name.includes(1))
    // @ts-expect-error a column
    users.filter((user) => user.name.includes(user.email))
    // @ts-expect-error no such option
    users.filter((user) => user.name.includes('a', { ignorecase: true }))
  })
})

describe('arrays', () => {
  it('take values of their items', () => {
    things.filter((thing) => thing.tags.contains(['a']))
    things.filter((thing) => thing.tags.containedBy(thing.words))
    things.filter((thing) => thing.orTags.overlaps(['a', null]))
    things.filter((thing) => thing.tags.overlaps(['a'] as const))
    things.filter((thing) => thing.orTags.has('a'))
    things.filter((thing) => thing.tags.has(thing.name))
    things.filter((thing) => thing.moments.has(new Date()))
    things.filter((thing) => thing.moments.contains([new Date()]))
    expectTypeOf<Refs<Thing>['tags']>().toEqualTypeOf<ColumnRef<string[]>>()
    // @ts-expect-error one value
    things.filter((thing) => thing.tags.contains('a'))
    // @ts-expect-error of another type
    things.filter((thing) => thing.tags.contains([1]))
    // @ts-expect-error of another type
    things.filter((thing) => thing.tags.has(1))
    // @ts-expect-error a column of another type
    things.filter((thing) => thing.tags.has(thing.id))
    // @ts-expect-error a column of other items
    things.filter((thing) => thing.tags.overlaps(thing.moments))
    // @ts-expect-error NULL is never an item
    things.filter((thing) => thing.orTags.has(null))
    // @ts-expect-error no item may be NULL
    things.filter((thing) => thing.tags.overlaps([null]))
    // @ts-expect-error of a text
    things.filter((thing) => thing.name.has('a'))
    // @ts-expect-error of a text
    things.filter((thing) => thing.name.contains('a'))
    // @ts-expect-error of a number
    things.filter((thing) => thing.id.overlaps([1]))
    // @ts-expect-error of a date
    users.filter((user) => user.createdAt.contains({}))
  })

  it('have a length', () => {
    const rows = things.select((thing) => ({
      tags: thing.tags.length(),
      orTags: thing.orTags.length(),
      grid: thing.grid.length(),
    }))
    interface Row {
      tags: number
      orTags: number | null
      grid: number
    }
    expectTypeOf(rows.one()).resolves.toEqualTypeOf<Row>()
    things.filter((thing) => thing.tags.length().gt(1))
    // @ts-expect-error of a text
    things.filter((thing) => thing.name.length().gt(1))
  })
})

describe('documents', () => {
  it('contain parts of their type', () => {
    things.filter((thing) => thing.settings.contains({ theme: { dark: true } }))
    things.filter((thing) => thing.settings.contains({ theme: { accents: ['red'] } }))
    things.filter((thing) => thing.orSettings.contains({ sizes: [{ width: 1 }], since: null }))
    things.filter((thing) => thing.settings.containedBy(thing.orSettings))
    things.filter((thing) => thing.words.contains(['a']))
    things.filter((thing) => thing.byName.contains({ a: 1 }))
    things.filter((thing) => thing.anything.contains('a'))
    // @ts-expect-error of another type
    things.filter((thing) => thing.settings.contains({ theme: { dark: 'yes' } }))
    // @ts-expect-error no such key
    things.filter((thing) => thing.settings.contains({ colour: 'red' }))
    // @ts-expect-error another item
    things.filter((thing) => thing.settings.contains({ sizes: [{ height: 1 }] }))
    // @ts-expect-error another column
    things.filter((thing) => thing.settings.contains(thing.byName))
  })

  it('have keys', () => {
    things.filter((thing) => thing.settings.hasKey('theme'))
    things.filter((thing) => thing.anything.hasAnyKey(['a', 'b']))
    things.filter((thing) => thing.orSettings.hasAllKeys(['a', 'b']))
    // @ts-expect-error no text
    things.filter((thing) => thing.settings.hasKey(1))
    // @ts-expect-error of a text
    things.filter((thing) => thing.name.hasKey('a'))
    // @ts-expect-error of a date
    users.filter((user) => user.createdAt.hasKey('a'))
  })

  it('have paths, with the type of what is there', () => {
    const rows = things.select((thing) => ({
      dark: thing.settings.at('theme', 'dark'),
      width: thing.orSettings.at('sizes', 0, 'width'),
      accents: thing.settings.at('theme', 'accents'),
      since: thing.settings.at('since'),
      word: thing.words.at(-1),
      named: thing.byName.at('a'),
      below: thing.settings.at('theme').at('dark'),
      stranger: thing.settings.at('nope'),
      anything: thing.anything.at('a', 0),
      text: thing.anything.textAt('a', 0),
    }))
    interface Row {
      dark: boolean | null
      width: number | null
      accents: string[] | null
      since: string | null
      word: string | null
      named: number | null
      below: boolean | null
      stranger: unknown
      anything: unknown
      text: string | null
    }
    expectTypeOf(rows.one()).resolves.toEqualTypeOf<Row>()
    const path: string[] = []
    expectTypeOf(
      things.select((thing) => ({ any: thing.settings.at(...path) })).one(),
    ).resolves.toEqualTypeOf<{ any: unknown }>()
    things.filter((thing) => thing.settings.at('theme').contains({ dark: true }))
    things.filter((thing) => thing.anything.at('a').eq({ any: ['thing', 1, null] }))
    things.filter((thing) => thing.anything.textAt('a').startsWith('b'))
    things.filter((thing) => thing.anything.matchesPath('$.a > $b', { b: 1 }))
    // @ts-expect-error of another type
    things.filter((thing) => thing.settings.at('theme', 'dark').eq('yes'))
    // @ts-expect-error no path
    things.filter((thing) => thing.settings.at(true).isNull())
    // @ts-expect-error of a text
    things.filter((thing) => thing.name.at('a').isNull())
    // @ts-expect-error a text is no number
    things.filter((thing) => thing.settings.textAt('since').gt(1))
    // @ts-expect-error of a text
    things.filter((thing) => thing.name.matchesPath('$'))
  })
})

describe('your own SQL', () => {
  it('is compared with values of its type', () => {
    const length = (user: Refs<User>): Sql<number> => sql<number>`length(${user.name})`
    users.filter((user) => length(user).gt(3))
    users.filter((user) => length(user).in([1, 2]))
    users.filter((user) => length(user).between(1, user.age))
    users.filter((user) => sql<string>`lower(${user.name})`.startsWith('a'))
    users.filter((user) => sql<Date | null>`max(${user.createdAt})`.eq(null))
    users.orderBy((user) => [length(user).desc(), length(user).asc().nullsFirst(), length(user)])
    // @ts-expect-error a text
    users.filter((user) => length(user).gt('3'))
    // @ts-expect-error null, which it never is
    users.filter((user) => length(user).eq(null))
    // @ts-expect-error no text
    users.filter((user) => length(user).startsWith('a'))
  })
})

describe('between', () => {
  it('takes columns of one type', () => {
    users.filter((user) => user.id.between(1, user.age))
    users.filter((user) => user.createdAt.between(user.manager.createdAt, new Date()))
    // @ts-expect-error of another type
    users.filter((user) => user.id.between(1, user.name))
    // @ts-expect-error null
    users.filter((user) => user.age.between(null, 1))
  })
})

describe('a list of related rows', () => {
  it('has the type of its values', () => {
    const rows = users.select((user) => ({
      titles: user.posts.list((post) => post.title),
      ages: user.posts.list((post) => post.reviewer.age),
      popular: user.posts.list((post) => post.likes.gt(10), {
        filter: (post) => post.comments.any(),
        orderBy: (post) => [post.likes.desc(), post.id.asc()],
      }),
      bodies: user.posts.list((post) => post.comments.list((comment) => comment.body)),
    }))
    interface Row {
      titles: string[]
      ages: (number | null)[]
      popular: boolean[]
      bodies: string[][]
    }
    expectTypeOf(rows.one()).resolves.toEqualTypeOf<Row>()
    expectTypeOf(
      posts.select((post) => ({ tags: post.tags.list((tag) => tag.name) })).one(),
    ).resolves.toEqualTypeOf<{ tags: string[] }>()
    // @ts-expect-error a relation
    users.select((user) => ({ n: user.posts.list((post) => post.author) }))
    // @ts-expect-error a row
    users.select((user) => ({ n: user.posts.list((post) => post) }))
    // @ts-expect-error no such column
    users.select((user) => ({ n: user.posts.list((post) => post.nope) }))
    // @ts-expect-error no condition
    users.select((a) => ({ n: a.posts.list((b) => b.id, { filter: (b) => b.id }) }))
    // @ts-expect-error no such option
    users.select((a) => ({ n: a.posts.list((b) => b.id, { where: () => sql`true` }) }))
    // @ts-expect-error a relation to one row
    posts.select((post) => ({ n: post.author.list((author) => author.id) }))
    // @ts-expect-error it cannot be compared
    users.filter((user) => user.posts.list((post) => post.id).eq([1]))
  })
})
