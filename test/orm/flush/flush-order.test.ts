import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  belongsTo,
  type Entity,
  hasMany,
  integer,
  table,
  text,
  timestamptz,
  uuid,
} from '../../../orm/index.ts'
import { testDatabase } from '../../support/database.ts'
import { blog, Comment, Post, user, User } from '../../support/entities.ts'
import { coded } from '../../support/failure.ts'
import { refer } from '../../support/references.ts'
import { recordWire } from '../../support/recorder.ts'

const id = integer().primaryKey().generated()

class Employee extends table('employees', {
  id,
  name: text(),
  bossId: integer()
    .nullable()
    .references(() => Employee),
  boss: () => belongsTo(Employee, 'bossId'),
  team: () => hasMany(Employee, 'bossId'),
}) {}

// Two tables that refer to each other.
class Person extends table('people', {
  id,
  name: text(),
  bestPetId: integer()
    .nullable()
    .references(() => Pet),
  bestPet: () => belongsTo(Pet, 'bestPetId'),
}) {}

class Pet extends table('pets', {
  id,
  name: text(),
  ownerId: integer().references(() => Person),
  owner: () => belongsTo(Person, 'ownerId'),
}) {}

// A foreign key with a default.
class Toy extends table('toys', {
  id,
  ownerId: integer()
    .default(1)
    .references(() => Person),
  owner: () => belongsTo(Person, 'ownerId'),
}) {}

// A key that the program gives.
class Album extends table('albums', { code: text().primaryKey(), title: text() }) {}
class Track extends table('tracks', {
  id: uuid().primaryKey().generated(),
  albumCode: text().references(() => Album),
  album: () => belongsTo(Album, 'albumCode'),
}) {}

// Two tables that refer to each other, and one that refers to itself, with keys that the program may give.
class Author extends table('authors', {
  id: uuid().primaryKey().generated(),
  favouriteId: uuid()
    .nullable()
    .references(() => Book),
}) {}
class Book extends table('books', {
  id: uuid().primaryKey().generated(),
  authorId: uuid().references(() => Author),
  author: () => belongsTo(Author, 'authorId'),
}) {}
class Folder extends table('folders', {
  id: integer().primaryKey().generated(),
  madeAt: timestamptz().defaultNow(),
  parentId: integer()
    .nullable()
    .references(() => Folder),
  parent: () => belongsTo(Folder, 'parentId'),
}) {}

const { query, truncate, url } = await testDatabase([
  ...blog,
  Employee,
  Person,
  Pet,
  Toy,
  Album,
  Track,
  Author,
  Book,
  Folder,
])
beforeEach(truncate)

/** The statements of a flush as `insert users`, and `select keys`. */
async function writes(
  work: (add: (...entities: (Entity | Entity[])[]) => void) => void,
): Promise<string[]> {
  await using wire = recordWire(url)
  await wire.database.run((session) => work((...entities) => session.add(...entities)))
  return wire.texts.flatMap((text) => {
    if (text.startsWith('select')) return ['select keys']
    const written = [...text.matchAll(/(insert into|update|delete from) "(\w+)"/g)]
    const [, verb = ''] = written[0] ?? []
    const tables = written.map(([, , name = '']) => name).toSorted((a, b) => a.localeCompare(b))
    return tables.length === 0 ? [] : [`${verb.split(' ')[0]} ${tables.join(', ')}`]
  })
}

