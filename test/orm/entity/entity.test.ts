import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  belongsTo,
  bigint,
  boolean,
  hasMany,
  integer,
  jsonb,
  table,
  text,
  timestamptz,
  uuid,
} from '../../../orm/index.ts'
import { relationHandle } from '../../../orm/entity/relation-handle.ts'
import { stateOf } from '../../../orm/entity/entity-state.ts'
import { tableOf } from '../../../orm/schema/table-of.ts'
import { UnitOfWork } from '../../../orm/unit-of-work/unit-of-work.ts'
import { Comment, Post, User } from '../../support/entities.ts'
import { owner } from '../../support/entity-owner.ts'
import { coded, failure } from '../../support/failure.ts'

const id = integer().primaryKey().generated()
const ENTITY = 'DATA_BRIDGE_ERR_ENTITY'
const VALUE = 'DATA_BRIDGE_ERR_INVALID_VALUE'
const TYPE = 'DATA_BRIDGE_ERR_TYPE'
const SCHEMA = 'DATA_BRIDGE_ERR_SCHEMA'
const ann = () => new User({ name: 'Ann', email: 'ann@example.com' })

describe('new', () => {
  it('fills in defaults and NULL, and leaves to PostgreSQL what PostgreSQL makes', () => {
    expect(Object.assign({}, ann())).toEqual({
      id: undefined,
      name: 'Ann',
      email: 'ann@example.com',
      passwordHash: null,
      age: null,
      active: true,
      createdAt: undefined,
    })
  })

  it('gives each entity its own copy of a default', () => {
    class Box extends table('boxes', { id, tags: jsonb<string[]>().default([]) }) {}
    const first = new Box({})
    first.tags.push('x')
    expect(new Box({}).tags).toEqual([])
  })

  it('refuses a key that is neither a column nor a relation, and lists both', async () => {
    const { details: message } = await failure(
      ENTITY,
      () => new User({ name: 'A', email: 'a', pasword: 'x' } as never),
    )
    expect(message).toContain('User has no column or relation pasword; it has id, name, email')
  })

  it('names every column that is missing', async () => {
    const { details: message } = await failure(ENTITY, () => new User({ age: 3 } as never))
    expect(message).toBe('new User(…) is missing name and email')
  })

  it.each([
    [TYPE, { name: 5 }, 'User.name expected a string, got the number 5'],
    [TYPE, { age: '18' }, 'User.age expected a number, or null, got the string "18"'],
    [TYPE, { active: 'yes' }, 'User.active expected a boolean'],
    [TYPE, { createdAt: '2020-01-01' }, 'User.createdAt expected a Date'],
    [VALUE, { name: null }, 'got null'],
    [VALUE, { age: 1.5 }, 'got the number 1.5'],
    [VALUE, { age: 2147483648 }, 'got the number 2147483648'],
    [VALUE, { createdAt: new Date(Number.NaN) }, 'got an invalid Date'],
    [VALUE, { name: 'nul\0' }, 'without the character U+0000'],
  ] as const)('refuses with %s %j', async (code, values, message) => {
    const given = { name: 'A', email: 'a', ...values } as never
    expect((await failure(code, () => new User(given))).details).toContain(message)
  })

  it.each([undefined, null, 'x', [[]]])(
    'refuses %j in the place of its columns',
    async (values) => {
      expect((await failure(ENTITY, () => new User(values as never))).details).toContain(
        'new User(…) expected an object with its columns',
      )
    },
  )

  it('takes an entity for a foreign key, and uses its key at once where it has one', () => {
    const author = new User({ id: 7, name: 'A', email: 'a' })
    const post = new Post({ title: 'T', author })
    expect([post.authorId, post.author.isLoaded, post.author.value]).toEqual([7, true, author])
    expect(new Post({ title: 'T', author: ann() }).authorId).toBeUndefined()
  })

  it('refuses another entity for a foreign key, a contradiction, null, and a list', async () => {
    const author = new User({ id: 7, name: 'A', email: 'a' })
    const post = new Post({ title: 'T', author })
    const other = await failure(ENTITY, () => new Post({ title: 'T', author: post } as never))
    expect(other.details).toContain('author expected a User, got an object of Post')
    const both = () => new Post({ title: 'T', author, authorId: 8 } as never)
    expect((await failure(ENTITY, both)).details).toContain('contradict each other')
    class Note extends table('notes', {
      id,
      userId: integer().references(() => User),
      author: () => belongsTo(User, 'userId'),
      owner: () => belongsTo(User, 'userId'),
    }) {}
    const two = () => new Note({ author, owner: ann() })
    expect((await failure(ENTITY, two)).details).toContain('owner and author contradict each other')
    expect(new Note({ author, owner: author }).userId).toBe(7)
    const none = () => new Post({ title: 'T', author: null } as never)
    expect((await failure(ENTITY, none)).details).toContain('expected a User, got null')
    const many = () => new User({ name: 'A', email: 'a', posts: [post] } as never)
    expect((await failure(ENTITY, many)).details).toContain('posts leads to many rows')
  })
})

