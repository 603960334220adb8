/* oxlint-disable vitest/expect-expect -- a comment that expects an error is an assertion */

import {
  type AnyEntityClass,
  belongsTo,
  countload,
  type CountLoader,
  hasMany,
  hasOne,
  integer,
  joinedload,
  type Key,
  type LazyMode,
  type Loader,
  manyToMany,
  type Query,
  raiseload,
  type Relation,
  type RelationRef,
  selectinload,
  type Session,
  table,
  type TableClass,
  type ToManyRelation,
  type ToOneRelation,
} from 'fastify-data-bridge/orm'
import { describe, expectTypeOf, it } from 'vitest'
import {
  type Box,
  Comment,
  Follow,
  type Line,
  type Parcel,
  Post,
  type Profile,
  Reply,
  type Tag,
  User,
} from './entities.ts'

const user = {} as User
const post = {} as Post

describe('relations of an entity', () => {
  it('is a list on the side of many', () => {
    expectTypeOf(user.posts).toEqualTypeOf<ToManyRelation<Post>>()
    expectTypeOf(user.reports).toEqualTypeOf<ToManyRelation<User>>()
    expectTypeOf(post.comments).toEqualTypeOf<ToManyRelation<Comment>>()
  })

  it('is as nullable as its foreign key on the other side', () => {
    expectTypeOf(post.author).toEqualTypeOf<ToOneRelation<User>>()
    expectTypeOf(user.manager).toEqualTypeOf<ToOneRelation<User | null>>()
    expectTypeOf(post.reviewer).toEqualTypeOf<ToOneRelation<User | null>>()
  })

  it('is one entity or null for hasOne', () => {
    expectTypeOf(user.profile).toEqualTypeOf<ToOneRelation<Profile | null>>()
  })

  it('is a list on both sides of a table between', () => {
    expectTypeOf(post.tags).toEqualTypeOf<ToManyRelation<Tag>>()
    expectTypeOf(post.tags.value[0]?.posts.value[0]?.author.value.label).toEqualTypeOf<
      string | undefined
    >()
  })

  it('is by several columns as by one, and nullable if one of them is', () => {
    expectTypeOf<Line['parcels']>().toEqualTypeOf<ToManyRelation<Parcel>>()
    expectTypeOf<Box['line']>().toEqualTypeOf<ToOneRelation<Line>>()
    expectTypeOf<Parcel['line']>().toEqualTypeOf<ToOneRelation<Line | null>>()
  })

  it('is read in three ways', async () => {
    expectTypeOf(await user.posts).toEqualTypeOf<Post[]>()
    expectTypeOf(await post.author).toEqualTypeOf<User>()
    expectTypeOf(await user.manager).toEqualTypeOf<User | null>()
    expectTypeOf(user.posts.load()).toEqualTypeOf<Promise<Post[]>>()
    expectTypeOf(user.posts.value).toEqualTypeOf<Post[]>()
    expectTypeOf(user.posts.isLoaded).toEqualTypeOf<boolean>()
  })

  it('is counted where it is a list', () => {
    expectTypeOf(user.posts.count()).toEqualTypeOf<Promise<number>>()
    expectTypeOf(user.posts.exists()).toEqualTypeOf<Promise<boolean>>()
    expectTypeOf(user.posts).toExtend<Relation<Post[]>>()
    expectTypeOf(post.author).toExtend<Relation<User>>()
    // @ts-expect-error one row: await it
    void post.author.count
    // @ts-expect-error one row: await it
    void post.author.exists
  })

  it('has the getters of its entity, however far away', () => {
    expectTypeOf(post.author.value.label).toEqualTypeOf<string>()
    expectTypeOf(post.comments.value[0]?.post.value.byline).toEqualTypeOf<string | undefined>()
  })

  it('is no list before it is loaded', () => {
    // @ts-expect-error await it, or read value
    void user.posts.length
    // @ts-expect-error the library loads it
    user.posts.value = []
  })
})

