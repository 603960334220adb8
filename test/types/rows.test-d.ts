/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  avg,
  count,
  countDistinct,
  max,
  min,
  type Query,
  type Rows,
  type Selection,
  type Session,
  sql,
  sum,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import { Post, type Sample, type User } from './entities.ts'

const session = {} as Session
const users = {} as Query<typeof User>
const posts = {} as Query<typeof Post>
const samples = {} as Query<typeof Sample>

describe('select', () => {
  it('gives plain rows', async () => {
    const query = posts.select((post) => ({
      id: post.id,
      title: post.title,
      author: post.author.name,
      comments: post.comments.count(),
      at: sql<Date>`now()`,
    }))
    expectTypeOf(query).toEqualTypeOf<
      Rows<{ id: number; title: string; author: string; comments: number; at: Date }>
    >()
    expectTypeOf(await query.limit(3).first()).toEqualTypeOf<{
      id: number
      title: string
      author: string
      comments: number
      at: Date
    } | null>()
  })

  it('has null where a relation may be absent', async () => {
    const list = await posts
      .select((post) => ({
        reviewer: post.reviewer.name,
        boss: post.author.manager.name,
        bio: post.author.profile.bio,
        reports: post.reviewer.reports.count(),
      }))
      .toList()
    expectTypeOf(list).toEqualTypeOf<
      { reviewer: string | null; boss: string | null; bio: string | null; reports: number }[]
    >()
    // @ts-expect-error may be null
    list.map((row): string => row.reviewer)
  })

  it('keeps the type of every column', () => {
    const row = samples.select((sample) => ({
      safe: sample.safe,
      big: sample.big,
      at: sample.at,
      theme: sample.orTheme,
      anything: sample.anything,
      active: sample.boolean,
      mood: sample.mood,
      labels: sample.labels,
      slug: sample.slug,
    }))
    expectTypeOf(row).toEqualTypeOf<
      Rows<{
        safe: number
        big: bigint
        at: Date
        theme: { dark: boolean; accents: string[] } | null
        anything: unknown
        active: boolean
        mood: 'ok' | 'sad'
        labels: string[] | null
        slug: { path: string } | null
      }>
    >()
  })

  it('refuses what is no expression', () => {
    // @ts-expect-error a relation is no value of a row
    posts.select((post) => ({ author: post.author }))
    // @ts-expect-error the same, to many
    posts.select((post) => ({ id: post.id, comments: post.comments }))
    // @ts-expect-error a value
    posts.select((post) => ({ id: post.id, one: 1 }))
    // @ts-expect-error no such column
    posts.select((post) => ({ id: post.author.nope }))
  })

  it('can be given by a function', () => {
    const columns = (post: { readonly id: Selection<{ id: number }>['id'] }) => ({ id: post.id })
    expectTypeOf(posts.select(columns)).toEqualTypeOf<Rows<{ id: number }>>()
    function ids<C extends typeof User | typeof Post>(entity: C): Promise<{ id: number }[]> {
      return session
        .find(entity)
        .filter((row) => row.id.gt(3))
        .select((row) => ({ id: row.id }))
        .toList()
    }
    expectTypeOf(ids(Post)).toEqualTypeOf<Promise<{ id: number }[]>>()
  })
})

describe('aggregate', () => {
  it('groups by columns behind relations', async () => {
    const totals = await posts
      .groupBy((post) => [post.author.name, post.reviewer.active])
      .aggregate((post) => ({ author: post.author.name, active: post.reviewer.active, n: count() }))
    expectTypeOf(totals).toEqualTypeOf<{ author: string; active: boolean | null; n: number }[]>()
    // @ts-expect-error a to-many relation is no group
    posts.groupBy((post) => post.comments)
    // @ts-expect-error a relation has no value
    void users.aggregate((user) => ({ manager: user.manager }))
  })

  it('gives the values of an aggregate', async () => {
    const rows = await session
      .find(Post)
      .groupBy((post) => post.authorId)
      .aggregate((post) => ({
        authorId: post.authorId,
        title: post.title,
        posts: count(),
        titles: countDistinct(post.title),
        mean: avg(post.likes),
        likes: sum(post.likes),
        least: min(post.title),
        most: max(post.likes),
        raw: sql<string>`'x'`,
      }))
    expectTypeOf(rows).toEqualTypeOf<
      {
        authorId: number
        title: string
        posts: number
        titles: number
        mean: number | null
        likes: number | null
        least: string | null
        most: number | null
        raw: string
      }[]
    >()
  })

  it('has the types of both where an aggregate is one of two expressions', async () => {
    const byTitle = [true].at(0)
    const rows = await session
      .find(Post)
      .aggregate((post) => ({ most: byTitle ? max(post.title) : post.likes, n: count() }))
    expectTypeOf(rows).toEqualTypeOf<{ most: string | number | null; n: number }[]>()
  })

  it('keeps null and the type of every column in an aggregate', async () => {
    const rows = await samples.aggregate((sample) => ({
      orNull: sample.orNull,
      at: max(sample.at),
      amount: sum(sample.amount),
      exact: sum(sample.exact),
      mean: avg(sample.orNull),
      price: avg(sample.amount),
      theme: sample.theme,
    }))
    expectTypeOf(rows[0]?.orNull).toEqualTypeOf<number | null | undefined>()
    expectTypeOf(rows[0]?.at).toEqualTypeOf<Date | null | undefined>()
    expectTypeOf(rows[0]?.amount).toEqualTypeOf<string | null | undefined>()
    expectTypeOf(rows[0]?.exact).toEqualTypeOf<string | null | undefined>()
    expectTypeOf(rows[0]?.mean).toEqualTypeOf<number | null | undefined>()
    expectTypeOf(rows[0]?.price).toEqualTypeOf<number | null | undefined>()
    expectTypeOf(rows[0]?.theme.accents).toEqualTypeOf<string[] | undefined>()
    // @ts-expect-error the mean of dates
    void samples.aggregate((sample) => ({ mean: avg(sample.at) }))
    // @ts-expect-error the sum of dates
    void samples.aggregate((sample) => ({ total: sum(sample.at) }))
    // @ts-expect-error a value, not an expression
    void samples.aggregate(() => ({ one: 1 }))
    // @ts-expect-error no such value in a row
    void rows[0]?.nope
  })
})
