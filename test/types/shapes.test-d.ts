/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  avg,
  type ColumnRef,
  count,
  type EntityOf,
  exists,
  firstValue,
  type GroupedRows,
  type JoinedQuery,
  lag,
  max,
  type OptionalRefs,
  type OptionalRowRefs,
  over,
  type Query,
  rank,
  type Refs,
  type RowRefs,
  rowNumber,
  type Rows,
  scalar,
  type Session,
  sql,
  sum,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import { Post, type Sample, User } from './entities.ts'

const session = {} as Session
const users = {} as Query<typeof User>
const posts = {} as Query<typeof Post>
const samples = {} as Query<typeof Sample>

const titles = posts.select((post) => ({
  id: post.id,
  title: post.title,
  at: post.author.createdAt,
}))

describe('rows', () => {
  it('are typed through select, filter, groups, select and union', async () => {
    const rows = posts
      .select((post) => ({
        author: post.author.name,
        reviewer: post.reviewer.name,
        likes: post.likes,
      }))
      .filter((row) => {
        expectTypeOf(row.likes).toEqualTypeOf<ColumnRef<number>>()
        expectTypeOf(row.reviewer).toEqualTypeOf<ColumnRef<string | null>>()
        return row.likes.gt(1)
      })
      .orderBy((row) => [row.likes.desc(), row.reviewer.asc().nullsLast()])
      .limit(10)
      .groupBy((row) => row.author)
      .having((row) => max(row.likes).gt(3))
      .select((row) => ({
        name: row.author,
        posts: count(),
        most: max(row.likes),
        mean: avg(row.likes),
      }))
      .filter((row) => row.posts.gt(1))
      .select((row) => ({ name: row.name, most: row.most }))
    expectTypeOf(rows).toEqualTypeOf<Rows<{ name: string; most: number | null }>>()
    const both = rows.union(users.select((user) => ({ most: user.age, name: user.name })))
    const list = await both.toList()
    expectTypeOf(list).toEqualTypeOf<{ name: string; most: number | null }[]>()
    expectTypeOf(list).not.toBeAny()
    expectTypeOf(await both.one()).toEqualTypeOf<{ name: string; most: number | null }>()
    expectTypeOf(await both.count()).toEqualTypeOf<number>()
  })

  it('have null where the other part of a union may have it', async () => {
    const ages = users
      .select((user) => ({ age: user.id }))
      .unionAll(users.select((user) => ({ age: user.age })))
    expectTypeOf(await ages.toList()).toEqualTypeOf<{ age: number | null }[]>()
    const known = users
      .select((user) => ({ age: user.id }))
      .intersect(users.select((user) => ({ age: user.age })))
    expectTypeOf(await known.toList()).toEqualTypeOf<{ age: number }[]>()
  })

  it('have the columns that were selected, with their types', () => {
    // @ts-expect-error a column of the table that was not selected
    titles.filter((row) => row.likes.gt(1))
    // @ts-expect-error in a second level
    titles.select((row) => ({ name: row.title })).filter((row) => row.title.eq('x'))
    // @ts-expect-error a relation
    titles.select((row) => ({ author: row.author }))
    // @ts-expect-error another type
    titles.filter((row) => row.id.eq('1'))
    // @ts-expect-error a number has no pattern
    titles.filter((row) => row.id.like('1'))
    // @ts-expect-error an object of values, which is for entities
    titles.filter({ id: 1 })
    // @ts-expect-error a column without a direction
    titles.orderBy((row) => row.id)
    titles.filter((row) => row.title.ilike('a%'))
    titles.filter((row) => row.at.gt(new Date()))
    titles.distinct((row) => [row.title, row.at])
  })

  it('of unions have the same properties and types', () => {
    // @ts-expect-error one property less
    titles.union(posts.select((post) => ({ id: post.id, title: post.title })))
    const other = posts.select((post) => ({
      id: post.title,
      title: post.title,
      at: sql<Date>`now()`,
    }))
    // @ts-expect-error another type
    titles.union(other)
    // @ts-expect-error entities
    titles.except(posts)
  })

  it('are named, and recursive', async () => {
    expectTypeOf(titles.cte()).toEqualTypeOf(titles)
    // @ts-expect-error no such option
    titles.cte({ materialised: true })
    const tree = users
      .filter((user) => user.managerId.isNull())
      .select((user) => ({ id: user.id, depth: sql<number>`1` }))
      .recursive((above) => {
        expectTypeOf(above).toEqualTypeOf<Rows<{ id: number; depth: number }>>()
        return users
          .join(above, (user, manager) => user.managerId.eq(manager.id))
          .select((user, manager) => ({ id: user.id, depth: sql<number>`${manager.depth} + 1` }))
      })
    expectTypeOf(await tree.toList()).toEqualTypeOf<{ id: number; depth: number }[]>()
    users
      .select((user) => ({ id: user.id }))
      // @ts-expect-error other properties
      .recursive(() => users.select((user) => ({ name: user.name })))
  })

  it('keep the types of every column', async () => {
    const rows = samples
      .select((sample) => ({
        exact: sample.exact,
        big: sample.big,
        theme: sample.orTheme,
        mood: sample.mood,
        labels: sample.labels,
        slug: sample.slug,
        anything: sample.anything,
      }))
      .limit(1)
      .select((row) => row)
    const [row] = await rows.toList()
    expectTypeOf(row?.exact).toEqualTypeOf<string | undefined>()
    expectTypeOf(row?.big).toEqualTypeOf<bigint | undefined>()
    expectTypeOf(row?.theme?.accents).toEqualTypeOf<string[] | undefined>()
    expectTypeOf(row?.mood).toEqualTypeOf<'ok' | 'sad' | undefined>()
    expectTypeOf(row?.labels).toEqualTypeOf<string[] | null | undefined>()
    expectTypeOf(row?.slug).toEqualTypeOf<{ path: string } | null | undefined>()
    expectTypeOf(row?.anything).not.toBeAny()
    // @ts-expect-error another member of the enumeration
    rows.filter((each) => each.mood.eq('bad'))
  })
})