describe('inserts', () => {
  it('follow the foreign keys, in whatever order the entities were added', async () => {
    const author = user('ann')
    const post = new Post({ title: 'T', author })
    const comments = [new Comment({ body: '1', post }), new Comment({ body: '2', post })]
    expect(await writes((add) => add(...comments, post, author))).toEqual([
      'insert users',
      'insert posts',
      'insert comments',
    ])
    expect([post.authorId, comments[1]?.postId]).toEqual([author.id, post.id])
  })

  it('take the new entities along that were given for foreign keys', async () => {
    const comment = new Comment({
      body: 'B',
      post: new Post({ title: 'T', author: user('ann') }),
    })
    expect(await writes((add) => add(comment))).toHaveLength(3)
    const rows = await query(
      `select u.name, p.title, c.body from comments c join posts p on p.id = c.post_id join users u on u.id = p.author_id`,
    )
    expect(rows).toEqual([{ name: 'ann', title: 'T', body: 'B' }])
    expect(comment.post.value.author.value.label).toBe('ann <ann@example.com>')
  })

  it('take those along that have a key of their own, too', async () => {
    const tracks = ['a', 'b'].map((code) => new Track({ album: new Album({ code, title: code }) }))
    expect(await writes((add) => add(tracks))).toEqual(['insert albums', 'insert tracks'])
    expect(await query('select album_code from tracks order by 1')).toEqual([
      { album_code: 'a' },
      { album_code: 'b' },
    ])
  })

  it('of a table that refers to itself are one, once the rows have their keys', async () => {
    const boss = new Employee({ name: 'boss' })
    const middle = ['m1', 'm2'].map((name) => new Employee({ name, boss }))
    const workers = middle.flatMap((of) =>
      [1, 2, 3].map((n) => new Employee({ name: `${of.name}w${n}`, boss: of })),
    )
    expect(await writes((add) => add(workers))).toEqual(['select keys', 'insert employees'])
    expect(
      await query(
        `select b.name as boss, count(*)::int as team from employees e join employees b on b.id = e.boss_id group by 1 order by 1`,
      ),
    ).toEqual([
      { boss: 'boss', team: 2 },
      { boss: 'm1', team: 3 },
      { boss: 'm2', team: 3 },
    ])
  })

  it('of tables that refer to each other follow the entities', async () => {
    const owner = new Person({ name: 'ann' })
    const pet = new Pet({ name: 'rex', owner })
    const fan = new Person({ name: 'bob', bestPet: pet })
    expect(await writes((add) => add(fan))).toEqual(['select keys', 'insert people, pets'])
    expect(fan.bestPetId).toBe(pet.id)
  })

  it('of tables that refer to each other follow the keys that the program has given', async () => {
    const [first, second, bookId] = [randomUUID(), randomUUID(), randomUUID()]
    const author = new Author({ id: first })
    expect(
      await writes((add) =>
        add(
          new Author({ id: second, favouriteId: bookId }),
          new Book({ id: bookId, author }),
          new Book({ id: randomUUID(), authorId: second }),
        ),
      ),
    ).toEqual(['insert authors', 'insert books', 'insert authors', 'insert books'])
  })

  it('of a table that refers to itself follow the keys, where the rows give different columns', async () => {
    const madeAt = new Date(0)
    const top = new Folder({ id: 1 })
    const middle = new Folder({ id: 2, madeAt, parentId: 1 })
    const inner = new Folder({ id: 3, madeAt, parent: middle })
    const aside = new Folder({ id: 4, parent: inner })
    expect(await writes((add) => add(aside, inner, middle, top))).toHaveLength(3)
    expect(await query('select id, parent_id from folders order by id')).toEqual([
      { id: 1, parent_id: null },
      { id: 2, parent_id: 1 },
      { id: 3, parent_id: 2 },
      { id: 4, parent_id: 3 },
    ])
  })

  it('of a table that refers to itself are one statement, where the keys are known', async () => {
    const folders = Array.from(
      { length: 50 },
      (_, index) => new Folder({ id: 50 - index, parentId: index === 49 ? null : 49 - index }),
    )
    expect(await writes((add) => add(...folders))).toEqual(['insert folders'])
  })

  it('take what was said last: an entity, or a foreign key in its place', async () => {
    const boss = new Employee({ name: 'boss' })
    const [led, alone] = ['led', 'alone'].map((name) => new Employee({ name, boss }))
    ;(alone as Employee).bossId = null
    await writes((add) => add(boss, led as Employee, alone as Employee))
    expect(await query('select name, boss_id from employees order by name')).toEqual([
      { name: 'alone', boss_id: null },
      { name: 'boss', boss_id: null },
      { name: 'led', boss_id: boss.id },
    ])
    expect([await led?.boss, await alone?.boss]).toEqual([boss, null])
  })

  it('take an entity that has no key yet in place of a default', async () => {
    const owner = new Person({ name: 'ann' })
    const toy = new Toy({ owner })
    await writes((add) => add(new Person({ name: 'first' }), toy))
    expect(await query('select owner_id from toys')).toEqual([{ owner_id: owner.id }])
    expect(toy.owner.value).toBe(owner)
  })

  it('of new entities that need each other are one statement', async () => {
    const owner = new Person({ name: 'ann' })
    const pet = new Pet({ name: 'rex', owner })
    refer(owner, 'bestPet', pet)
    expect(await writes((add) => add(pet))).toEqual(['select keys', 'insert people, pets'])
    expect([owner.bestPetId, pet.ownerId]).toEqual([pet.id, owner.id])
    expect(await query('select best_pet_id, owner_id from people, pets')).toEqual([
      { best_pet_id: pet.id, owner_id: owner.id },
    ])
  })

  it('refuse to refer to an entity that was taken out again', async () => {
    const author = user('ann')
    const post = new Post({ title: 'T', author })
    await using wire = recordWire(url)
    await using session = wire.database.session()
    session.add(post)
    session.delete(author)
    await expect(session.flush()).rejects.toThrow(
      coded('DATA_BRIDGE_ERR_FLUSH', 'Post.author refers to a User that is not stored'),
    )
    await session.rollback()
  })
})