describe('an entity is plain data', () => {
  it('has its columns as own, enumerable, writable properties, and nothing else', () => {
    const entity = ann()
    expect(Object.keys(entity)).toEqual(tableOf(User).columns.map(({ property }) => property))
    expect(Reflect.ownKeys(entity)).toEqual(Object.keys(entity))
    entity.name = 'Bob'
    expect(entity).toEqual(expect.objectContaining({ name: 'Bob', active: true }))
  })

  it('can be spread, cloned, compared and printed', () => {
    const entity = ann()
    // oxlint-disable-next-line typescript/no-misused-spread -- that it can be spread is what is tested
    const copy = { ...entity }
    expect(structuredClone(copy)).toEqual(copy)
    expect(copy).toEqual(Object.fromEntries(Object.entries(entity)))
    expect(entity).not.toEqual(expect.objectContaining({ name: 'Bob' }))
    expect(inspect(entity)).toMatch(/^User \{\n {2}id: undefined,\n {2}name: 'Ann',/)
    expect(inspect(entity)).not.toMatch(/state|snapshot|posts/)
  })

  it('keeps the getters and methods of its class', () => {
    expect(ann().label).toBe('Ann <ann@example.com>')
  })

  it('refuses the assignment of a relation, and says what to do', async () => {
    const post = new Post({ title: 'T', authorId: 1 })
    const { details: message } = await failure(ENTITY, () => Object.assign(post, { author: ann() }))
    expect(message).toContain('assign its foreign key')
  })
})

describe('toJSON', () => {
  it('leaves hidden columns out, at every depth', () => {
    const user = new User({ name: 'A', email: 'a', passwordHash: 'secret' })
    expect(user.passwordHash).toBe('secret')
    expect(JSON.stringify(new Post({ title: 'T', author: user }))).not.toContain('secret')
    expect(user.toJSON()).not.toHaveProperty('passwordHash')
  })

  it('has no circle where both sides of a relation are loaded', () => {
    const user = new User({ id: 1, name: 'A', email: 'a' })
    const post = new Post({ id: 2, title: 'T', author: user })
    const comment = new Comment({ id: 3, body: 'B', post })
    relationHandle(user, 'posts').fill([post])
    relationHandle(post, 'comments').fill([comment])
    const json = JSON.parse(JSON.stringify(user)) as Record<string, never>
    expect(json).toMatchObject({
      id: 1,
      posts: [{ id: 2, author: { id: 1 }, comments: [{ id: 3, post: { id: 2 } }] }],
    })
    expect(json['posts']?.[0]?.['author']).not.toHaveProperty('posts')
  })

  it('goes round a circle of relations once, however many paths there are through it', () => {
    const people = Array.from(
      { length: 12 },
      (_, n) => new User({ id: n, name: `${n}`, email: '' }),
    )
    for (const author of people) {
      const posts = people.map((other) => {
        const post = new Post({ title: other.name, author })
        relationHandle(post, 'author').fill(other)
        return post
      })
      relationHandle(author, 'posts').fill(posts)
    }
    const [first] = JSON.parse(JSON.stringify(people)) as [{ posts: { author: unknown }[] }]
    const { author } = first.posts[1] as { author: { id: number; posts: object[] } }
    expect([author.id, author.posts.length]).toEqual([1, 12])
    expect(author.posts[2]).toMatchObject({ title: '2' })
    expect(author.posts[2]).not.toHaveProperty('author')
  })

  it('follows a tree to its leaves', () => {
    class Folder extends table('folders', {
      id,
      parentId: integer().nullable(),
      folders: () => hasMany(Folder, 'parentId'),
    }) {}
    const leaf = new Folder({ id: 9 })
    const top = Array.from({ length: 8 }, (_, n) => 8 - n).reduce((below, depth) => {
      const folder = new Folder({ id: depth })
      relationHandle(folder, 'folders').fill([below])
      return folder
    }, leaf)
    expect(
      JSON.stringify(top)
        .match(/"id":\d/g)
        ?.join(''),
    ).toBe([1, 2, 3, 4, 5, 6, 7, 8, 9].map((depth) => `"id":${depth}`).join(''))
  })

  it('is safe for bigint values, whatever their mode', () => {
    class Big extends table('bigs', {
      id,
      a: bigint(),
      b: bigint({ mode: 'number' }),
      c: bigint({ mode: 'bigint' }),
    }) {}
    const big = new Big({ a: '9223372036854775807', b: 2 ** 53 - 1, c: -(2n ** 63n) })
    expect(JSON.parse(JSON.stringify(big))).toMatchObject({
      a: '9223372036854775807',
      b: 9007199254740991,
      c: '-9223372036854775808',
    })
  })
})

describe('classes', () => {
  it('refuses an entity class that extends another', async () => {
    class Admin extends User {}
    const given = { name: 'A', email: 'a' }
    const { details: message } = await failure(SCHEMA, () => new Admin(given))
    expect(message).toContain('Admin extends the entity User')
    expect(() => new Admin(given)).toThrow(coded(SCHEMA))
    expect(() => tableOf(Admin)).toThrow(coded(SCHEMA))
  })

  it('refuses two classes of one table', async () => {
    const base = table('shared', { id })
    class First extends base {}
    class Second extends base {}
    expect(new First({})).toBeInstanceOf(First)
    const { details: message } = await failure(SCHEMA, () => new Second({}))
    expect(message).toContain('the table shared belongs to the class First')
  })

  it('works without a class that extends the table', () => {
    const Tag = table('tags', { id: uuid().primaryKey().generated(), label: text() })
    expect(new Tag({ label: 'x' }).label).toBe('x')
  })

  it('refuses an accessor that would hide a column', async () => {
    class Odd extends table('odd', { id, active: boolean(), at: timestamptz().nullable() }) {}
    Object.defineProperty(Odd.prototype, 'active', { get: () => true })
    const { details: message } = await failure(SCHEMA, () => new Odd({ active: true }))
    expect(message).toContain('class Odd has a method or accessor active')
  })

  it('refuses an initialiser that would hide a column, each time', () => {
    class Shadow extends table('shadows', { id, name: text() }) {
      override name = 'always'
    }
    expect(() => new Shadow({ name: 'x' })).toThrow('name')
    expect(() => new Shadow({ name: 'x' })).toThrow('name')
  })

  it('checks a class with the first instance that a session takes, and not again', () => {
    class Checked extends table('checked', { id, name: text() }) {}
    const isChecked = (entity: Checked) =>
      Object.getOwnPropertyDescriptor(entity, 'name')?.configurable === false
    const first = new Checked({ name: 'x' })
    expect([isChecked(first), isChecked(new Checked({ name: 'x' }))]).toEqual([true, true])
    new UnitOfWork(owner).add(first)
    expect(isChecked(new Checked({ name: 'x' }))).toBe(false)
  })

  it('takes back nothing but entities', async () => {
    const plain = await failure(ENTITY, () => stateOf({ id: 1 }))
    expect(plain.details).toBe('expected an entity, got an object')
    expect(() => tableOf(class {})).toThrow(coded(ENTITY))
    expect(() => tableOf(undefined)).toThrow(coded(ENTITY))
  })

  it('has its relations as statics for loaders', () => {
    class Owner extends table('owners', { id, pets: () => hasMany(Pet, 'ownerId') }) {}
    class Pet extends table('pets', {
      id,
      ownerId: integer().references(() => Owner),
      owner: () => belongsTo(Owner, 'ownerId'),
    }) {}
    expect([Object.keys(Owner), Owner.pets, Pet.owner]).toEqual([
      expect.anything(),
      expect.objectContaining({ name: 'pets' }),
      expect.objectContaining({ name: 'owner' }),
    ])
  })
})