describe('sub-queries', () => {
  it('give values of the type of the column', () => {
    users.filter((user) => user.id.in(posts.select((post) => ({ id: post.authorId }))))
    users.filter((user) => user.id.notIn(posts.select((post) => ({ id: post.reviewerId }))))
    titles.filter((row) => row.id.in(titles.select((other) => ({ id: other.id }))))
    // @ts-expect-error texts for a number
    users.filter((user) => user.id.in(posts.select((post) => ({ title: post.title }))))
    // @ts-expect-error the same
    users.filter((user) => user.id.notIn(posts.select((post) => ({ title: post.title }))))
    // @ts-expect-error two values, one of which does not fit
    users.filter((user) => user.id.in(posts.select((post) => ({ id: post.id, title: post.title }))))
    // @ts-expect-error entities
    users.filter((user) => user.id.in(posts))
    // @ts-expect-error a joined query, which selects nothing
    users.filter((user) => user.id.in(users.join(posts, () => sql`true`)))
  })

  it('are scalars, null without a row', async () => {
    const most = scalar(posts.select((post) => ({ most: max(post.likes) })))
    expectTypeOf(most).not.toBeAny()
    posts.filter((post) => post.likes.gte(most))
    const rows = await users
      .select((user) => ({
        name: user.name,
        first: scalar(session.find(Post).select((post) => ({ title: post.title }))),
      }))
      .toList()
    expectTypeOf(rows).toEqualTypeOf<{ name: string; first: string | null }[]>()
    // @ts-expect-error a text
    posts.filter((post) => post.title.eq(most))
    // @ts-expect-error entities
    scalar(posts)
    // @ts-expect-error no query
    scalar(1)
  })

  it('exist', () => {
    users.filter((user) => exists(session.find(Post).filter((post) => post.authorId.eq(user.id))))
    users.filter(() => exists(titles))
    // @ts-expect-error a relation
    users.filter((user) => exists(user.posts))
    // @ts-expect-error a promise
    users.filter(() => exists(posts.toList()))
  })
})

describe('joins', () => {
  it('see the rows of all, null behind a left join', async () => {
    const joined = users.leftJoin(posts, (user, post) => {
      expectTypeOf(post).toEqualTypeOf<OptionalRefs<Post>>()
      return post.authorId.eq(user.id)
    })
    expectTypeOf(joined).toEqualTypeOf<JoinedQuery<[Refs<User>, OptionalRefs<Post>]>>()
    const rows = await joined
      .join(titles, (_user, post, row) => {
        expectTypeOf(row.title).toEqualTypeOf<ColumnRef<string>>()
        return row.id.eq(post.id)
      })
      .filter((user, _post, row) => row.title.ne(user.name))
      .select((user, post, row) => ({
        name: user.name,
        likes: post.likes,
        author: post.author.name,
        title: row.title,
        n: post.comments.count(),
      }))
      .toList()
    expectTypeOf(rows).toEqualTypeOf<
      { name: string; likes: number | null; author: string | null; title: string; n: number }[]
    >()
    const left = titles.leftJoin(titles, (one, other) => one.id.eq(other.id))
    expectTypeOf(left).toEqualTypeOf<
      JoinedQuery<
        [
          RowRefs<{ id: number; title: string; at: Date }>,
          OptionalRowRefs<{ id: number; title: string; at: Date }>,
        ]
      >
    >()
    expectTypeOf(await left.select((_, other) => ({ at: other.at })).toList()).toEqualTypeOf<
      { at: Date | null }[]
    >()
  })

  it('have groups and aggregates', async () => {
    const rows = await users
      .join(posts, (user, post) => post.authorId.eq(user.id))
      .groupBy((user) => user.name)
      .having((_, post) => count(post.id).gt(1))
      .aggregate((user, post) => ({ name: user.name, likes: sum(post.likes) }))
    expectTypeOf(rows).toEqualTypeOf<{ name: string; likes: number | null }[]>()
  })

  it('refuse other columns, values and queries', () => {
    // @ts-expect-error a column of neither
    users.join(posts, (user, post) => post.nope.eq(user.id))
    // @ts-expect-error another type
    users.join(posts, (user, post) => post.title.eq(user.id))
    // @ts-expect-error no condition
    users.join(posts, (user) => user.id)
    // @ts-expect-error no query
    users.join(Post, () => sql`true`)
    // @ts-expect-error not selected
    users.join(titles, (user, row) => row.likes.eq(user.id))
  })
})

