/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  and,
  type AnyEntityClass,
  belongsTo,
  type ColumnRef,
  type Condition,
  count,
  type EntityOf,
  hasMany,
  integer,
  type Operand,
  type OptionalToOne,
  type Query,
  type Refs,
  selectinload,
  type Session,
  table,
  text,
  type ToMany,
  type ToOne,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import {
  type Box,
  type Comment,
  type Line,
  type Parcel,
  Post,
  type Profile,
  type Tag,
  User,
} from './entities.ts'

const session = {} as Session
const posts = {} as Query<typeof Post>
const users = {} as Query<typeof User>
const post = {} as Refs<Post>
const user = {} as Refs<User>

describe('references of relations', () => {
  it('is the target, nullable as the relation is', () => {
    expectTypeOf(post.author).toEqualTypeOf<ToOne<User>>()
    expectTypeOf(post.reviewer).toEqualTypeOf<OptionalToOne<User>>()
    expectTypeOf(user.profile).toEqualTypeOf<OptionalToOne<Profile>>()
    expectTypeOf(post.comments).toEqualTypeOf<ToMany<Comment>>()
    expectTypeOf(post.tags).toEqualTypeOf<ToMany<Tag>>()
    expectTypeOf<Refs<Line>['parcels']>().toEqualTypeOf<ToMany<Parcel>>()
    expectTypeOf<Refs<Box>['line']>().toEqualTypeOf<ToOne<Line>>()
    expectTypeOf<Refs<Parcel>['line']>().toEqualTypeOf<OptionalToOne<Line>>()
  })

  it('has columns that may be null behind a relation that may be absent, however far away', () => {
    expectTypeOf(post.author.name).toEqualTypeOf<ColumnRef<string>>()
    expectTypeOf(post.author.age).toEqualTypeOf<ColumnRef<number | null>>()
    expectTypeOf(post.reviewer.name).toEqualTypeOf<ColumnRef<string | null>>()
    expectTypeOf(post.author.manager.name).toEqualTypeOf<ColumnRef<string | null>>()
    expectTypeOf(post.author.manager.profile.user.name).toEqualTypeOf<ColumnRef<string | null>>()
    expectTypeOf(post.comments.count()).toEqualTypeOf<Operand<number>>()
  })

  it('can be compared two and three levels away', () => {
    posts.filter((row) => row.author.name.eq('Ann'))
    posts.filter((row) => row.author.manager.age.gt(row.likes))
    posts.filter((row) => row.author.manager.manager.manager.name.isNull())
    posts.filter((row) => row.author.manager.name.eq(row.reviewer.name))
    posts.filter((row) => row.reviewer.name.eq(null))
    // @ts-expect-error the column is not nullable
    posts.filter((row) => row.author.name.eq(null))
    // @ts-expect-error no such column behind a relation
    posts.filter((row) => row.author.nope.eq(1))
    // @ts-expect-error a text for a number, behind two relations
    posts.filter((row) => row.author.manager.age.gt('a'))
    // @ts-expect-error a number has no ilike
    posts.filter((row) => row.author.age.ilike('a'))
    // @ts-expect-error a relation is no condition
    posts.filter((row) => row.author)
    // @ts-expect-error a relation is no column
    posts.filter((row) => row.author.eq(1))
  })

  it('asks whether rows of a to-many relation match', () => {
    posts.filter((row) => row.comments.any())
    posts.filter((row) => row.comments.none((comment) => comment.body.ilike('%x%')))
    posts.filter((row) =>
      row.tags.every((tag) => tag.posts.none((other) => other.author.profile.bio.like(`%y%`))),
    )
    posts.filter((row) => row.comments.any((comment) => comment.authorId.eq(row.authorId)))
    posts.filter((row) => row.comments.count((comment) => comment.author.active.eq(true)).gt(3))
    posts.filter((row) => row.author.posts.count().eq(row.comments.count()))
    // @ts-expect-error every needs a condition
    posts.filter((row) => row.comments.every())
    // @ts-expect-error a to-many relation has no columns
    posts.filter((row) => row.comments.body.eq('a'))
    // @ts-expect-error a text for a number, in a sub-query
    posts.filter((row) => row.comments.any((comment) => comment.postId.eq('a')))
    // @ts-expect-error no condition
    posts.filter((row) => row.comments.any((comment) => comment.body))
    // @ts-expect-error a number is no condition
    posts.filter((row) => row.comments.count())
    // @ts-expect-error a to-one relation has no any
    posts.filter((row) => row.author.any())
  })

  it('asks whether the row of a to-one relation is there and matches', () => {
    users.filter((row) => row.manager.has())
    users.filter((row) => row.manager.has((manager) => manager.age.gt(row.age)))
    users.filter((row) => row.profile.user.has((other) => other.name.eq('Ann')))
    // Within it the row is there: its columns are not nullable.
    users.filter((row) =>
      row.manager.has((manager) => {
        expectTypeOf(manager).toEqualTypeOf<Refs<User>>()
        return manager.name.eq('Ann')
      }),
    )
    // @ts-expect-error no such column
    users.filter((row) => row.manager.has((manager) => manager.nope.eq(1)))
    // @ts-expect-error a to-many relation has no has
    users.filter((row) => row.posts.has())
  })

  it('can be sorted by', () => {
    posts.orderBy((row) => [
      row.author.name.asc(),
      row.reviewer.name.desc().nullsLast(),
      row.comments.count().desc().nullsFirst(),
    ])
    // @ts-expect-error a column is no order
    posts.orderBy((row) => row.author.name)
    // @ts-expect-error a relation is no order
    posts.orderBy((row) => row.author)
  })
})

