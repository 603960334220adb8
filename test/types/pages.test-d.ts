/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  type AnyEntityClass,
  count,
  type EntityOf,
  type Page,
  type Query,
  type Session,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import { Post, User } from './entities.ts'

const session = {} as Session

describe('a page', () => {
  const users = session.find(User).orderBy((user) => user.name.asc())

  it('has entities, tokens, and a total where it was asked for', () => {
    expectTypeOf(users.limit(10).page()).resolves.toEqualTypeOf<Page<User>>()
    expectTypeOf(users.limit(10).page({ total: true })).resolves.toEqualTypeOf<Page<User, number>>()
    const total = {} as boolean
    expectTypeOf(users.limit(10).page({ total })).resolves.toEqualTypeOf<
      Page<User, number | undefined>
    >()
    expectTypeOf<Page<User>>().toHaveProperty('next').toEqualTypeOf<string | null>()
    expectTypeOf<Page<User>['total']>().toEqualTypeOf<undefined>()
    expectTypeOf<Page<User>['items'][number]>().not.toBeAny()
  })

  it('has rows of select() and of groups', () => {
    const rows = session.find(Post).select((post) => ({ id: post.id, author: post.author.name }))
    expectTypeOf(rows.limit(1).page()).resolves.toEqualTypeOf<
      Page<{ id: number; author: string }>
    >()
    const groups = session
      .find(Post)
      .groupBy((post) => post.authorId)
      .select((post) => ({ authorId: post.authorId, posts: count() }))
    expectTypeOf(groups.limit(1).page({ total: true })).resolves.toEqualTypeOf<
      Page<{ authorId: number; posts: number }, number>
    >()
  })

  it('takes tokens as they come from a request', () => {
    const query = {} as { after?: string; before?: string | null }
    void users.limit(1).page(query)
    void users.after(query.after).toList()
    // @ts-expect-error a token is a text
    void users.limit(1).page({ after: 1 })
    // @ts-expect-error a token is a text
    users.after(1)
    // @ts-expect-error no such option
    void users.limit(1).page({ size: 10 })
  })

  it('is known in code for any entity', () => {
    async function paged<C extends AnyEntityClass>(query: Query<C>): Promise<EntityOf<C>[]> {
      const page = await query.limit(10).page({ total: true })
      expectTypeOf(page.total).toEqualTypeOf<number>()
      return page.items
    }
    expectTypeOf(paged(session.find(Post))).resolves.toEqualTypeOf<Post[]>()
  })
})

describe('a stream', () => {
  it('gives entities or rows', async () => {
    for await (const user of session.find(User).stream()) expectTypeOf(user).toEqualTypeOf<User>()
    const names = session.find(User).select((user) => ({ name: user.name }))
    for await (const row of names.stream({ batchSize: 10 }))
      expectTypeOf(row).toEqualTypeOf<{ name: string }>()
    // @ts-expect-error no such option
    session.find(User).stream({ size: 10 })
  })
})