describe('statics of an entity', () => {
  it('names its relations, and nothing else', () => {
    expectTypeOf(User.posts).toEqualTypeOf<RelationRef<'users', Post>>()
    expectTypeOf(Post.author).toEqualTypeOf<RelationRef<'posts', User>>()
    expectTypeOf(User.name).toEqualTypeOf<string>()
    // @ts-expect-error columns are named in callbacks
    void User.email
  })

  it('has the ambient session', () => {
    expectTypeOf(User.get(1)).toEqualTypeOf<Promise<User | null>>()
    expectTypeOf(User.find()).toEqualTypeOf<Query<typeof User>>()
    expectTypeOf(User.oldest({} as Session)).toEqualTypeOf<Promise<User | null>>()
    const key: Key<Follow> = { followerId: 1, followeeId: 2 }
    expectTypeOf(Follow.get(key)).toEqualTypeOf<Promise<Follow | null>>()
    // @ts-expect-error a string for an integer key
    void User.get('1')
    // @ts-expect-error a part of a composite key
    void Follow.get({ followerId: 1 })
    // @ts-expect-error no key
    void User.get()
    // @ts-expect-error no key
    void User.get(null)
  })

  it('can be named by the fields and the name of its table', () => {
    const fields = { id: integer().primaryKey(), owner: () => hasMany(User, 'managerId') }
    class Thing extends table('things', fields) {}
    expectTypeOf(Thing).toExtend<TableClass<typeof fields, 'things'>>()
    expectTypeOf<TableClass<typeof fields, 'things'>['owner']>().toEqualTypeOf<
      RelationRef<'things', User>
    >()
    expectTypeOf<TableClass<typeof fields>>().toHaveProperty('find')
  })

  it('is an entity class, alone and in a list', () => {
    expectTypeOf(User).toExtend<AnyEntityClass>()
    expectTypeOf([User, Post, Comment]).toExtend<readonly AnyEntityClass[]>()
    // @ts-expect-error an entity is no class
    expectTypeOf(user).toExtend<AnyEntityClass>()
  })
})

describe('loaders', () => {
  const session = {} as Session
  const users = {} as Query<typeof User>

  it('fits the entity of its query', () => {
    const loaded = users.options(selectinload(User.posts), selectinload(User.manager))
    expectTypeOf(loaded).toEqualTypeOf<Query<typeof User>>()
    // @ts-expect-error a loader of another entity
    users.options(selectinload(Post.comments))
    // @ts-expect-error one of both is of another entity
    users.options(selectinload(User.posts), selectinload(Post.comments))
    // @ts-expect-error a relation is no loader
    users.options(User.posts)
  })

  it('fits the entity that it is nested in', () => {
    users.options(
      selectinload(User.posts).options(
        selectinload(Post.comments).options(selectinload(Comment.author)),
      ),
    )
    users.options(selectinload(User.manager).options(selectinload(User.reports)))
    // @ts-expect-error a nested loader of another entity
    users.options(selectinload(User.posts).options(selectinload(User.posts)))
    users.options(
      selectinload(User.posts).options(
        // @ts-expect-error the same, a level below
        selectinload(Post.comments).options(selectinload(User.posts)),
      ),
    )
  })

  it('has filters, an order and a limit for each parent, of its target', () => {
    const newest = selectinload(User.posts)
      .filter({ title: ['a', 'b'] }, (row) => row.author.manager.age.gt(row.likes))
      .orderBy((row) => [row.comments.count().desc(), row.id.desc().nullsLast()])
      .limit(3)
      .options(selectinload(Post.tags))
    expectTypeOf(newest).toEqualTypeOf<Loader<'users', Post>>()
    users.options(newest)
    // @ts-expect-error a loader of another entity
    session.find(Post).options(newest)
    // @ts-expect-error no such column of the target
    selectinload(User.posts).filter({ email: 'x' })
    // @ts-expect-error a text for a number
    selectinload(User.posts).filter((row) => row.likes.gt('x'))
    // @ts-expect-error a column of another entity
    selectinload(User.posts).orderBy((row) => row.email.asc())
    // @ts-expect-error a string
    selectinload(User.posts).limit('3')
    // @ts-expect-error a nested loader of another entity
    newest.options(selectinload(User.posts))
  })

  it('tells entities of one shape apart', () => {
    const comments = {} as Query<typeof Comment>
    comments.options(selectinload(Comment.post))
    // @ts-expect-error a loader of another entity, though it has the same columns
    comments.options(selectinload(Reply.post))
  })

  it('is the same with joins, and counts have nothing more to say', () => {
    const joined = joinedload(User.posts)
      .filter((row) => row.likes.gt(1))
      .orderBy((row) => row.title.asc())
      .limit(3)
      .options(joinedload(Post.author).options(selectinload(User.reports)), countload(Post.tags))
    expectTypeOf(joined).toEqualTypeOf<Loader<'users', Post>>()
    users.options(joined, countload(User.posts), selectinload(User.manager))
    expectTypeOf(countload(User.posts)).toEqualTypeOf<CountLoader<'users'>>()
    // @ts-expect-error a loader of another entity
    users.options(joinedload(Post.author))
    // @ts-expect-error a count of another entity
    users.options(countload(Post.comments))
    // @ts-expect-error a column of another entity
    joinedload(User.posts).filter((row) => row.email.eq('x'))
    // @ts-expect-error a count is that of the whole relation
    void countload(User.posts).filter
  })

  it('loads for entities in hand, of its own class', () => {
    expectTypeOf(session.load(user, selectinload(User.posts))).toEqualTypeOf<Promise<void>>()
    const list: readonly User[] = [user]
    void session.load(list, joinedload(User.posts), countload(User.posts))
    void session.load([user], selectinload(User.posts).options(selectinload(Post.comments)))
    // @ts-expect-error a loader of another entity
    void session.load(user, selectinload(Post.comments))
    // @ts-expect-error one of both is of another entity
    void session.load([user], selectinload(User.posts), selectinload(Post.comments))
    // @ts-expect-error entities of two classes
    void session.load([user, post], selectinload(User.posts))
    // @ts-expect-error no entity
    void session.load({ id: 1 }, selectinload(User.posts))
  })

  it('refuses a relation of the entity that it is given to', () => {
    const loaded = users.options(raiseload(User.posts), selectinload(User.manager))
    expectTypeOf(loaded).toEqualTypeOf<Query<typeof User>>()
    users.options(selectinload(User.posts).options(raiseload(Post.author), raiseload(Post.tags)))
    // @ts-expect-error of another entity
    users.options(raiseload(Post.author))
    // @ts-expect-error nested, of another entity
    users.options(selectinload(User.posts).options(raiseload(User.posts)))
    // @ts-expect-error it loads nothing that could be filtered
    raiseload(User.posts).filter({})
    // @ts-expect-error no relation
    raiseload(User.name)
    // @ts-expect-error no relation
    raiseload()
  })

  it('is made of a relation', () => {
    // @ts-expect-error the name of the class
    selectinload(User.name)
    // @ts-expect-error no such relation
    selectinload(User.nope)
    // @ts-expect-error the relation of an entity, not of its class
    selectinload(user.posts)
  })
})