describe('window functions', () => {
  it('have the type of what they give', async () => {
    const rows = await posts
      .select((post) => ({
        place: over(rank(), { partitionBy: post.authorId, orderBy: post.likes.desc() }),
        before: over(lag(post.title), { orderBy: [post.id.asc()] }),
        first: over(firstValue(post.title)),
        reviewer: over(firstValue(post.reviewerId)),
        total: over(sum(post.likes), { partitionBy: [post.authorId, post.title] }),
        all: over(count()),
      }))
      .filter((row) => row.place.lte(3))
      .toList()
    expectTypeOf(rows).toEqualTypeOf<
      {
        place: number
        before: string | null
        first: string
        reviewer: number | null
        total: number | null
        all: number
      }[]
    >()
  })

  it('are refused without a function or a window', () => {
    // @ts-expect-error a column
    posts.select((post) => ({ likes: over(post.likes) }))
    // @ts-expect-error a count of related rows
    posts.select((post) => ({ comments: over(post.comments.count()) }))
    // @ts-expect-error a template
    posts.select(() => ({ one: over(sql<number>`1`) }))
    // @ts-expect-error a function without a window
    posts.select(() => ({ number: rowNumber() }))
    // @ts-expect-error an order in place of a column
    posts.select((post) => ({ place: over(rank(), { partitionBy: post.id.asc() }) }))
    // @ts-expect-error a column in place of an order
    posts.select((post) => ({ place: over(rank(), { orderBy: post.id }) }))
    // @ts-expect-error no such part
    posts.select((post) => ({ place: over(rank(), { orderedBy: post.id.asc() }) }))
    // @ts-expect-error a value
    posts.select(() => ({ before: over(lag('title')) }))
  })
})

describe('groups in select', () => {
  it('give a query of the values of each group', async () => {
    const perAuthor = posts
      .groupBy((post) => post.authorId)
      .having(() => count().gt(1))
      .select((post) => ({ authorId: post.authorId, posts: count(), likes: sum(post.likes) }))
    expectTypeOf(perAuthor).toEqualTypeOf<
      Rows<{ authorId: number; posts: number; likes: number | null }>
    >()
    const again = perAuthor.groupBy((row) => row.posts)
    expectTypeOf(again).toEqualTypeOf<
      GroupedRows<{ authorId: number; posts: number; likes: number | null }>
    >()
    expectTypeOf(
      await again.aggregate((row) => ({ posts: row.posts, authors: count() })),
    ).toEqualTypeOf<{ posts: number; authors: number }[]>()
  })
})

describe('generic code', () => {
  it('filters, orders, selects and groups several entities by what they share', async () => {
    async function overview<C extends typeof User | typeof Post>(entity: C) {
      const query = session.find(entity)
      const found: EntityOf<C>[] = await query
        .filter((row) => row.id.gt(1))
        .orderBy((row) => row.id.desc())
        .toList()
      const rows = query
        .select((row) => ({ key: row.id }))
        .filter((row) => row.key.gt(2))
        .union(query.select((row) => ({ key: row.id })))
      const groups = await query
        .groupBy((row) => row.id)
        .aggregate((row) => ({ id: row.id, n: count(), most: max(row.id) }))
      const inside = query.filter((row) => row.id.in(rows))
      return { found, rows: await rows.toList(), groups, n: await inside.count() }
    }
    const both = await overview(User)
    expectTypeOf(both.found).toEqualTypeOf<User[]>()
    expectTypeOf(both.rows).toEqualTypeOf<{ key: number }[]>()
    expectTypeOf(both.groups).toEqualTypeOf<{ id: number; n: number; most: number | null }[]>()
    expectTypeOf(await overview(Post)).not.toBeAny()
  })

  it('refuses what not all of them have', () => {
    function titled<C extends typeof User | typeof Post>(entity: C): void {
      // @ts-expect-error of one of them
      session.find(entity).select((row) => ({ title: row.title }))
      // @ts-expect-error the same
      session.find(entity).filter((row) => row.email.eq('x'))
    }
    titled(User)
  })
})
