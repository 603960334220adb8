/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  belongsTo,
  type CountLoader,
  countload,
  integer,
  joinedload,
  type Loader,
  manyToMany,
  type Query,
  selectinload,
  type Session,
  table,
  text,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import { Post, User } from './entities.ts'

const session = {} as Session

describe('default filters', () => {
  it('of a table see its columns, and give a condition', () => {
    const fields = { id: integer().primaryKey(), name: text(), user: () => belongsTo(User, 'id') }
    table('a', fields, { defaultFilter: (row) => row.name.ne('x') })
    // @ts-expect-error -- no relations
    table('b', fields, { defaultFilter: (row) => row.user.name.ne('x') })
    // @ts-expect-error -- another type
    table('c', fields, { defaultFilter: (row) => row.name.ne(1) })
    // @ts-expect-error -- no condition
    table('d', fields, { defaultFilter: (row) => row.name })
  })

  it('of a session see the columns of the entity', () => {
    session.addFilter(User, (user) => user.id.eq(1))
    // @ts-expect-error -- no relations
    session.addFilter(Post, (post) => post.author.has())
    // @ts-expect-error -- another type
    session.addFilter(User, (user) => user.id.eq('1'))
    // @ts-expect-error -- no such column
    session.addFilter(User, (user) => user.nothing.eq(1))
    // @ts-expect-error -- no condition
    session.addFilter(User, () => true)
    for (const entity of [User, Post]) session.addFilter(entity, (row) => row.id.eq(1))
  })

  it('are left out by queries, loaders and relations, whose types stay', () => {
    expectTypeOf(session.find(User).withDefaults(false)).toEqualTypeOf<Query<typeof User>>()
    expectTypeOf(selectinload(User.posts).withDefaults(false)).toEqualTypeOf<
      Loader<'users', Post>
    >()
    expectTypeOf(joinedload(User.posts).withDefaults(true)).toEqualTypeOf<Loader<'users', Post>>()
    expectTypeOf(countload(User.posts).withDefaults(false)).toEqualTypeOf<CountLoader<'users'>>()
    belongsTo(User, 'id', { withDefaults: false, lazy: 'peers' })
    manyToMany(User, { through: 'links', withDefaults: false })
    // @ts-expect-error -- a boolean
    belongsTo(User, 'id', { withDefaults: 'no' })
    // @ts-expect-error -- a boolean
    session.find(User).withDefaults('no')
  })
})