describe('a lazy mode', () => {
  it('is one of three, on a query', () => {
    const users = {} as Query<typeof User>
    expectTypeOf(users.lazy('peers')).toEqualTypeOf<Query<typeof User>>()
    expectTypeOf<LazyMode>().toEqualTypeOf<'select' | 'peers' | 'raise'>()
    // @ts-expect-error no such mode
    users.lazy('eager')
    // @ts-expect-error no mode
    users.lazy()
  })

  it('is an option of every kind of relation, and changes none of their types', () => {
    class Node extends table('nodes', {
      id: integer().primaryKey(),
      parentId: integer().nullable(),
      parent: () => belongsTo(Node, 'parentId', { lazy: 'peers' }),
      children: () => hasMany(Node, 'parentId', { lazy: 'raise' }),
      only: () => hasOne(Node, 'parentId', { lazy: 'select' }),
      linked: () => manyToMany(Node, { through: Edge, from: 'fromId', to: 'toId', lazy: 'peers' }),
    }) {}
    class Edge extends table('edges', {
      fromId: integer().primaryKey(),
      toId: integer().primaryKey(),
    }) {}
    const node = {} as Node
    expectTypeOf(node.parent).toEqualTypeOf<ToOneRelation<Node | null>>()
    expectTypeOf(node.children).toEqualTypeOf<ToManyRelation<Node>>()
    expectTypeOf(node.only).toEqualTypeOf<ToOneRelation<Node | null>>()
    expectTypeOf(node.linked).toEqualTypeOf<ToManyRelation<Node>>()
    // @ts-expect-error no such mode
    hasMany(Node, 'parentId', { lazy: 'eager' })
    // @ts-expect-error no such option
    belongsTo(Node, 'parentId', { eager: true })
    // @ts-expect-error the mode is an option
    hasOne(Node, 'parentId', 'peers')
    // @ts-expect-error no such mode
    manyToMany(Node, { through: Edge, lazy: true })
  })
})