describe('updates', () => {
  it('come after the inserts that they refer to, and before the deletes', async () => {
    await using wire = recordWire(url)
    await wire.database.run(async (session) => {
      const [ann, bob] = [user('ann'), user('bob')]
      const post = new Post({ title: 'T', author: ann })
      session.add(ann, bob, post)
      await session.flush()
      wire.clear()
      session.delete(ann)
      post.authorId = bob.id
      session.add(user('cid'))
    })
    // UPDATE and DELETE are in a WITH that checks their rows, since COMMIT follows in the same exchange.
    const verb = /^(?:with written \(c0\) as \()?(\w+)/
    expect(wire.texts.map((text) => verb.exec(text)?.[1])).toEqual([
      'insert',
      'update',
      'delete',
      'commit',
    ])
    expect(await query('select name from users order by name')).toEqual([
      { name: 'bob' },
      { name: 'cid' },
    ])
  })
})

describe('deletes', () => {
  it('go against the foreign keys, in whatever order they were asked for', async () => {
    await using wire = recordWire(url)
    await wire.database.run(async (session) => {
      const author = user('ann')
      const post = new Post({ title: 'T', author })
      const comment = new Comment({ body: 'B', post })
      session.add(comment)
      await session.flush()
      wire.clear()
      session.delete(author, comment, post)
    })
    expect(wire.texts.slice(0, -1).map((text) => /"(\w+)"/.exec(text)?.[1])).toEqual([
      'comments',
      'posts',
      'users',
    ])
    expect(await query('select from users')).toEqual([])
  })

  it('of a table that refers to itself are one statement', async () => {
    await using wire = recordWire(url)
    await wire.database.run(async (session) => {
      const boss = new Employee({ name: 'boss' })
      const worker = new Employee({ name: 'worker', boss })
      session.add(worker)
      await session.flush()
      session.delete(boss, worker)
    })
    expect(await query('select from employees')).toEqual([])
  })

  it('of tables that refer to each other follow the rows', async () => {
    await using wire = recordWire(url)
    await wire.database.run(async (session) => {
      const author = new Author({})
      const book = new Book({ author })
      session.add(book)
      await session.flush()
      const fan = new Author({ favouriteId: book.id })
      session.add(fan)
      await session.flush()
      wire.clear()
      session.delete(author, book, fan)
    })
    expect(wire.texts.slice(0, -1).map((text) => /"(\w+)"/.exec(text)?.[1])).toEqual([
      'authors',
      'books',
      'authors',
    ])
    expect(await query('select from authors')).toEqual([])
  })

  it('leave to PostgreSQL what it removes by itself', async () => {
    await using wire = recordWire(url)
    await wire.database.run(async (session) => {
      const post = new Post({ title: 'T', author: user('ann') })
      session.add(new Comment({ body: 'B', post }))
      await session.commit()
      session.delete(post)
    })
    expect(await query('select from comments')).toEqual([])
  })

  it('are refused by PostgreSQL where rows still refer to them', async () => {
    await using wire = recordWire(url)
    const author = user('ann')
    await wire.database.run((session) => session.add(new Post({ title: 'T', author })))
    const work = wire.database.run(async (session) => {
      session.delete((await session.get(User, author.id)) as User)
    })
    await expect(work).rejects.toThrow(coded('DATA_BRIDGE_ERR_FOREIGN_KEY'))
    expect(await query('select name from users')).toEqual([{ name: 'ann' }])
  })
})