describe('generic code', () => {
  it('has the columns that all of its classes have', async () => {
    function newest<C extends typeof User | typeof Post>(entity: C): Promise<EntityOf<C> | null> {
      return session
        .find(entity)
        .filter((row) => row.id.gt(1))
        .orderBy((row) => row.id.desc())
        .first()
    }
    expectTypeOf(await newest(User)).toEqualTypeOf<User | null>()
    expectTypeOf(await newest(Post)).toEqualTypeOf<Post | null>()
    function titled<C extends typeof User | typeof Post>(entity: C): void {
      // @ts-expect-error a column of one of them
      session.find(entity).filter((row) => row.title.eq('x'))
      // @ts-expect-error values of an entity that is not known: a callback works
      session.find(entity).filter({ id: 1 })
    }
    titled(Post)
  })

  it('takes a query of anything', () => {
    const log = (query: Query<AnyEntityClass>): Promise<number> => query.count()
    void log(users)
    void log(posts.filter((row) => row.author.active.eq(true)))
  })

  it('takes conditions by the entity', () => {
    const popular = (row: Refs<Post>): Condition => and(row.likes.gt(9), row.tags.any())
    users.filter((row) => row.posts.any(popular))
    users.filter((row) => row.posts.count(popular).gt(1))
    // @ts-expect-error of another entity
    users.filter((row) => row.reports.any(popular))
    // @ts-expect-error an aggregate is no condition
    users.filter((row) => row.posts.any(() => count()))
  })
})

describe('what is at the edge', () => {
  class Note extends table('notes', {
    id: integer().primaryKey().generated(),
    has: text(),
    parentId: integer().nullable(),
    parent: () => belongsTo(Note, 'parentId'),
    children: () => hasMany(Note, 'parentId'),
    wrong: () => belongsTo(User, 'nope'),
  }) {
    // Inferred members may go through queries and relations of the class that they are in.
    static recent() {
      return session
        .find(Note)
        .filter((note) => note.parent.id.eq(1))
        .options(selectinload(Note.children))
        .toList()
    }

    async names() {
      return (await this.children).map((child) => child.has)
    }
  }

  it('infers members through the own class', () => {
    expectTypeOf(Note.recent()).toEqualTypeOf<Promise<Note[]>>()
    expectTypeOf({} as Note)
      .toHaveProperty('names')
      .returns.toEqualTypeOf<Promise<string[]>>()
  })

  // The checker sees both, so a declaration refuses the name when it runs.
  it('has a column named like a method of a relation', () => {
    session.find(Note).filter((note) => note.parent.has.eq('a'))
  })

  it('finds a wrong foreign key of belongsTo where the relation is used', () => {
    // @ts-expect-error NoSuchColumn<'nope'>
    session.find(Note).filter((note) => note.wrong.name.eq('x'))
    const note = {} as Note
    // @ts-expect-error NoSuchColumn<'nope'>
    expectTypeOf(note.wrong.value.name).toBeString()
  })
})
